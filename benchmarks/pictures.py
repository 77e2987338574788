"""``data resize`` and ``data patch`` compared with sdo-cli: as commands and as library calls."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import older, suns
from .measure import Cost, Effort, Figure, Worker, in_turn, process, rate, script, usage, workers

IMAGES, PATCHES = 40, 64


@dataclass(frozen=True)
class Task:
    """A command with its inputs.

    ``options`` and ``given`` are the arguments of both sides, as a command and as a library call.
    ``defaults`` describes how astrodome works differently by default. ``alike`` and
    ``alike_given`` are additional arguments, with which it does the same work as sdo-cli: on one
    CPU, and without scaling inside the JPEG codec.
    """

    name: str
    title: str
    source: Path
    made: int
    unit: str
    options: list[str]
    given: dict[str, Any]
    defaults: str
    alike: list[str]
    alike_given: dict[str, Any]
    goals: tuple[str, str]


def resize(place: Path, effort: Effort) -> Iterator[Figure]:
    """Grey JPEG of 2048 x 2048 pixels to 256 x 256."""
    count = effort.size(IMAGES, 2)
    task = Task(
        name="resize",
        title=f"{count} images of 2048² to 256²",
        source=suns.folder(place / "suns", count, 2048, "L"),
        made=count,
        unit="images",
        options=["--size", "256"],
        given={"size": 256},
        defaults="defaults (ours: all CPUs, scaled JPEG decoding)",
        alike=["--exact", "--jobs", "1"],
        alike_given={"exact": True, "jobs": 1},
        goals=("≥ 5", "≥ 3"),
    )
    yield from _commands(task, effort)
    yield from _calls(task, effort)


def patch(place: Path, effort: Effort) -> Iterator[Figure]:
    """Patches of 32 x 32 pixels from JPEG of 256 x 256; sdo-cli fails on grey images."""
    count = effort.size(IMAGES, 2)
    task = Task(
        name="patch",
        title=f"{count * PATCHES:,} patches of 32²",
        source=suns.folder(place / "suns", count, 256, "RGB"),
        made=count * PATCHES,
        unit="patches",
        options=["--size", "32", "--max-patches", str(PATCHES)],
        given={"size": 32, "count": PATCHES},
        defaults="defaults (ours: all CPUs)",
        alike=["--jobs", "1"],
        alike_given={"jobs": 1},
        goals=("≥ 4", "≥ 1.5"),
    )
    yield from _commands(task, effort)
    yield from _calls(task, effort)


def _commands(task: Task, effort: Effort) -> Iterator[Figure]:
    targets = _targets(task.source.with_name("process"))

    def run(program: Path, *more: str) -> Cost:
        target = next(targets)
        paths = ["--path", str(task.source), "--targetpath", str(target)]
        command = [program, "data", task.name, *paths, *task.options, *more]
        taken = process(command, task.source.parent)
        _check(target, task.made)
        return taken

    older_one, our_one = older.environment("sdo") / "sdo-cli", script("sdo")
    for more, goal in (((), task.goals[0]), (task.alike, "")):
        a, b = in_turn(lambda: run(older_one), lambda more=more: run(our_one, *more), effort)
        name = " ".join(["sdo data", task.name, *more])
        subject = f"`{name}`, {task.title}" + ("" if more else f", {task.defaults}")
        walls = [x.wall for x in a], [x.wall for x in b]
        yield rate(subject, *walls, task.made, task.unit, goal)
        yield from usage(subject, a, b)


def _calls(task: Task, effort: Effort) -> Iterator[Figure]:
    targets = _targets(task.source.with_name("inside"))

    def run(side: Worker, **more: Any) -> float:
        target = next(targets)
        taken: float = side(task.name, source=task.source, target=target, **task.given, **more)
        _check(target, task.made)
        return taken

    with workers("sdo", "sdo") as (a, b):
        for more, goal in (({}, task.goals[1]), (task.alike_given, "")):
            seconds = in_turn(lambda: run(a), lambda more=more: run(b, **more), effort)
            form = f"like `{' '.join(task.alike)}`" if more else task.defaults
            subject = f"`{task.name}` as a library call, {form}"
            yield rate(subject, *seconds, task.made, task.unit, goal)


def _targets(place: Path) -> Iterator[Path]:
    """Return a new folder; deleting thousands of files would slow down the next run."""
    return (place / str(number) for number in itertools.count())


def _check(target: Path, made: int) -> None:
    found = sum(1 for _ in target.rglob("*.jpeg"))
    if found != made:
        raise RuntimeError(f"{target} contains {found} images instead of {made}.")
