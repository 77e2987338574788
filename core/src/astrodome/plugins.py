"""Finding plugins, loading each one apart from the others, and what they registered."""

from __future__ import annotations

import importlib
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, fields
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any, TypeVar

import pluggy

from . import API_VERSION, distributions, hookspecs, state
from .errors import AstrodomeError, reason
from .hookspecs import CommandSpec, ModelSpec, SourceSpec
from .isolation import Isolated

GROUP = distributions.GROUP
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
RESERVED = ("config", "plugins")
"""Commands of the host, which no plugin can take."""
OURS = {
    "sdo": {
        "data": "astrodome-sdo-data",
        "events": "astrodome-hek-events",
        "goes": "astrodome-goes",
        "sood": "astrodome-sood",
    },
    "scope": {"scope": "astrodome-ztf-scope"},
}
"""Commands of the project's own distributions by app, to say what to install."""

AnySpec = CommandSpec | SourceSpec | ModelSpec
Spec = TypeVar("Spec", CommandSpec, SourceSpec, ModelSpec)


@dataclass
class Plugin:
    """One entry point: its state, and what its hooks returned."""

    name: str
    app: str
    entry_point: EntryPoint | None = None
    status: str = "active"
    error: str = ""
    faults: list[str] = field(default_factory=list)
    """Effects on the process that the host undid; sentences about the plugin, with "it"."""
    seconds: float = 0.0
    commands: tuple[CommandSpec, ...] = ()
    sources: tuple[SourceSpec, ...] = ()
    models: tuple[ModelSpec, ...] = ()

    @property
    def specs(self) -> tuple[AnySpec, ...]:
        """Everything that it registered."""
        return (*self.commands, *self.sources, *self.models)

    @property
    def distribution(self) -> str:
        """The name of the distribution, which takes reading its metadata."""
        dist = self.entry_point.dist if self.entry_point else None
        return distributions.name_of(dist) if dist else ""

    @property
    def version(self) -> str:
        dist = self.entry_point.dist if self.entry_point else None
        return distributions.version_of(dist) if dist else ""

    @property
    def owner(self) -> str:
        return self.distribution or self.name


@dataclass
class Registry:
    """Plugins in the order of their names, and their specs by what is asked for."""

    app: str = ""
    plugins: list[Plugin] = field(default_factory=list)

    def commands(self) -> dict[str, list[tuple[Plugin, CommandSpec]]]:
        return self._by(lambda p: p.commands, lambda s: normal(s.name))

    def sources(self, kind: str) -> dict[str, list[tuple[Plugin, SourceSpec]]]:
        return self._by(lambda p: p.sources, lambda s: s.name if s.kind == kind else None)

    def models(self, task: str) -> dict[str, list[tuple[Plugin, ModelSpec]]]:
        return self._by(lambda p: p.models, lambda s: normal(s.name) if s.task == task else None)

    def _by(
        self, specs: Callable[[Plugin], tuple[Spec, ...]], key: Callable[[Spec], str | None]
    ) -> dict[str, list[tuple[Plugin, Spec]]]:
        found: dict[str, list[tuple[Plugin, Spec]]] = {}
        for plugin in self.plugins:
            for spec in specs(plugin):
                if (name := key(spec)) is None:
                    continue
                owned = found.setdefault(name, [])
                if all(spec != other for _, other in owned):  # one plugin may serve two apps
                    owned.append((plugin, spec))
        return found

    def clashes(self) -> Iterator[str]:
        """A sentence for each name that more than one plugin registered."""
        registered = {"command": self.commands()}
        for kind in sorted({s.kind for p in self.plugins for s in p.sources}):
            registered[f"{kind} source"] = self.sources(kind)  # type: ignore[assignment]
        for task in sorted({m.task for p in self.plugins for m in p.models}):
            registered[f"{task} model"] = self.models(task)  # type: ignore[assignment]
        for what, names in registered.items():
            for name, owned in names.items():
                if len(owned) > 1:
                    yield clash(what, name, owned).message


def normal(name: str) -> str:
    """The spelling under which a command or option is compared: ``ce_vae`` is ``ce-vae``."""
    return name.replace("_", "-")


def settings_models(spec: CommandSpec | SourceSpec | ModelSpec) -> dict[str, str]:
    """Section to the pydantic model that describes it, as a spec names them."""
    named = getattr(spec, "settings", "")
    if isinstance(named, str):
        return {spec.name: named} if named else {}
    return dict(named)


