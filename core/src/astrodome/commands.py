"""The host's own commands: ``plugins`` and ``config``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from . import console, limits, plugins, process, settings, sources, state
from .errors import AstrodomeError
from .hookspecs import CommandSpec, SourceSpec

plugin_app = typer.Typer(help="List, check, install and switch plugins.", no_args_is_help=True)
config_app = typer.Typer(help="Show the settings and where they come from.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Name = Annotated[str, typer.Argument(help="Name of the plugin, or of its distribution.")]

SLOW = 0.1
"""Seconds that a plugin may take to load before ``doctor`` calls it slow."""


@plugin_app.command("list")
def list_plugins(as_json: Json = False) -> None:
    """List the installed plugins and their state."""
    console.show(
        (_summary(plugin) for plugin in plugins.current().plugins),
        columns=("name", "distribution", "version", "status", "brings", "error"),
        as_json=as_json,
    )


def _summary(plugin: plugins.Plugin) -> dict[str, Any]:
    hidden = {spec.name for spec in plugin.commands if spec.hidden}
    specs = [spec for spec in plugin.specs if not isinstance(spec, SourceSpec)]
    names = [spec.name for spec in specs if spec.name not in hidden]
    return {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "status": plugin.status,
        "brings": names + [f"{spec.kind}:{spec.name}" for spec in plugin.sources],
        "error": plugin.error,
    }


@plugin_app.command()
def info(name: Name, as_json: Json = False) -> None:
    """Show everything about one plugin: what it registers and from where."""
    plugin = _find(name)
    about = _summary(plugin) | {
        "target": plugin.entry_point.value if plugin.entry_point else "",
        "milliseconds to load": round(1000 * plugin.seconds, 1),
    }
    for spec in plugin.specs:
        about[f"{type(spec).__name__.removesuffix('Spec').lower()} {spec.name}"] = spec.target
    console.show_one(about, as_json=as_json)


@plugin_app.command()
def doctor(as_json: Json = False) -> None:
    """Import all that the plugins registered and report what is wrong; exit 1 if anything is."""
    process.keep_home_unchanged(always=True)
    registry = plugins.current()
    findings = [finding for plugin in registry.plugins for finding in _examine(plugin)]
    findings += [
        {"plugin": "", "status": "wrong", "finding": sentence} for sentence in registry.clashes()
    ]
    console.show(findings, columns=("plugin", "status", "finding"), as_json=as_json)
    if any(finding["status"] == "wrong" for finding in findings):
        raise typer.Exit(1)


def _examine(plugin: plugins.Plugin) -> Iterator[dict[str, str]]:
    def finding(status: str, text: str) -> dict[str, str]:
        return {"plugin": plugin.name, "status": status, "finding": text}

    if plugin.status != "active":
        wrong = plugin.status in ("failed", "incompatible")
        yield finding("wrong" if wrong else "off", f"{plugin.status}: {plugin.error}".rstrip(": "))
        return
    for fault in plugin.faults:
        yield finding("wrong", fault)
    if plugin.seconds > SLOW:
        yield finding("slow", f"takes {1000 * plugin.seconds:.0f} ms at every start")
    sound = 0
    for spec in plugin.specs:
        extra = getattr(spec, "extra", "")
        for target in (spec.target, *plugins.settings_models(spec).values()):
            known = len(plugin.faults)
            try:
                found = plugins.load_target(target, plugin, extra)
                if target == spec.target and (unusable := _target_fault(spec, found)):
                    yield finding("wrong", unusable)
                else:
                    sound += 1
            except AstrodomeError as error:
                yield finding("optional" if extra else "wrong", f"{error.message} {error.hint}")
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # a plugin may raise anything
                yield finding("wrong", f"{target} fails: {type(error).__name__}: {error}")
            for fault in plugin.faults[known:]:
                yield finding("wrong", fault)
    yield finding("ok", f"{sound} targets load")


def _target_fault(spec: plugins.AnySpec, target: Any) -> str:
    """Return why the target of a spec cannot be used; empty if it can."""
    from . import lazy, protocols

    if not isinstance(spec, CommandSpec):
        return protocols.fault(spec, target)
    wrong = lazy.fault(target)
    if not wrong:
        lazy.real(target, lazy.Command(spec.name, help=spec.help))
    return f"{spec.target}: {wrong}" if wrong else ""


@plugin_app.command()
def install(
    name: Annotated[str, typer.Argument(help="Distribution, path or a name of ours such as goes.")],
) -> None:
    """Install a plugin with the installer that this environment belongs to.

    The requirements of astrodome and of the installed plugins are kept. If the result does not
    work, the previous versions are restored.
    """
    from . import installer

    short = {
        plugins.normal(word): dist for app in plugins.OURS.values() for word, dist in app.items()
    }
    done = installer.install(name, short)
    owners = installer.plugins_by_distribution()
    new = [
        f"{plugin} ({dist} {version})"
        for dist, version in sorted(done.added.items())
        for plugin in dict.fromkeys(owners.get(dist, ()))
    ]
    if new:
        console.note(f"Installed: {', '.join(new)}.")
    else:
        console.warn(f"{name} contains no plugin that was not installed before.")


@plugin_app.command()
def uninstall(name: Name) -> None:
    """Uninstall the distribution of a plugin."""
    from . import installer

    plugin = _find(name)
    what = f"{plugin.distribution} {plugin.version}"
    installer.uninstall(plugin.distribution)
    console.note(f"Uninstalled: {what}.")


@plugin_app.command()
def enable(name: Name) -> None:
    """Load a disabled plugin again from the next start on."""
    _switch(name, disabled=False)


@plugin_app.command()
def disable(name: Name) -> None:
    """Leave a plugin out from the next start on."""
    _switch(name, disabled=True)


def _switch(name: str, *, disabled: bool) -> None:
    from . import installer

    plugin = _find(name)
    owners = installer.plugins_by_distribution()
    state.switch(plugin.name, plugin.distribution, off=disabled, installed=owners)
    console.note(f"{plugin.name} is {'disabled' if disabled else 'enabled'}.")


def _find(name: str) -> plugins.Plugin:
    wanted = plugins.normal(name)
    found = plugins.current().plugins
    for plugin in found:
        if wanted in (plugins.normal(plugin.name), plugins.normal(plugin.distribution)):
            return plugin
    known = ", ".join(plugin.name for plugin in found) or "none"
    raise AstrodomeError(f"There is no plugin '{name}'.", f"Installed: {known}.")


@config_app.command()
def show(
    section: Annotated[str, typer.Argument(help="Only this section.")] = "",
    origin: Annotated[bool, typer.Option("--origin", help="Say where each value is from.")] = False,
    as_json: Json = False,
) -> None:
    """Show the settings in force; secrets are masked."""
    rows = [row for row in _values() if not section or str(row["key"]).partition(".")[0] == section]
    if section and not rows:
        raise AstrodomeError(
            f"There is no section '{section}'.", "See them all: config show", exit_code=2
        )
    columns = ("key", "value", "origin") if origin else ("key", "value")
    if as_json:
        console.show_json([{name: row[name] for name in columns} for row in rows])
    else:
        console.show(({**row, "value": _short(row["value"])} for row in rows), columns=columns)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 120 else f"{text[:117]}..."


def _values() -> Iterator[dict[str, Any]]:
    process.keep_home_unchanged(always=True)  # Settings of a plugin may import its libraries.
    known = {
        sources.SECTION: sources.settings_model(),
        limits.SECTION: limits.settings_model(),
        settings.DASK: settings.dask_settings(),
    }
    for plugin in plugins.current().plugins:
        for spec in plugin.specs:
            for name, target in plugins.settings_models(spec).items():
                known[name] = plugins.load_target(target, plugin)
    found = settings.current()
    for name, model in known.items():
        given = found.values(name)
        for key, value in found.section(name, model).model_dump().items():
            yield {
                "key": f"{name}.{key}",
                "value": settings.masked(key, value),
                "origin": given[key][1] if key in given else settings.DEFAULT,
            }
    for name in found.sections():
        if name not in known:
            yield from _as_written(found, name)


def _as_written(found: settings.Settings, name: str) -> Iterator[dict[str, Any]]:
    """A section of a plugin that is not installed, or one that a command reads by itself."""
    for origin, layer in found.layers:
        value = layer.get(name)
        if value is not None and not isinstance(value, Mapping):
            yield {"key": name, "value": settings.masked(name, value), "origin": origin}
            return
    for key, (value, origin) in found.values(name).items():
        yield {"key": f"{name}.{key}", "value": settings.masked(key, value), "origin": origin}


@config_app.command()
def path(as_json: Json = False) -> None:
    """Show the files that settings and state are read from, the strongest first."""
    rows = [
        {"what": "settings", "path": str(file), "exists": file.is_file()}
        for file in settings.config_files()
    ]
    rows += [
        {"what": "home", "path": str(settings.home()), "exists": settings.home().is_dir()},
        {
            "what": "plugins",
            "path": str(state.path()),
            "exists": state.path().is_file(),
        },
    ]
    console.show(rows, as_json=as_json)
