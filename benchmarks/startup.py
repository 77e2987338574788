"""Time and memory to show the help of a command, and the modules that are imported for it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import older
from .measure import Effort, Figure, alone, cost, in_turn, process, script

HEAVY = frozenset({"numpy", "pandas", "torch", "sunpy", "rich", "pydantic", "PIL", "tensorflow"})
"""Packages that should not be imported to show a help text."""
SDO = (("--help",), ("data", "--help"), ("goes", "get", "--help"))
SCOPE = {"scope-train": "train", "get-quad-ids": "get-quad-ids", "run-inference": "predict"}
"""The scripts of scope-ml, and the commands of ``scope`` for the same task."""
HELP = """
import json, sys
from astrodome.app import main
try:
    main("sdo", ["--help"])
except SystemExit:
    print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""
SLOWEST = 8


def startup(place: Path, effort: Effort) -> Iterator[Figure]:
    """Compare the help of commands for the same task in sdo-cli or SCoPe."""
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
    runs = [process([script("scope"), "--help"], place) for _ in range(effort.repeat + 1)][1:]
    yield alone("`scope --help`", [1e3 * x.wall for x in runs], "ms")
    yield alone("`scope --help`, CPU time", [1e3 * x.cpu for x in runs], "ms CPU")
    yield alone("`scope --help`, memory", [x.memory for x in runs], "MB peak")


def _help(
    subject: str, pair: tuple[list[Any], list[Any]], place: Path, effort: Effort, goal: str = ""
) -> Iterator[Figure]:
    a, b = in_turn(lambda: process(pair[0], place), lambda: process(pair[1], place), effort)
    yield cost(subject, [1e3 * x.wall for x in a], [1e3 * x.wall for x in b], "ms", goal)
    cpu = [1e3 * x.cpu for x in a], [1e3 * x.cpu for x in b]
    yield cost(f"{subject}, CPU time", *cpu, "ms CPU")
    yield cost(f"{subject}, memory", [x.memory for x in a], [x.memory for x in b], "MB peak")


def imports() -> dict[str, Any]:
    """Return what ``sdo --help`` imports: the number of modules, the heavy and slowest ones."""
    command = [sys.executable, "-X", "importtime", "-c", HELP]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    packages = json.loads(run.stdout.splitlines()[-1])
    lines = re.findall(r"^import time: +(\d+) \| +\d+ \| +(\S+)$", run.stderr, re.MULTILINE)
    slowest = sorted(((int(own) / 1e3, name) for own, name in lines), reverse=True)[:SLOWEST]
    return {
        "modules": len(lines),
        "heavy": sorted(HEAVY.intersection(packages)),
        "slowest": [{"module": name, "own_ms": own} for own, name in slowest],
    }