def clash(what: str, name: str, owned: Iterable[tuple[Plugin, Any]]) -> AstrodomeError:
    owners = " and ".join(sorted(plugin.owner for plugin, _ in owned))
    return AstrodomeError(
        f"The {what} '{name}' is registered twice, by {owners}, and neither is run.",
        "Disable one of them: sdo plugins disable NAME (or scope plugins disable NAME).",
    )


def only(what: str, name: str, owned: list[tuple[Plugin, Spec]]) -> tuple[Plugin, Spec]:
    """The one registration of a name, or the error that names every owner."""
    if len(owned) > 1:
        raise clash(what, name, owned)
    return owned[0]


def load_target(target: str, plugin: Plugin | None = None, extra: str = "") -> Any:
    """Import ``"package.module:name"``; a missing library says what to install."""
    module, _, name = target.partition(":")
    isolated = Isolated()
    try:
        with isolated:
            return getattr(importlib.import_module(module), name)
    except ImportError as error:
        owner = plugin.owner if plugin else module.partition(".")[0]
        wanted = f"{owner}[{extra}]" if extra else owner
        raise AstrodomeError(
            f"{owner} cannot load {target}: {error}.",
            f"Install what it needs: pip install '{wanted}'",
        ) from error
    except AttributeError as error:
        if error.name != name or not isinstance(error.obj, ModuleType):
            raise  # an error inside of the module
        owner = plugin.owner if plugin else module
        raise AstrodomeError(
            f"{owner} registers {target}, which does not exist.", f"Update or report {owner}."
        ) from error
    finally:
        if plugin:
            for fault in isolated.faults:
                plugin.faults.append(f"{module}: {fault}")
                print(f"Warning: {plugin.owner}, module {module}: {fault}", file=sys.stderr)


def load(app: str, found: Iterable[EntryPoint] | None = None, *, activate: bool = True) -> Registry:
    """Load the plugins of one app; a plugin that fails is registered with the reason.

    Without ``activate`` the plugins are only listed, and none of them is imported.
    """
    chosen = os.environ.get("ASTRODOME_PLUGINS")
    names = None if chosen is None else {normal(n.strip()) for n in chosen.split(",")}
    disabled = state.disabled()
    registry = Registry(app)
    entries = entry_points(group=GROUP + app) if found is None else found
    for entry in sorted(entries, key=lambda e: (e.name, e.value)):
        plugin = Plugin(entry.name, app, entry)
        registry.plugins.append(plugin)
        if names is not None and normal(entry.name) not in names:
            plugin.status, plugin.error = "disabled", "not named in ASTRODOME_PLUGINS"
        elif state.is_disabled(disabled, entry.name, partial(getattr, plugin, "distribution")):
            plugin.status = "disabled"
        elif not activate:
            plugin.status = "not loaded"
        else:
            started = time.perf_counter()
            _activate(plugin, entry.load)
            plugin.seconds = time.perf_counter() - started
    return registry


def of(app: str, **modules: Any) -> Registry:
    """A registry of given plugin modules, which never looks at what is installed."""
    registry = Registry(app)
    for name, module in modules.items():
        plugin = Plugin(name, app)
        registry.plugins.append(plugin)
        _activate(plugin, partial(_same, module))
    return registry


def _same(module: Any) -> Any:
    return module


def _activate(plugin: Plugin, get_module: Callable[[], Any]) -> None:
    """Import a plugin and call its hooks; an exception in it does not stop the program."""
    isolated = Isolated()
    try:
        with isolated:
            module = get_module()
            needed = tuple(getattr(module, "REQUIRES_API", API_VERSION))
            if needed[0] != API_VERSION[0] or needed > API_VERSION:
                plugin.status = "incompatible"
                plugin.error = (
                    f"it needs version {'.'.join(map(str, needed))} of the plugin interface, "
                    f"this host offers {'.'.join(map(str, API_VERSION))}; update astrodome"
                )
                return
            manager = pluggy.PluginManager("astrodome")
            manager.add_hookspecs(hookspecs)
            manager.register(module, plugin.name)
            manager.check_pending()
            plugin.commands = _call(plugin, manager.hook.register_commands, CommandSpec)
            plugin.sources = _call(plugin, manager.hook.register_sources, SourceSpec)
            plugin.models = _call(plugin, manager.hook.register_models, ModelSpec)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin may raise anything
        plugin.status, plugin.error = "failed", reason(error)
        plugin.commands, plugin.sources, plugin.models = (), (), ()
    finally:
        plugin.faults += isolated.faults
        if plugin.faults and plugin.status == "active":
            plugin.error = "; ".join(plugin.faults)


