"""Rules for plugins. Each rule is a function that yields problem descriptions."""

from __future__ import annotations

import ast
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import astrodome

from .. import lazy, parameters, plugins, protocols
from ..errors import similar
from ..hookspecs import CommandSpec, KindSpec
from ..registry import Plugin, Registry
from ..specs import AnySpec, dashed
from . import ENVIRONMENT, effects, registration

FREE = {"astrodome", "lazy_loader", "pluggy"}
"""Packages that plugin.py may import besides the standard library and the plugin's package."""
START_UP = FREE | {"typer", "annotated_doc", "shellingham", "typing_extensions"}
"""Packages that a module with commands may import at module level."""


def problems(plugin: str) -> list[str]:
    """Return descriptions of all problems with a plugin.

    Parameters
    ----------
    plugin
        Import name of the plugin module, for example ``"astrodome_moon.plugin"``.
    """
    try:
        early = unwanted_imports([plugin])
        module = effects.load(plugin)
    except ImportError as error:
        return [str(error)]
    found = list(wrong_hooks(module))
    with plugins.using(with_kinds(module)) as registry:
        loaded = registry.plugins[0]
        if not found:
            found += wrong_state(plugin, loaded)
        for spec in loaded.specs:
            found += wrong_target(loaded, spec)
        found += unwanted_imports(command_modules(loaded), START_UP)
    found = [*early, *found, *wrong_names(loaded), *private_imports(plugin)]
    return list(dict.fromkeys(found))


def with_kinds(module: Any) -> Registry:
    """Return a registry with the plugin and with the kinds that installed plugins declare."""
    registry = plugins.of("", **{module.__name__.partition(".")[0]: module})
    for plugin in plugins.load_all().plugins:
        plugin.specs = plugin.registered(KindSpec)
        registry.plugins.append(plugin)
    return registry


def wrong_state(name: str, plugin: Plugin) -> Iterator[str]:
    """Yield the error of a plugin that cannot be loaded, and its side effects on the process."""
    if plugin.status != "active":
        yield f"{name} cannot be loaded: {plugin.error}."
    for fault in plugin.faults:
        yield f"{name}: {fault}."


class PluginContract:
    """Conformance tests for a plugin. Subclass it in a test module, and set ``plugin``."""

    plugin: str
    """Import name of the plugin module."""

    def test_the_plugin_has_no_problems(self) -> None:
        found = problems(self.plugin)
        assert not found, "\n".join(found)

    def test_the_installed_entry_points_load_the_plugin(self) -> None:
        import pytest

        owners = registration.owners(self.plugin)
        if not owners:
            pytest.skip(f"{self.plugin} does not belong to an installed distribution")
        found = registration.problems(self.plugin, owners)
        assert not found, "\n".join(found)


def unwanted_imports(modules: Sequence[str], allowed: set[str] = FREE) -> list[str]:
    """Return messages about disallowed imports of modules, and about their changes to the process.

    The modules are imported in a new process, as at the start of the command line. If this has a
    problem, each module is imported in a separate process, where no other module hides its
    imports. Raises ImportError if a module cannot be imported.
    """
    if len(modules) > 1:
        try:
            if not _unwanted_imports(modules, allowed):
                return []
        except ImportError:
            pass  # The separate processes find the module that cannot be imported.
    return [text for module in modules for text in _unwanted_imports([module], allowed)]


def _unwanted_imports(modules: Sequence[str], allowed: set[str]) -> list[str]:
    """Import modules in one new process. The messages contain the name of the first module.

    The process starts with the default signal handlers and with a default file mode creation mask,
    because it inherits ignored signals and the mask from the process of the tests.
    """
    code = (
        "import os, signal, sys, importlib, json, astrodome.app\n"
        "from astrodome.isolation import Isolated, signal_handlers\n"
        "for number in signal_handlers():\n"
        "    signal.signal(number, signal.SIG_DFL)\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "signal.signal(signal.SIGPIPE, signal.SIG_IGN)\n"
        "os.umask(0o022)\n"
        "before = set(sys.modules)\n"
        f"with Isolated(strict={allowed is FREE}) as isolated:\n"
        f"    for module in {list(modules)!r}:\n"
        "        try: importlib.import_module(module)\n"
        "        except SystemExit as left: raise ImportError(f'SystemExit: {left}')\n"
        "names = sorted({name.split('.')[0] for name in set(sys.modules) - before})\n"
        "print('\\n' + json.dumps([names, isolated.faults]))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=ENVIRONMENT | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        check=False,
    )
    first = modules[0]
    if ran.returncode:
        last = (ran.stderr.strip().splitlines() or ["no message"])[-1]
        raise ImportError(f"{first} cannot be imported: {last}.")
    names, faults = json.loads(ran.stdout.splitlines()[-1])
    known = allowed | {first.split(".")[0]} | sys.stdlib_module_names
    return [f"{first}: {fault}." for fault in faults] + [
        f"{first} imports {name}, but it is imported at every start of the command line: "
        f"import {name} in the function or module that uses it."
        for name in names
        if name not in known and not name.startswith("_")
    ]


