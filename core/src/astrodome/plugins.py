"""Discover and load plugins.

Each plugin is loaded separately, so that a failure does not affect the other plugins.
"""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

import pluggy

from . import API_VERSION, distributions, hookspecs, reports, settings, specs, state
from .errors import AstrodomeError, similar, stops_everything
from .hookspecs import CheckSpec, CommandSpec, KindSpec, ModelSpec, SourceSpec, ViewSpec
from .isolation import Isolated
from .registry import Plugin, Registry
from .specs import AnySpec, dashed

GROUP = distributions.GROUP
NOT_CHOSEN = "ASTRODOME_PLUGINS does not contain it"
HOOKS: dict[str, type[AnySpec]] = {
    "register_commands": CommandSpec,
    "register_sources": SourceSpec,
    "register_models": ModelSpec,
    "register_views": ViewSpec,
    "register_kinds": KindSpec,
    "register_checks": CheckSpec,
}


def load_target(target: str, plugin: Plugin | None = None, extra: str = "") -> Any:
    """Import an object from an import string ``"package.module:name"``.

    ``plugin`` is the plugin that registered the object. ``extra`` is the name of the extra
    (optional dependencies) that the object requires. Raises AstrodomeError if a library or the name
    is missing, or if the module raises an exception, including SystemExit.
    """
    module, _, name = target.partition(":")
    owner = plugin.owner if plugin else module.partition(".")[0]
    isolated = Isolated()
    try:
        with isolated:
            return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        if reports.uses_missing_name(error):
            why = reports.incompatible(owner, f"{owner} uses an unavailable name ({error})")
            raise AstrodomeError(f"Cannot load {target}: {why}.") from error
        if isinstance(error, ImportError):
            line = reports.line(error, module.partition(".")[0])
            raise AstrodomeError(
                f"Cannot load {target}, which {owner} registers: {error}{line}.",
                _missing_library(plugin, owner, extra),
            ) from error
        if error.name != name or not isinstance(error.obj, ModuleType):
            raise _module_failed(target, plugin, error) from error
        raise AstrodomeError(
            f"{owner} registers {target}, which does not exist.",
            f"{reports.hint(plugin)}." if plugin else "",
        ) from error
    except (AstrodomeError, KeyboardInterrupt):
        raise
    except BaseException as error:  # A module of a plugin may raise any exception.
        if stops_everything(error):
            raise
        raise _module_failed(target, plugin, error) from error
    finally:
        if plugin and isolated.faults:
            from . import console

            for fault in isolated.faults:
                plugin.faults.append(f"{module}: {fault}")
                console.warn(f"{plugin.owner}, module {module}: {fault}")


def _missing_library(plugin: Plugin | None, owner: str, extra: str) -> str:
    """Return the hint for a library that a module imports and that is not installed."""
    if extra:
        return f"Install the missing library: pip install '{owner}[{extra}]'"
    if plugin and plugin.distribution:
        return (
            f"Install the missing library: pip install '{owner}'. If this does not help, it is not "
            f"in the requirements of {owner}."
        )
    return "Install the missing library."


def _module_failed(target: str, plugin: Plugin | None, error: BaseException) -> AstrodomeError:
    """Return the error for a module that raised an exception when it was imported."""
    package = target.partition(".")[0]
    owner = f"{plugin.owner} {plugin.version}".rstrip() if plugin else package
    why = reports.describe(error, package)
    return AstrodomeError(
        f"Cannot load {target}, which {owner} registers: {why}.",
        f"{reports.hint(plugin)}.",
        code="internal",
    )


def load(app: str, found: Iterable[EntryPoint] | None = None, *, activate: bool = True) -> Registry:
    """Load the plugins of an app. The error of a plugin that fails is stored in its registry entry.

    If ``activate`` is False, the plugins are only listed, and none of them is imported.
    """
    chosen = os.environ.get("ASTRODOME_PLUGINS")
    names = None if chosen is None else {dashed(n.strip()) for n in chosen.split(",")}
    disabled = state.disabled()
    registry = Registry(app)
    entries = entry_points(group=GROUP + app) if found is None else found
    for entry in sorted(entries, key=lambda e: (e.name, e.value)):
        plugin = Plugin(entry.name, app, entry)
        registry.plugins.append(plugin)
        if names is not None and dashed(entry.name) not in names:
            plugin.status, plugin.error = "disabled", NOT_CHOSEN
        elif state.is_disabled(disabled, entry.name, partial(getattr, plugin, "distribution")):
            plugin.status = "disabled"
        elif not activate:
            plugin.status = "not loaded"
        else:
            _activate(plugin, entry.load)
    if found is None and os.environ.get("ASTRODOME_PLUGIN_DIR"):
        registry.plugins += _in_folder(app, names, activate)
    return registry


def _in_folder(app: str, names: set[str] | None, activate: bool) -> Iterator[Plugin]:
    """Load the plugins in the plugin folder. Their errors name the file."""
    from . import plugin_folder

    for file in plugin_folder.find():
        entry = EntryPoint(file.name, file.module, GROUP + app)
        plugin = Plugin(file.name, app, entry, origin=str(file.path))
        if names is not None and dashed(file.name) not in names:
            plugin.status, plugin.error = "disabled", NOT_CHOSEN
        elif not activate:
            plugin.status = "not loaded"
        else:
            _activate(plugin, file.load)
            if plugin.error:
                plugin.error = f"{file.path}: {plugin.error}"
        yield plugin


