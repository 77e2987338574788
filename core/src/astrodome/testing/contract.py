"""What every plugin keeps to, each rule as sentences about what breaks it."""

from __future__ import annotations

import ast
import inspect
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import astrodome

from .. import lazy, plugins, protocols
from ..errors import AstrodomeError
from ..hookspecs import CommandSpec
from ..isolation import Isolated

MARK = "astrodome-kit:"
HOOKS = ("register_commands", "register_sources", "register_models")
FREE = {"astrodome", "pluggy"}
"""What plugin.py may import beside the standard library and its own package."""
START_UP = FREE | {"typer", "annotated_doc", "shellingham", "typing_extensions"}
"""What a module with commands may import at its top."""


def problems(plugin: str, app: str = "sdo") -> list[str]:
    """Everything that is wrong with a plugin module, in sentences for its author."""
    alone = _import_alone(plugin)
    early = [*_unwanted(plugin, alone, FREE)]
    if isinstance(alone, str):
        return early
    module, found = _module(plugin)
    if module is None:
        return [*early, *found]
    found += wrong_hooks(module)
    registry = plugins.of(app, plugin=module)
    loaded = registry.plugins[0]
    if not found:
        found += wrong_state(plugin, loaded)
    with plugins.using(registry):
        for spec in loaded.specs:
            found += wrong_target(loaded, spec)
    found = [*early, *found, *wrong_names(loaded), *private_imports(plugin)]
    return list(dict.fromkeys(found))


def _module(plugin: str) -> tuple[Any, list[str]]:
    """Import a plugin; return the module, or None and the reason why it cannot be imported."""
    try:
        with Isolated():  # Effects on the process were already reported from a new process.
            return import_module(plugin), []
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin may raise anything
        return None, [f"{plugin} cannot be imported: {type(error).__name__}: {error}."]


def wrong_state(name: str, plugin: plugins.Plugin) -> Iterator[str]:
    """Yield why a plugin does not load, and the effects of its hooks on the process."""
    if plugin.status != "active":
        yield f"{name} does not load: {plugin.error}."
    for fault in plugin.faults:
        yield f"{name}: {fault}."


class PluginContract:
    """Subclass it, name the plugin's module, and pytest runs every rule."""

    plugin: str
    app: str = "sdo"

    def test_plugin_module_is_light(self) -> None:
        _expect(unwanted_imports(self.plugin))

    def _registry(self) -> plugins.Registry:
        module, wrong = _module(self.plugin)
        _expect(wrong)
        return plugins.of(self.app, plugin=module)

    def test_hooks_are_those_of_the_host(self) -> None:
        module, wrong = _module(self.plugin)
        _expect(wrong)
        _expect(wrong_hooks(module))

    def test_targets_exist_have_help_and_keep_their_protocol(self) -> None:
        registry = self._registry()
        plugin = registry.plugins[0]
        _expect(wrong_state(self.plugin, plugin))
        with plugins.using(registry):
            for spec in plugin.specs:
                _expect(wrong_target(plugin, spec))

    def test_names_can_be_typed_and_are_free(self) -> None:
        _expect(wrong_names(self._registry().plugins[0]))

    def test_only_the_public_interface_of_the_host_is_used(self) -> None:
        _expect(private_imports(self.plugin))


def _expect(found: Iterable[str]) -> None:
    sentences = list(found)
    assert not sentences, "\n".join(sentences)


def unwanted_imports(module: str, allowed: set[str] = FREE) -> Iterator[str]:
    """Yield the heavy libraries that a module imports, and effects of its import on the process.

    The module is imported first in a new process, as at every start.
    """
    yield from _unwanted(module, _import_alone(module), allowed)


def _import_alone(module: str) -> tuple[list[str], list[str]] | str:
    """Import a module in a new process.

    Return the modules that it imports and its effects on the process, or why it fails.
    """
    code = (
        "import sys, importlib, json, astrodome.app\n"
        "from astrodome.isolation import Isolated\n"
        "before = set(sys.modules)\n"
        f"with Isolated() as isolated: importlib.import_module({module!r})\n"
        "names = sorted({name.split('.')[0] for name in set(sys.modules) - before})\n"
        f"print('\\n{MARK}' + json.dumps([names, isolated.faults]))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=_environment(),
        check=False,
    )
    if ran.returncode:
        last = (ran.stderr.strip().splitlines() or ["no message"])[-1]
        return f"{module} cannot be imported: {last}."
    told = [line for line in ran.stdout.splitlines() if line.startswith(MARK)]
    if not told:
        return f"{module} ends the process while it is imported."
    names, faults = json.loads(told[-1].removeprefix(MARK))
    return names, faults


