"""Check the configuration files against the settings sections that the plugins register."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from . import plugins, process, protocols, settings, sources, specs
from .errors import AstrodomeError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from .registry import Plugin

SIMILARITY = 0.75
"""Smallest similarity of an unknown section to the section that a message suggests."""


def settings_models() -> dict[str, type[BaseModel]]:
    """Return the pydantic model for each section of the settings, keyed by section name."""
    process.keep_home_unchanged(always=True)  # Settings models may import libraries.
    return _host_models() | {
        name: protocols.load_settings(plugin, target) for name, plugin, target in _registered()
    }


def _host_models() -> dict[str, type[BaseModel]]:
    return {sources.SECTION: sources.settings_model(), settings.DASK: settings.dask_settings()}


def _registered() -> Iterator[tuple[str, Plugin, str]]:
    """Yield the sections that plugins register, and the import strings of their models."""
    for plugin in plugins.current().plugins:
        for spec in plugin.specs:
            for name, target in specs.settings_models(spec).items():
                yield name, plugin, target


def find_invalid_values() -> Iterator[str]:
    """Report unknown keys and invalid values in the configuration files and the environment."""
    found = settings.current()
    for name, model in _host_models().items():
        yield from _faults(found, name, model)
    for name, plugin, target in _registered():
        try:
            model = protocols.load_settings(plugin, target)
        except Exception:  # The examination of the plugin reports this problem.
            continue
        yield from _faults(found, name, model)


def _faults(found: settings.Settings, name: str, model: type[BaseModel]) -> Iterator[str]:
    try:
        if found.values(name):
            found.section(name, model)
    except AstrodomeError as error:
        yield from (line.strip().removesuffix(".") for line in error.message.splitlines())


def unknown_sections(*, only_misspelt: bool = False) -> list[str]:
    """Return messages about sections of the configuration files that no plugin registers.

    If ``only_misspelt`` is True, sections without a similar registered name are not reported. These
    sections are not errors, because they can belong to another app, to a plugin that is not
    installed, or to a configuration file of sdo-cli or SCoPe. A plugin itself checks the names of
    the sections for which it registers no model.
    """
    try:
        found = settings.current()
    except AstrodomeError:
        return []  # find_invalid_values reports this problem.
    checked = {sources.SECTION, settings.DASK, *(name for name, _, _ in _registered())}
    known = checked.union(
        name
        for plugin in plugins.current().plugins
        for spec in plugin.specs
        for name in specs.settings_sections(spec)
    )
    messages = []
    for origin, layer in found.layers:
        others = [name for name in layer if name not in known]
        close = {name: difflib.get_close_matches(name, checked, 1, SIMILARITY) for name in others}
        messages += [
            f"{origin}: '{name}': unknown section; did you mean '{similar[0]}'?"
            for name, similar in close.items()
            if similar
        ]
        rest = [f"'{name}'" for name in others if not close[name]]
        if rest and not only_misspelt:
            messages.append(
                f"{origin}: no active plugin uses the section{'s' if len(rest) > 1 else ''} "
                f"{', '.join(rest)}"
            )
    return messages