def of(app: str, **modules: Any) -> Registry:
    """Return a registry that contains only the given plugin modules, and no installed plugins."""
    registry = Registry(app)
    for name, module in modules.items():
        plugin = Plugin(name, app)
        registry.plugins.append(plugin)
        _activate(plugin, lambda module=module: module)  # type: ignore[misc]
    return registry


def _activate(plugin: Plugin, get_module: Callable[[], Any]) -> None:
    """Import a plugin and call its hooks. An exception is stored in the plugin and not raised."""
    isolated = Isolated(strict=True)
    started = time.perf_counter()
    try:
        with isolated:
            module = get_module()
            plugin.error = _incompatibility(plugin, module)
            if plugin.error:
                plugin.status = "incompatible"
                return
            manager = pluggy.PluginManager("astrodome")
            manager.add_hookspecs(hookspecs)
            manager.register(module, plugin.name)
            _reject_unknown_hooks(module)
            plugin.faults += _unmarked(module)
            plugin.specs = tuple(
                spec
                for name, spec_class in HOOKS.items()
                for spec in _call(plugin, getattr(manager.hook, name), spec_class)
            )
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # A plugin may raise any exception.
        plugin.status = "failed"
        plugin.error = reports.describe(error, reports.package(plugin))
        if settings.options.debug:
            import traceback

            traceback.print_exception(error)
        if reports.uses_missing_name(error):
            plugin.status = "incompatible"
            plugin.error = reports.incompatible(
                plugin.owner, f"it uses an unavailable name ({error})"
            )
    finally:
        plugin.seconds = time.perf_counter() - started
        plugin.faults += isolated.faults
        if plugin.faults and plugin.status == "active":
            plugin.error = "; ".join(plugin.faults)


def _incompatibility(plugin: Plugin, module: Any) -> str:
    """Return a message if the interface version is incompatible, otherwise an empty string."""
    required = getattr(module, "REQUIRES_API", API_VERSION)
    numbers = isinstance(required, tuple) and {type(number) for number in required} == {int}
    if not numbers:
        return f"its REQUIRES_API is {required!r}: expected a tuple such as {API_VERSION}"
    if required[0] == API_VERSION[0] and required <= API_VERSION:
        return ""
    version = ".".join(map(str, required))
    if required < API_VERSION:
        return reports.incompatible(plugin.owner, f"it was written for version {version}")
    offered = ".".join(map(str, API_VERSION))
    return (
        f"it requires version {version} of the plugin interface, but the installed astrodome "
        f"provides version {offered}: update astrodome"
    )


def _reject_unknown_hooks(module: Any) -> None:
    """Raise ValueError if a function is marked as a hook that does not exist."""
    for name in dir(module):
        if name not in HOOKS and hasattr(getattr(module, name, None), "astrodome_impl"):
            raise ValueError(
                f"its function {name} is marked with @hookimpl, but this hook does not exist. "
                f"{similar(name, HOOKS)}The hooks are {', '.join(HOOKS)}"
            )


def _unmarked(module: Any) -> Iterator[str]:
    """Yield a message for each hook that is not marked, which would never be called."""
    for name, function in vars(module).items():
        own = getattr(function, "__module__", None) == getattr(module, "__name__", "")
        if not own or hasattr(function, "astrodome_impl"):
            continue
        if name in HOOKS:
            yield f"its function {name} is not marked with @hookimpl and is never called"
        elif name.startswith("register_") and (hint := similar(name, HOOKS)):
            yield f"its function {name} is never called. {hint.strip()}"


def _call(plugin: Plugin, hook: pluggy.HookCaller, spec_class: type[AnySpec]) -> Iterator[AnySpec]:
    for implementation in hook.get_hookimpls():  # pluggy would ignore None.
        returned: Any = implementation.function()
        if returned is None:
            plugin.faults.append(f"its hook {hook.name} returns None instead of a list of specs")
            continue
        for spec in returned:
            if not isinstance(spec, spec_class):
                raise ValueError(
                    f"its hook {hook.name} returned {spec!r}: expected a {spec_class.__name__}"
                )
            if wrong := specs.fault(spec):
                raise ValueError(wrong)
            yield spec


_current: ContextVar[Registry | None] = ContextVar("registry", default=None)


@contextmanager
def using(registry: Registry) -> Iterator[Registry]:
    """Use a registry for all lookups of commands, sources and models within the block."""
    token = _current.set(registry)
    try:
        yield registry
    finally:
        _current.reset(token)


def current() -> Registry:
    """Return the registry of the running app.

    Outside of an app, for example in a notebook, the registry contains the plugins of all apps.
    """
    registry = _current.get()
    if registry is None:
        registry = load_all()
        _current.set(registry)
    return registry


def load_all() -> Registry:
    """Load the plugins of all apps."""
    apps = sorted(g.removeprefix(GROUP) for g in entry_points().groups if g.startswith(GROUP))
    return Registry(plugins=[plugin for app in apps for plugin in load(app).plugins])