def wrong_hooks(module: Any) -> Iterator[str]:
    """Yield messages about unknown hooks, and about hooks that are not marked as ``hookimpl``."""
    for name, function in inspect.getmembers(module, inspect.isroutine):
        marked = hasattr(function, "astrodome_impl")
        if marked and name not in plugins.HOOKS:
            yield (
                f"{module.__name__}.{name} is marked as a hook, but the host calls only "
                f"{', '.join(plugins.HOOKS)}: rename it."
            )
        elif name.startswith("register_") and not marked and function.__module__ == module.__name__:
            rename = "" if name in plugins.HOOKS else similar(name, plugins.HOOKS)
            advice = rename.strip() or "mark it with @astrodome.hookimpl."
            yield f"{module.__name__}.{name} is never called: {advice}"


def command_modules(plugin: Plugin) -> list[str]:
    """Return the modules that contain the commands of a plugin and can be imported."""
    found = [
        spec.target.partition(":")[0]
        for spec in plugin.specs
        if isinstance(spec, CommandSpec) and not wrong_protocol(plugin, spec)
    ]
    return list(dict.fromkeys(found))


def wrong_protocol(plugin: Plugin, spec: AnySpec) -> list[str]:
    """Return problems with the import, the protocol and the contract of a target."""
    found = [f"{text.rstrip('.')}." for text, _ in protocols.examine(plugin, spec) if text]
    if text := protocols.undeclared(spec):
        found.append(f"{text}. Install the plugin that declares it, or use register_kinds.")
    return found


def wrong_target(plugin: Plugin, spec: AnySpec) -> Iterator[str]:
    """Yield problems with the target of a spec: import, protocol, contract and missing help."""
    found = wrong_protocol(plugin, spec)
    yield from found
    if not isinstance(spec, CommandSpec):
        if not spec.summary.strip():
            yield f"'{spec.name}' has no summary: add a short summary to its spec."
        return
    if not spec.help.strip():
        yield f"The command '{spec.name}' has no help: add help=… to its CommandSpec."
    if not found:
        target = plugins.load_target(spec.target, plugin)
        yield from missing_help(
            lazy.real(target, lazy.Command(spec.name, help=spec.help)), spec.name
        )


def missing_help(command: Any, path: str) -> Iterator[str]:
    """Yield a message for each command, subcommand or parameter that has no help text."""
    if not (command.help or "").strip():
        yield f"The command '{path}' has no help: add a docstring to its function."
    for param in command.params:
        if not parameters.help_text(param) and not parameters.is_hidden(param):
            yield f"{parameters.title(param)} of '{path}' has no help: add help=… to it."
    for name, child in getattr(command, "commands", {}).items():
        yield from missing_help(child, f"{path} {name}")


def wrong_names(plugin: Plugin) -> Iterator[str]:
    """Yield messages about names that are hard to type."""
    for spec in plugin.specs:
        if not dashed(spec.name).replace("-", "").isalnum() or spec.name != spec.name.lower():
            yield f"'{spec.name}' is hard to type: use lower-case letters, digits, - and _."


def private_imports(plugin: str) -> Iterator[str]:
    """Yield messages about imports of host names that are not in ``astrodome.__all__``."""
    spec = find_spec(plugin)
    if spec is None or not spec.origin:
        return
    folder = Path(spec.origin).parent
    for path in sorted(folder.rglob("*.py") if "." in plugin else [Path(spec.origin)]):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            for name in _host_names(node):
                if name not in astrodome.__all__:
                    line = getattr(node, "lineno", 0)
                    yield (
                        f"{path.name}:{line} uses astrodome.{name}, which is private: "
                        "only the names in astrodome.__all__ are stable."
                    )


def _host_names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name.startswith("astrodome."):
                yield alias.name.split(".")[1]
    elif isinstance(node, ast.ImportFrom) and not node.level:
        parts = (node.module or "").split(".")
        if parts == ["astrodome"]:
            yield from (alias.name for alias in node.names)
        elif parts[0] == "astrodome":
            yield parts[1]
