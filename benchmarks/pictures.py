"""``data resize`` and ``data patch`` beside the older ones: as a process, and inside one."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

from . import older, suns
from .measure import Cost, Figure, Worker, cost, in_turn, process, rate, script, worker

IMAGES = 40
PATCHES = 64


def resize(place: Path, repeat: int) -> Iterator[Figure]:
    """40 grey JPEG of 2048 x 2048 pixels to 256 x 256."""
    source = suns.folder(place / "suns", IMAGES, 2048, "L")
    yield from _as_process("resize", source, ["--size", "256"], IMAGES, "images", "≥ 5", repeat)
    yield from _inside("resize", source, {"size": 256}, IMAGES, "images", "≥ 3", repeat)


def patch(place: Path, repeat: int) -> Iterator[Figure]:
    """64 patches of 32 x 32 pixels from each of 40 JPEG of 256 x 256; the older needs RGB."""
    source = suns.folder(place / "suns", IMAGES, 256, "RGB")
    options = ["--size", "32", "--max-patches", str(PATCHES)]
    given = {"size": 32, "count": PATCHES}
    made = IMAGES * PATCHES
    yield from _as_process("patch", source, options, made, "patches", "≥ 4", repeat)
    yield from _inside("patch", source, given, made, "patches", "≥ 1.5", repeat)


def _as_process(
    task: str, source: Path, options: list[str], made: int, unit: str, goal: str, repeat: int
) -> Iterator[Figure]:
    targets = _targets(source.with_name("process"))

    def run(program: Path) -> Cost:
        target = next(targets)
        paths = ["--path", str(source), "--targetpath", str(target)]
        taken = process([program, "data", task, *paths, *options], source.parent)
        _check(target, made)
        return taken

    older_one, our_one = older.environment("sdo") / "sdo-cli", script("sdo")
    a, b = in_turn(lambda: run(older_one), lambda: run(our_one), repeat)
    name = f"sdo data {task}"
    yield rate(name, [x.wall for x in a], [x.wall for x in b], made, unit, goal)
    yield cost(f"{name}, processor", [x.cpu for x in a], [x.cpu for x in b], "s CPU")
    yield cost(f"{name}, memory", [x.memory for x in a], [x.memory for x in b], "MB peak")


def _inside(
    task: str, source: Path, given: dict[str, int], made: int, unit: str, goal: str, repeat: int
) -> Iterator[Figure]:
    targets = _targets(source.with_name("inside"))

    def run(side: Worker) -> float:
        target = next(targets)
        taken = side(task, source=source, target=target, **given)
        _check(target, made)
        return taken

    with (
        worker(older.environment("sdo") / "python", "older") as a,
        worker(sys.executable, "ours") as b,
    ):
        seconds = in_turn(lambda: run(a), lambda: run(b), repeat)
    yield rate(f"{task} inside a process", *seconds, made, unit, goal)


def _targets(place: Path) -> Iterator[Path]:
    """A fresh folder for each run: deleting thousands of files would slow down the next."""
    return (place / str(number) for number in itertools.count())


def _check(target: Path, made: int) -> None:
    there = sum(1 for _ in target.rglob("*.jpeg"))
    if there != made:
        raise RuntimeError(f"{target} holds {there} images instead of {made}.")