def _call(plugin: Plugin, hook: pluggy.HookCaller, kind: type[Spec]) -> tuple[Spec, ...]:
    found: list[Spec] = []
    for implementation in hook.get_hookimpls():  # pluggy itself would ignore None.
        returned: Any = implementation.function()
        if returned is None:
            plugin.faults.append(f"its hook {hook.name} returns None instead of a list of specs")
            continue
        for spec in returned:
            if not isinstance(spec, kind):
                raise ValueError(f"a hook returned {spec!r}, which is not a {kind.__name__}")
            if wrong := spec_fault(spec):
                raise ValueError(wrong)
            found.append(spec)
    return tuple(found)


def spec_fault(spec: AnySpec) -> str:
    """Return why a spec is unusable: its name or the type of a field; empty if it is usable."""
    what = type(spec).__name__
    for part in fields(spec):
        value = getattr(spec, part.name)
        if part.name == "verbs":
            if not isinstance(value, tuple) or not all(isinstance(v, str) for v in value):
                return f"the verbs of its {what} '{spec.name}' must be a tuple of strings"
        elif part.type == "str" and not isinstance(value, str):
            return f"the field {part.name} of its {what} must be a string, not {value!r}"
        elif part.type == "bool" and not isinstance(value, bool):
            return f"the field {part.name} of its {what} must be True or False, not {value!r}"
        elif part.name == "settings" and not isinstance(value, str | Mapping):
            return f"the settings of its {what} must be a string or a mapping, not {value!r}"
    if not NAME.fullmatch(spec.name):
        return (
            f"it registers the invalid name {spec.name!r} (a name starts with a letter or a "
            "digit and consists of letters, digits, - and _)"
        )
    if isinstance(spec, CommandSpec) and normal(spec.name) in RESERVED:
        return f"it registers the command '{spec.name}', which is the host's own"
    module, colon, name = spec.target.partition(":")
    if not (colon and name.isidentifier() and all(p.isidentifier() for p in module.split("."))):
        return f"the target {spec.target!r} of '{spec.name}' must be 'package.module:name'"
    return ""


def culprit(registry: Registry, error: BaseException) -> Plugin | None:
    """Return the plugin whose package raised an exception; the innermost if there are several."""
    packages = {
        plugin.entry_point.module.partition(".")[0]: plugin
        for plugin in registry.plugins
        if plugin.entry_point
    }
    found = None
    trace = error.__traceback__
    while trace:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        found = packages.get(module.partition(".")[0], found)
        trace = trace.tb_next
    return found


TRACKERS = ("issue", "bug", "tracker", "source", "repository", "homepage", "home-page")
"""Parts of the labels of project URLs; the best place for a report comes first."""


def tracker(plugin: Plugin) -> str:
    """Return the project URL for reporting a fault; empty if the metadata has none."""
    dist = plugin.entry_point.dist if plugin.entry_point else None
    urls = (dist.metadata.get_all("Project-URL") or []) if dist else []
    named = [(label.lower(), url.strip()) for label, _, url in (u.partition(",") for u in urls)]
    if dist and (home := dist.metadata["Home-page"]):
        named.append(("home-page", home))
    return next((url for part in TRACKERS for label, url in named if part in label), "")


_current: ContextVar[Registry | None] = ContextVar("registry", default=None)


@contextmanager
def using(registry: Registry) -> Iterator[Registry]:
    """Make a registry the one that commands, sources and models are looked up in."""
    token = _current.set(registry)
    try:
        yield registry
    finally:
        _current.reset(token)


def current() -> Registry:
    """The registry of the running app; in a notebook, the plugins of every app."""
    registry = _current.get()
    if registry is None:
        apps = sorted(g.removeprefix(GROUP) for g in entry_points().groups if g.startswith(GROUP))
        registry = Registry(plugins=[plugin for app in apps for plugin in load(app).plugins])
        _current.set(registry)
    return registry
