"""Measure how much CPU time each installed plugin adds to the help of the command line.

The host of astrodome is compared with llm, another plugin host that uses pluggy. Both sides have
the same number of plugins, and each plugin registers one command in the usual way of its host.
"""

from __future__ import annotations

import compileall
import os
from collections.abc import Iterator
from pathlib import Path

from . import older
from .measure import Cost, Effort, Figure, cost, in_turn, process, script

COUNTS = (0, 5, 25, 50)
OURS = '''"""Register one command."""

from astrodome import CommandSpec, hookimpl


@hookimpl
def register_commands():
    yield CommandSpec("bench-{number}", "bench_{number}.cli:app", help="Show command {number}.")
'''
OUR_COMMAND = '''"""The command of the plugin."""

import typer

app = typer.Typer(help="Show command {number}.")


@app.command()
def show(count: int = typer.Option(1, help="Number of repetitions.")) -> None:
    """Show a text."""
    print("shown " * count)
'''
LLM = '''"""Register one command, as the plugins in the documentation of llm do."""

import click
import llm


@llm.hookimpl
def register_commands(cli):
    @cli.command(name="bench-{number}")
    @click.option("--count", default=1, help="Number of repetitions.")
    def show(count):
        "Show command {number}."
        click.echo("shown " * count)
'''


def plugins(place: Path, effort: Effort) -> Iterator[Figure]:
    """Compare the CPU time of the help page with 0, 5, 25 and 50 plugins."""
    llm = older.environment("llm") / "llm"
    limit = {0: "≤ 150 ms", 50: "≤ 200 ms"}
    for count in COUNTS:
        theirs = _installed(place / f"llm-{count}", "llm", count, {"__init__": LLM})
        modules = {"__init__": "", "plugin": OURS, "cli": OUR_COMMAND}
        ours = _installed(place / f"ours-{count}", "astrodome.sdo", count, modules)
        a, b = in_turn(
            lambda theirs=theirs: _help([llm], theirs, place, LLM_USER_PATH=str(place / "user")),
            lambda ours=ours, count=count: _help(
                [script("sdo")], ours, place, ASTRODOME_PLUGINS=_names(count)
            ),
            effort,
        )
        subject = f"`sdo --help` with {count} plugins (`llm --help`), CPU time"
        sides = [[1e3 * run.cpu for run in side] for side in (a, b)]
        yield cost(subject, *sides, "ms CPU", limit.get(count, ""))


def _names(count: int) -> str:
    """Return the value of ASTRODOME_PLUGINS that activates only the plugins of the benchmark."""
    return ",".join(f"bench-{number}" for number in range(count))


def _installed(folder: Path, group: str, count: int, modules: dict[str, str]) -> Path:
    """Write distributions as pip installs them, and compile their modules."""
    for number in range(count):
        package = folder / f"bench_{number}"
        package.mkdir(parents=True)
        for name, text in modules.items():
            (package / f"{name}.py").write_text(text.replace("{number}", str(number)), "utf-8")
        about = folder / f"bench_{number}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: bench-{number}\nVersion: 1.0\n", "utf-8"
        )
        target = f"bench_{number}.plugin" if "plugin" in modules else f"bench_{number}"
        (about / "entry_points.txt").write_text(f"[{group}]\nbench-{number} = {target}\n", "utf-8")
    folder.mkdir(exist_ok=True)
    compileall.compile_dir(folder, quiet=1)
    return folder


def _help(command: list[Path], path: Path, folder: Path, **variables: str) -> Cost:
    """Show the help page with the distributions in ``path``."""
    before = dict(os.environ)
    os.environ.update(variables, PYTHONPATH=os.pathsep.join([str(path), *_own_path()]))
    try:
        return process([*command, "--help"], folder)
    finally:
        os.environ.clear()
        os.environ.update(before)


def _own_path() -> list[str]:
    return [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
