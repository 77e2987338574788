"""The command ``plugins`` for a damaged environment, which uses only the standard library.

It is used if Typer or another library that the host requires cannot be imported or has an
incompatible version.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from . import distributions, environments, installer, state
from .errors import AstrodomeError, from_os_error

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
            return _plugins(app, words[1:], failure)
        print(f"Error: {_reason(app, failure)}", file=sys.stderr)
        print(f"Hint: {_hint(app)}", file=sys.stderr)
        return 1
    except AstrodomeError as error:
        return _fail(error)
    except OSError as error:
        return _fail(from_os_error(error))


def _fail(error: AstrodomeError) -> int:
    print(f"Error: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"Hint: {error.hint}", file=sys.stderr)
    return error.exit_code


def _reason(app: str, failure: BaseException) -> str:
    faults = "; ".join(sentence for _, sentence in missing())
    what = faults or f"{type(failure).__name__}: {failure}"
    return f"{app} cannot start: {what}."


def _hint(app: str) -> str:
    wanted = [text for text, _ in missing()]
    repair = environments.repair(wanted or ["--force-reinstall", distributions.HOST])
    return f"{repair} (or remove a plugin: see {app} plugins list, {app} plugins uninstall NAME)"


def _plugins(app: str, args: list[str], failure: BaseException) -> int:
    parser = argparse.ArgumentParser(
        prog=f"{app} plugins", description="List and remove plugins in a damaged environment."
    )
    commands = parser.add_subparsers(dest="verb", required=True, metavar="|".join(VERBS))
    for verb in VERBS:
        command = commands.add_parser(verb)
        if verb in ("list", "doctor"):
            command.add_argument("--json", action="store_true", help="Print one JSON document.")
        else:
            command.add_argument("name", help="Name of the plugin, or of its distribution.")
    chosen = parser.parse_args(args)
    print(f"Warning: {_reason(app, failure)}", file=sys.stderr)
    actions: dict[str, Callable[[], int]] = {
        "list": lambda: _list(app, chosen.json),
        "doctor": lambda: _doctor(app, chosen.json, failure),
        "enable": lambda: _switch(app, chosen.name, off=False),
        "disable": lambda: _switch(app, chosen.name, off=True),
        "uninstall": lambda: _uninstall(app, chosen.name),
    }
    return actions[chosen.verb]()


def _rows(app: str) -> Iterator[dict[str, Any]]:
    disabled = state.disabled()
    for name, dist in sorted(distributions.installed().items()):
        if not distributions.has_plugins(dist):
            continue
        for entry in dist.entry_points:
            if entry.group == distributions.GROUP + app:
                off = state.is_disabled(disabled, entry.name, lambda name=name: name)  # type: ignore[misc]
                yield {
                    "name": entry.name,
                    "distribution": distributions.name_of(dist),
                    "version": distributions.version_of(dist),
                    "status": "disabled" if off else "not loaded",
                    "brings": [],
                    "error": "" if off else f"{app} cannot start",
                }


def _list(app: str, as_json: bool) -> int:
    _show(list(_rows(app)), as_json)
    return 0


def _doctor(app: str, as_json: bool, failure: BaseException) -> int:
    found = [sentence for _, sentence in missing()] or [f"{type(failure).__name__}: {failure}"]
    _show([{"plugin": "", "status": "wrong", "finding": text} for text in found], as_json)
    print(f"Hint: {_hint(app)}", file=sys.stderr)
    return 1


def _show(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    for number, row in enumerate(rows):
        if not number:
            print("\t".join(row))
        print("\t".join(", ".join(v) if isinstance(v, list) else v for v in row.values()))


def _find(app: str, name: str) -> dict[str, Any]:
    rows = list(_rows(app))
    for row in rows:
        if distributions.canonical_name(name) in map(
            distributions.canonical_name, (row["name"], row["distribution"])
        ):
            return row
    known = ", ".join(row["name"] for row in rows) or "none"
    raise AstrodomeError(f"Plugin not found: '{name}'.", f"Installed plugins: {known}.")


def _switch(app: str, name: str, *, off: bool) -> int:
    row = _find(app, name)
    state.switch(
        row["name"], row["distribution"], off=off, installed=installer.plugins_by_distribution()
    )
    print(f"{row['name']} is {'disabled' if off else 'enabled'}.", file=sys.stderr)
    return 0


def _uninstall(app: str, name: str) -> int:
    row = _find(app, name)
    done = installer.uninstall(row["distribution"])
    print(f"Uninstalled: {row['distribution']} {row['version']}.", file=sys.stderr)
    if done.health.error:
        print(f"Warning: {app} still cannot start.", file=sys.stderr)
        print(f"Hint: {environments.repair([text for text, _ in missing()])}", file=sys.stderr)
    return 0
