"""The command ``plugins`` for a damaged environment, which uses only the standard library.

It is used if Typer or another library that the host requires cannot be imported or has an
incompatible version.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from . import distributions, environments, installer, state
from .errors import AstrodomeError, from_os_error
from .scripts import program

VERBS = ("list", "doctor", "enable", "disable", "uninstall")


def is_damaged() -> bool:
    """Return whether any requirement of the host is unsatisfied."""
    return bool(missing())


def missing() -> list[tuple[str, str]]:
    """Return (requirement, problem description) for each unsatisfied requirement of the host."""
    host = distributions.find(distributions.HOST)
    found = []
    for wanted in distributions.requirements(host) if host else ():
        dist = distributions.find(wanted.name)
        text = wanted.text.partition(";")[0].strip()
        if dist is None:
            found.append((text, f"{wanted.name} is not installed"))
        elif not _satisfied(text, distributions.version_of(dist)):
            version = distributions.version_of(dist)
            found.append((text, f"{wanted.name} {version} is installed, {text} is required"))
    return found


def _satisfied(text: str, version: str) -> bool:
    try:
        from packaging.requirements import Requirement

        return Requirement(text).specifier.contains(version, prereleases=True)
    except Exception:  # packaging is damaged, or the version is invalid.
        return True


def main(app: str, args: Sequence[str], failure: BaseException) -> int:
    """Run a subcommand of ``plugins`` or report the startup error, and return the exit status."""
    words = list(args)
    while words and words[0].startswith("-"):
        words.pop(0)
    try:
        if words[:1] == ["plugins"]:
            return _run(app, words[1:], failure)
        print(f"Error: {_reason(app, failure)}", file=sys.stderr)
        print(f"Hint: {_hint(app)}", file=sys.stderr)
        return 1
    except (AstrodomeError, OSError) as failed:
        error = failed if isinstance(failed, AstrodomeError) else from_os_error(failed)
        print(f"Error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"Hint: {error.hint}", file=sys.stderr)
        return error.exit_code


def _reason(app: str, failure: BaseException) -> str:
    faults = "; ".join(sentence for _, sentence in missing())
    what = faults or f"{type(failure).__name__}: {failure}"
    return f"{program(app)} cannot start: {what}."


def _hint(app: str) -> str:
    wanted = [text for text, _ in missing()]
    name = program(app)
    repair = environments.repair(wanted or ["--force-reinstall", distributions.HOST])
    return f"{repair} (or remove a plugin: see {name} plugins list, {name} plugins uninstall NAME)"


def _run(app: str, args: list[str], failure: BaseException) -> int:
    parser = argparse.ArgumentParser(
        prog=f"{program(app)} plugins",
        description="List and remove plugins in a damaged environment.",
    )
    commands = parser.add_subparsers(dest="verb", required=True, metavar="|".join(VERBS))
    for verb in VERBS:
        command = commands.add_parser(verb)
        if verb in ("list", "doctor"):
            command.add_argument(
                "--json", action="store_true", help="Print the result as a single JSON document."
            )
        else:
            command.add_argument("name", help="Plugin name or distribution name.")
    chosen = parser.parse_args(args)
    print(f"Warning: {_reason(app, failure)}", file=sys.stderr)
    if chosen.verb == "list":
        _show([asdict(plugin) for plugin in _plugins(app)], chosen.json)
    elif chosen.verb == "doctor":
        found = [text for _, text in missing()] or [f"{type(failure).__name__}: {failure}"]
        _show([{"plugin": "", "status": "wrong", "finding": text} for text in found], chosen.json)
        print(f"Hint: {_hint(app)}", file=sys.stderr)
        return 1
    elif chosen.verb == "uninstall":
        _uninstall(app, installer.find(chosen.name, _plugins(app)))
    else:
        plugin = installer.find(chosen.name, _plugins(app))
        print(installer.switch(plugin, disabled=chosen.verb == "disable"), file=sys.stderr)
    return 0


@dataclass(frozen=True)
class UnloadedPlugin:
    """An installed plugin that was not loaded. The fields are the columns of ``plugins list``."""

    name: str
    distribution: str
    version: str
    status: str
    provides: tuple[str, ...] = ()
    error: str = ""


def _plugins(app: str) -> list[UnloadedPlugin]:
    found, disabled = [], state.disabled()
    for dist in distributions.with_plugins():
        owner, version = distributions.name_of(dist), distributions.version_of(dist)
        for entry in dist.entry_points.select(group=distributions.GROUP + app):
            if state.is_disabled(disabled, entry.name, lambda owner=owner: owner):  # type: ignore[misc]
                plugin = UnloadedPlugin(entry.name, owner, version, "disabled")
            else:
                error = f"{program(app)} cannot start"
                plugin = UnloadedPlugin(entry.name, owner, version, "not loaded", error=error)
            found.append(plugin)
    return found


def _show(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    if rows:
        print("\t".join(rows[0]))
    for row in rows:
        print("\t".join(", ".join(v) if isinstance(v, tuple) else v for v in row.values()))


def _uninstall(app: str, plugin: UnloadedPlugin) -> None:
    done = installer.uninstall(plugin.distribution)
    print(f"Uninstalled: {plugin.distribution} {plugin.version}.", file=sys.stderr)
    if done.health.error:
        print(f"Warning: {program(app)} still cannot start.", file=sys.stderr)
        print(f"Hint: {environments.repair([text for text, _ in missing()])}", file=sys.stderr)
