"""Finding plugins, loading each one apart from the others, and what they registered."""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, TypeVar

import pluggy

from . import API_VERSION, hookspecs
from .errors import AstrodomeError, reason
from .hookspecs import CommandSpec, ModelSpec, SourceSpec

GROUP = "astrodome."
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
        return dist.name if dist else ""

    @property
    def version(self) -> str:
        dist = self.entry_point.dist if self.entry_point else None
        return dist.version if dist else ""

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
    try:
        return getattr(importlib.import_module(module), name)
    except ImportError as error:
        owner = plugin.owner if plugin else module.partition(".")[0]
        wanted = f"{owner}[{extra}]" if extra else owner
        raise AstrodomeError(
            f"{owner} cannot load {target}: {error}.",
            f"Install what it needs: pip install '{wanted}'",
        ) from error
    except AttributeError as error:
        owner = plugin.owner if plugin else module
        raise AstrodomeError(
            f"{owner} registers {target}, which does not exist.", f"Update or report {owner}."
        ) from error


def load(app: str, found: Iterable[EntryPoint] | None = None) -> Registry:
    """Load the plugins of one app; what fails is kept with its reason and stops nothing."""
    chosen = os.environ.get("ASTRODOME_PLUGINS")
    names = None if chosen is None else {normal(n.strip()) for n in chosen.split(",")}
    disabled = {normal(n) for n in remembered()["disabled"]}
    registry = Registry(app)
    entries = entry_points(group=GROUP + app) if found is None else found
    for entry in sorted(entries, key=lambda e: (e.name, e.value)):
        plugin = Plugin(entry.name, app, entry)
        registry.plugins.append(plugin)
        if names is not None and normal(entry.name) not in names:
            plugin.status, plugin.error = "disabled", "not named in ASTRODOME_PLUGINS"
        elif normal(entry.name) in disabled:
            plugin.status = "disabled"
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
    try:
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
        plugin.commands = _call(manager.hook.register_commands, CommandSpec)
        plugin.sources = _call(manager.hook.register_sources, SourceSpec)
        plugin.models = _call(manager.hook.register_models, ModelSpec)
        if taken := [spec.name for spec in plugin.commands if normal(spec.name) in RESERVED]:
            raise ValueError(f"it registers the command '{taken[0]}', which is the host's own")
    except (Exception, SystemExit) as error:
        plugin.status, plugin.error = "failed", reason(error)
        plugin.commands, plugin.sources, plugin.models = (), (), ()


def _call(hook: Callable[[], list[Iterable[Any]]], kind: type[Spec]) -> tuple[Spec, ...]:
    specs = tuple(spec for returned in hook() for spec in returned)
    for spec in specs:
        if not isinstance(spec, kind):
            raise ValueError(f"a hook returned {spec!r}, which is no {kind.__name__}")
    return specs


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


def state_file() -> Path:
    """Where disabled and installed plugins are remembered: in the per-user configuration."""
    from platformdirs import user_config_path

    return user_config_path("astrodome") / "plugins.json"


def remembered() -> dict[str, list[str]]:
    """Names of disabled plugins and of distributions installed by ``plugins install``."""
    path = state_file()
    try:
        saved = json.loads(path.read_text("utf-8"))
        return {key: [str(n) for n in saved.get(key, [])] for key in ("disabled", "installed")}
    except (FileNotFoundError, NotADirectoryError):
        return {"disabled": [], "installed": []}
    except (OSError, ValueError, AttributeError) as error:
        print(f"Warning: {path} is not readable ({error}); no plugin is disabled.", file=sys.stderr)
        return {"disabled": [], "installed": []}


def remember(key: str, name: str, present: bool) -> None:
    """Add a name to, or take it from, one of the remembered lists."""
    from .files import write_text

    saved = remembered()
    saved[key] = sorted({*saved[key], name} if present else {*saved[key]} - {name})
    write_text(state_file(), json.dumps(saved, indent=1) + "\n")