def _unwanted(
    module: str, alone: tuple[list[str], list[str]] | str, allowed: set[str]
) -> Iterator[str]:
    if isinstance(alone, str):
        yield alone
        return
    names, faults = alone
    for fault in faults:
        yield f"{module}: {fault}."
    own = module.split(".")[0]
    for name in names:
        if name not in allowed | {own} | sys.stdlib_module_names and not name.startswith("_"):
            yield (
                f"{module} imports {name}, and is read at every start of the command line: "
                f"import {name} inside the function or module that uses it."
            )


def _environment() -> dict[str, str]:
    import os

    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def wrong_hooks(module: Any) -> Iterator[str]:
    """Hooks with a name the host does not call, and functions that forgot the marker."""
    for name, function in inspect.getmembers(module, inspect.isroutine):
        marked = hasattr(function, "astrodome_impl")
        if marked and name not in HOOKS:
            yield (
                f"{module.__name__}.{name} is marked as a hook, but the host calls only "
                f"{', '.join(HOOKS)}: rename it."
            )
        elif name.startswith("register_") and not marked and function.__module__ == module.__name__:
            yield f"{module.__name__}.{name} is never called: mark it with @astrodome.hookimpl."


def wrong_target(plugin: plugins.Plugin, spec: Any) -> Iterator[str]:
    """A target that is dead, lacks a help text, or lacks what its protocol asks for."""
    try:
        target = plugins.load_target(spec.target, plugin, getattr(spec, "extra", ""))
        for model in plugins.settings_models(spec).values():
            plugins.load_target(model, plugin)
    except AstrodomeError as error:
        yield error.message
        return
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin may raise anything
        yield f"{spec.target} cannot be imported: {type(error).__name__}: {error}."
        return
    if isinstance(spec, CommandSpec):
        yield from unwanted_imports(spec.target.partition(":")[0], START_UP)
        if not spec.help.strip():
            yield f"The command '{spec.name}' has no help: give CommandSpec(help=…) a sentence."
        if wrong := lazy.fault(target):
            yield f"{spec.target} cannot be the command '{spec.name}': {wrong}."
            return
        try:
            command = lazy.real(target, lazy.Command(spec.name, help=spec.help))
        except Exception as error:  # For example, Typer does not support the type of a parameter.
            yield f"{spec.target} cannot be the command '{spec.name}': {error}"
            return
        yield from missing_help(command, spec.name)
        return
    if not spec.summary.strip():
        yield f"'{spec.name}' has no summary: say in a few words what it is."
    if wrong := protocols.fault(spec, target):
        yield f"{wrong}."


def missing_help(command: Any, path: str) -> Iterator[str]:
    """Commands and parameters, at any depth, that say nothing about themselves."""
    if not (command.help or "").strip():
        yield f"The command '{path}' has no help: give its function a docstring."
    for param in command.params:
        if not (getattr(param, "help", "") or "").strip() and not getattr(param, "hidden", False):
            shown = (
                param.opts[0] if param.param_type_name == "option" else param.human_readable_name
            )
            yield f"{shown} of '{path}' has no help: add help=… to it."
    for name, child in getattr(command, "commands", {}).items():
        yield from missing_help(child, f"{path} {name}")


def wrong_names(plugin: plugins.Plugin) -> Iterator[str]:
    """Names that cannot be typed easily or belong to the host."""
    for spec in plugin.specs:
        if (
            not plugins.normal(spec.name).replace("-", "").isalnum()
            or spec.name != spec.name.lower()
        ):
            yield f"'{spec.name}' is hard to type: use lower-case letters, digits, - and _."
    for command in plugin.commands:
        if command.name in plugins.RESERVED:
            yield f"The command '{command.name}' is the host's own: choose another name."


def private_imports(plugin: str) -> Iterator[str]:
    """Places where the plugin's package reaches into the host beyond ``astrodome.__all__``."""
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
                        "only the names in astrodome.__all__ are kept stable."
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
