"""What it takes a command line to say its help, and what it imports for that."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import older
from .measure import Figure, cost, in_turn, process, script

HEAVY = frozenset({"numpy", "pandas", "torch", "sunpy", "rich", "pydantic", "PIL", "tensorflow"})
"""What no help in a pipe should import."""
SDO = (("--help",), ("data", "--help"), ("goes", "get", "--help"))
SCOPE = ("scope-train", "get-quad-ids", "run-inference")
HELP = """
import json, sys
from astrodome.app import main
try:
    main("sdo", ["--help"])
except SystemExit:
    print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""
SLOWEST = 8


def startup(place: Path, repeat: int) -> Iterator[Figure]:
    """Helps beside those of sdo-cli; ``scope --help`` beside three of SCoPe's many commands."""
    for command in SDO:
        goal = "≤ 150 ms" if command == SDO[0] else ""
        pair = (older.environment("sdo") / "sdo-cli", script("sdo"))
        subject = " ".join(["sdo", *command])
        yield from _help(subject, pair, command, place, goal, repeat)
    scope = older.environment("scope")
    process([scope / "scope-initialize"], place)  # SCoPe starts beside its config.yaml only
    for name in SCOPE:
        subject = f"scope --help, {name} --help"
        pair = (scope / name, script("scope"))
        yield from _help(subject, pair, ("--help",), place / "scope", "", repeat)


def _help(
    subject: str,
    pair: tuple[Path, Path],
    command: tuple[str, ...],
    place: Path,
    goal: str,
    repeat: int,
) -> Iterator[Figure]:
    a, b = in_turn(
        lambda: process([pair[0], *command], place),
        lambda: process([pair[1], *command], place),
        repeat,
    )
    yield cost(subject, [1e3 * x.cpu for x in a], [1e3 * x.cpu for x in b], "ms CPU", goal)
    yield cost(f"{subject}, memory", [x.memory for x in a], [x.memory for x in b], "MB peak")


def imports() -> dict[str, Any]:
    """What ``sdo --help`` imports in a pipe: how many modules, the heavy ones, the slowest (ms)."""
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
