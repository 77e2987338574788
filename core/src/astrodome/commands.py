"""Commands of the host: ``plugins`` and ``config``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from . import (
    console,
    environments,
    installer,
    outputs,
    plugins,
    process,
    settings,
    settings_checks,
    specs,
    state,
    suggestions,
)
from . import doctor as health_checks
from .errors import AstrodomeError, InvalidInputError
from .hookspecs import CommandSpec, KindSpec, ModelSpec, SourceSpec, ViewSpec
from .host_outputs import (
    FindingRow,
    NewPluginDocument,
    PathRow,
    PluginDetails,
    PluginRow,
    SettingRow,
)
from .option_groups import Json, option
from .registry import Plugin

plugin_app = typer.Typer(help="List, check, install and disable plugins.", no_args_is_help=True)
config_app = typer.Typer(help="Show the settings and their origins.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Plugin name or distribution name.")]


@plugin_app.command("list")
@outputs.declare(list[PluginRow], reads_only=True)
def list_plugins(as_json: Json = False) -> None:
    """List the installed plugins and their states."""
    console.show(
        (_summary(plugin) for plugin in plugins.current().plugins),
        columns=("name", "distribution", "version", "origin", "status", "provides", "error"),
        as_json=as_json,
    )


def _summary(plugin: Plugin) -> dict[str, Any]:
    provided = [spec.name for spec in plugin.registered(CommandSpec) if not spec.hidden]
    provided += [f"{spec.task}:{spec.name}" for spec in plugin.registered(ModelSpec)]
    provided += [f"{spec.kind}:{spec.name}" for spec in plugin.registered(SourceSpec)]
    provided += [f"{spec.subject}:{spec.name}" for spec in plugin.registered(ViewSpec)]
    provided += [f"{spec.role} kind {spec.name}" for spec in plugin.registered(KindSpec)]
    return {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "origin": plugin.origin,
        "status": plugin.status,
        "provides": provided,
        "error": plugin.error,
    }


@plugin_app.command()
@outputs.declare(PluginDetails, reads_only=True)
def info(name: Name, as_json: Json = False) -> None:
    """Show the entry point of a plugin and the objects that it registers."""
    plugin = _find(name)
    about = _summary(plugin) | {
        "target": plugin.entry_point.value if plugin.entry_point else "",
        "milliseconds to load": round(1000 * plugin.seconds, 1),
    }
    for spec in plugin.specs:
        kind = type(spec).__name__.removesuffix("Spec").lower()
        about[f"{kind} {spec.name}"] = next(iter(specs.targets(spec).values()))
    console.show_one(about, as_json=as_json)


@plugin_app.command()
@outputs.declare(list[FindingRow], reads_only=True, writes_with=("fix",))
def doctor(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="Plugins or distributions to check. By default, all plugins and the host are "
            "checked.",
        ),
    ] = None,
    as_json: Json = False,
    fix: bool = option(False, "Repair the problems for which a plugin has a repair.", "--fix"),
    dry_run: bool = option(False, "Show what --fix would change, and change nothing.", "--dry-run"),
    yes: bool = option(False, "Repair without asking for confirmation.", "--yes"),
    online: bool = option(False, "Also check whether the services can be reached.", "--online"),
) -> None:
    """Import all objects that the plugins register, and run the health checks of the plugins.

    The exit status is 1 if a problem is found and not repaired.
    """
    if (dry_run or yes) and not fix:
        raise InvalidInputError(f"{'--dry-run' if dry_run else '--yes'} requires --fix.")
    process.keep_home_unchanged(always=True)
    chosen = [_find(name) for name in names or ()]
    examine = partial(health_checks.examine, plugins.current(), chosen, online=online)
    found = examine()
    repaired: list[dict[str, str]] = []
    repairable = [each for each in found if each.repair]
    if fix and repairable and (dry_run or _confirmed(repairable, yes)):
        repaired = [row for each in repairable for row in _repaired(each, dry_run)]
        if not dry_run:
            found = examine()
    remaining = [each for each in found if not (dry_run and each.repair)]
    rows = [
        *repaired,
        *({"plugin": e.plugin, "status": e.status, "finding": e.text} for e in remaining),
    ]
    columns = ("plugin", "status", "finding", *(("repair",) if repaired else ()))
    console.show(rows, columns=columns, as_json=as_json)
    if any(each.status == "wrong" for each in found):
        raise typer.Exit(1)


def _confirmed(repairable: list[health_checks.Diagnosis], yes: bool) -> bool:
    """Show the planned repairs, and ask whether to perform them unless ``yes`` is True."""
    if yes:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise InvalidInputError(
            "The repair requires a confirmation, but standard input is not a terminal.",
            "Use --fix --dry-run to show the changes, or --fix --yes to perform them.",
        )
    for each in repairable:
        for row in _repaired(each, dry_run=True):
            console.note(f"{each.text}: {row['repair']}")
    return typer.confirm("Repair?", err=True)


def _repaired(each: health_checks.Diagnosis, dry_run: bool) -> Iterator[dict[str, str]]:
    """Repair a problem, and yield a row that describes the change. A failure is reported."""
    assert each.repair
    try:
        done = each.repair(dry_run)
    except AstrodomeError as error:
        console.error(error)
        return
    status = "wrong" if dry_run else "repaired"
    yield {"plugin": each.plugin, "status": status, "finding": each.text, "repair": done}


@plugin_app.command()
@outputs.declare(NewPluginDocument)
def new(
    name: Annotated[str, typer.Argument(help="Name of the plugin, for example moon-phases.")],
    command: bool = option(False, "Add a command (default).", "--command"),
    source: list[str] = option([], "Add a source of this kind (repeatable).", metavar="KIND"),
    model: list[str] = option([], "Add a model for this task (repeatable).", metavar="TASK"),
    kind: list[str] = option([], "Declare a new kind of source (repeatable).", metavar="KIND"),
    app: str = option("", "Add an application with this name.", metavar="NAME"),
    output: Path | None = option(None, "Folder to create (default: astrodome-NAME)."),
    author: str = option("", "Author in the metadata and the license, as 'NAME <E-MAIL>'."),
    as_json: Json = False,
) -> None:
    """Write a new plugin distribution, with tests, documentation and a workflow for publishing.

    If no component is chosen on a terminal, the command asks for the components.
    """
    from . import scaffold

    name = name.removeprefix("astrodome-")  # The name of the distribution is also accepted.
    names = scaffold.Names(name, plugins.current().app)
    scaffold.check_name(name, "name")
    if not (command or source or model or kind or app) and _interactive():
        command, app, kind, source, model = _ask()
    parts = scaffold.choose(app, command=command, kinds=kind, sources=source, models=model)
    scaffold.check_names(names, parts)
    target = (output or Path(names.distribution)).expanduser()
    files = scaffold.create(names, parts, target.absolute(), author)
    if as_json:
        found = {"distribution": names.distribution, "folder": str(target.absolute())}
        console.show_json(found | {"files": [file.as_posix() for file in files]})
        return
    console.note(f"Created {target} ({len(files)} files). Install and test it:")
    console.note("  python -m pip install --upgrade pip  # --group requires pip 25.1 or newer")
    console.note(f"  python -m pip install -e {target} --group {target}/pyproject.toml:dev")
    console.note(f"  pytest {target}")


def _interactive() -> bool:
    return console.on_terminal() and sys.stdin.isatty()


def _ask() -> tuple[bool, str, list[str], list[str], list[str]]:
    """Ask for the components of a new distribution."""
    from . import scaffold

    def several(text: str, known: Iterable[str]) -> list[str]:
        given = typer.prompt(f"{text} ({', '.join(known)}; empty: none)", "", show_default=False)
        return [word for word in re.split(r"[\s,]+", given) if word]

    command = typer.confirm("Add a command?", default=True)
    sources = several("Kinds of sources", scaffold.templates("source"))
    models = several("Tasks of models", scaffold.templates("model"))
    kind = typer.prompt("New kind of source (empty: none)", "", show_default=False)
    app = typer.prompt("New application (empty: none)", "", show_default=False)
    return command, app, [kind] if kind else [], sources, models


@plugin_app.command()
@outputs.declare(None)
def install(
    names: list[str] = typer.Argument(
        None, help="Names, short names or paths of distributions.", metavar="NAME..."
    ),
    editable: list[Path] = option(
        [],
        "Project folder to install in editable mode, so that changes of its modules take effect "
        "without reinstalling (repeatable).",
        *("-e", "--editable"),
        metavar="FOLDER",
    ),
    upgrade: bool = option(False, "Upgrade installed distributions.", "-U", "--upgrade"),
) -> None:
    """Install plugins with the installer that manages this environment (pip, uv or pipx).

    The requirements of astrodome and of the installed plugins remain satisfied. If the installation
    breaks the environment, the previous versions are restored.
    """
    wanted = [environments.wanted(name, suggestions.short_names()) for name in names or ()]
    wanted += [environments.editable(folder) for folder in editable]
    if not wanted:
        raise InvalidInputError(
            "No distribution specified.", "Specify a name, or a project folder with --editable."
        )
    done = installer.install(wanted, upgrade=upgrade)
    owners = installer.plugins_by_distribution()
    for title, changed in (("Installed", False), ("Upgraded", True)):
        found = [
            f"{plugin} ({dist} {version})"
            for dist, version in done.added.items()
            if (dist in done.before) == changed
            for plugin in dict.fromkeys(owners.get(dist, ()))
        ]
        if found:
            console.note(f"{title}: {', '.join(found)}.")
    for one in wanted:
        if one.name and not owners.get(one.name):
            console.warn(f"{one.name} contains no plugin.")
    if not done.added:
        console.note(f"Already installed: {', '.join(map(str, wanted))}.")


@plugin_app.command()
@outputs.declare(None)
def uninstall(
    names: list[str] = typer.Argument(
        ..., help="Plugin names or distribution names.", metavar="NAME..."
    ),
) -> None:
    """Uninstall the distributions of plugins.

    If a distribution cannot be uninstalled, the previous state is restored.
    """
    found = [_installed(name) for name in names]
    what = dict.fromkeys(f"{plugin.distribution} {plugin.version}" for plugin in found)
    installer.uninstall(*(plugin.distribution for plugin in found))
    console.note(f"Uninstalled: {', '.join(what)}.")


@plugin_app.command()
@outputs.declare(None)
def enable(name: Name) -> None:
    """Enable a disabled plugin."""
    console.note(installer.switch(_installed(name), disabled=False))


@plugin_app.command()
@outputs.declare(None)
def disable(name: Name) -> None:
    """Disable a plugin without uninstalling it."""
    console.note(installer.switch(_installed(name), disabled=True))


def _find(name: str) -> Plugin:
    return installer.find(name, plugins.current().plugins)


def _installed(name: str) -> Plugin:
    plugin = _find(name)
    if plugin.origin:
        raise InvalidInputError(
            f"The plugin {plugin.name} is not installed: it is the file {plugin.origin}.",
            "Move the file to another folder, or start its name with _.",
        )
    return plugin


@config_app.command()
@outputs.declare(list[SettingRow], reads_only=True)
def show(
    section: Annotated[str, typer.Argument(help="Name of a section (default: all sections).")] = "",
    origin: bool = option(False, "Show the origin of each value.", "--origin"),
    as_json: Json = False,
) -> None:
    """Show the values of the settings. Secrets are masked."""
    rows = [row for row in _values() if not section or str(row["key"]).partition(".")[0] == section]
    if section and not rows:
        raise InvalidInputError(
            f"Section not found: '{section}'.", "Use 'config show' to list all sections."
        )
    for text in settings_checks.unknown_sections(only_misspelt=True):  # The others are rows.
        console.warn(text)
    columns = ("key", "value", "origin") if origin else ("key", "value")
    if as_json:
        console.show_json([{name: row[name] for name in columns} for row in rows])
    else:
        console.show(({**row, "value": _short(row["value"])} for row in rows), columns=columns)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 120 else f"{text[:117]}..."


def _values() -> Iterator[dict[str, Any]]:
    known, found = settings_checks.settings_models(), settings.current()
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
    """Yield the values of a section for which no plugin registers a settings model."""
    for origin, layer in found.layers:
        value = layer.get(name)
        if value is not None and not isinstance(value, Mapping):
            yield {"key": name, "value": settings.masked(name, value), "origin": origin}
            return
    for key, (value, origin) in found.values(name).items():
        yield {"key": f"{name}.{key}", "value": settings.masked(key, value), "origin": origin}


@config_app.command()
@outputs.declare(list[PathRow], reads_only=True)
def path(as_json: Json = False) -> None:
    """Show the paths of the configuration files, in order of priority, and the data folder."""
    paths = [("settings", file) for file in settings.config_files()]
    paths += [("home", settings.home()), ("plugins", state.path())]
    rows = [{"name": name, "path": str(path), "exists": path.exists()} for name, path in paths]
    console.show(rows, as_json=as_json)
