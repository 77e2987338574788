"""Measure the time and memory that a command requires to show its help."""

from __future__ import annotations

import compileall
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import older
from .measure import Effort, Figure, alone, cost, in_turn, process, repeated, script, usage

ROOT = Path(__file__).parents[1]
SOURCES = (ROOT / "core/src", *sorted(ROOT.glob("plugins/*/src")))
SDO = (("--help",), ("data", "--help"), ("goes", "get", "--help"))
SCOPE = {"scope-train": "train", "get-quad-ids": "get-quad-ids", "run-inference": "predict"}
"""Commands of ``scope``, keyed by the script of scope-ml for the same task."""


def startup(place: Path, effort: Effort) -> Iterator[Figure]:
    """Compare the help of commands with the help of commands in sdo-cli and SCoPe."""
    for folder in SOURCES:  # pip also compiles the distributions that it installs.
        compileall.compile_dir(folder, quiet=1)
    for command in SDO:
        goal = "≤ 150 ms" if command == SDO[0] else ""
        line = " ".join(command)
        older_line = [older.environment("sdo") / "sdo-cli", *command]
        pair = (older_line, [script("sdo"), *command])
        yield from _help(f"`sdo {line}`, all plugins installed", pair, place, effort, goal)
    scope = older.environment("scope")
    process([scope / "scope-initialize"], place)  # The scripts need a config.yaml.
    for name, ours in SCOPE.items():
        pair = ([scope / name, "--help"], [script("scope"), ours, "--help"])
        subject = f"`scope {ours} --help` (`{name} --help`)"
        yield from _help(subject, pair, place / "scope", effort)
    runs = repeated(lambda: process([script("scope"), "--help"], place), effort)
    yield alone("`scope --help`", [1e3 * x.wall for x in runs], "ms")
    yield alone("`scope --help`, CPU time", [1e3 * x.cpu for x in runs], "ms CPU")
    yield alone("`scope --help`, memory", [x.memory for x in runs], "MB peak")


def _help(
    subject: str, pair: tuple[list[Any], list[Any]], place: Path, effort: Effort, goal: str = ""
) -> Iterator[Figure]:
    a, b = in_turn(lambda: process(pair[0], place), lambda: process(pair[1], place), effort)
    yield cost(subject, [1e3 * x.wall for x in a], [1e3 * x.wall for x in b], "ms", goal)
    yield from usage(subject, a, b, "ms")
