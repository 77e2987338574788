"""Compare ``data resize`` and ``data patch`` with sdo-cli, as commands and as library calls."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import older, suns
from .measure import (
    Cost,
    Effort,
    Figure,
    Seconds,
    Worker,
    Workers,
    in_turn,
    process,
    rate,
    script,
    usage,
    workers,
)

IMAGES, PATCHES = 40, 64


@dataclass(frozen=True)
class Task:
    """A command with its inputs.

    ``given`` are the arguments for both sides, for the command and for the library call.
    ``defaults`` describes the difference between the defaults of astrodome and sdo-cli. With the
    additional arguments ``alike``, astrodome does the same work as sdo-cli: it uses one CPU, and
    does not scale images in the JPEG codec.
    """

    name: str
    title: str
    source: Path
    made: int
    unit: str
    given: Mapping[str, Any]
    defaults: str
    alike: Mapping[str, Any]
    goals: tuple[str, str]


def resize(place: Path, effort: Effort) -> Iterator[Figure]:
    """Resize grayscale JPEG images from 2048 x 2048 to 256 x 256 pixels."""
    count = effort.size(IMAGES, 2)
    task = Task(
        name="resize",
        title=f"{count} images of 2048² to 256²",
        source=suns.folder(place / "suns", count, 2048, "L"),
        made=count,
        unit="images",
        given={"size": 256},
        defaults="defaults (astrodome: all CPUs, scaled JPEG decoding)",
        alike={"exact": True, "jobs": 1},
        goals=("≥ 5", "≥ 3"),
    )
    yield from _figures(task, effort)


def patch(place: Path, effort: Effort) -> Iterator[Figure]:
    """Cut patches with 32 x 32 pixels from RGB images, because sdo-cli fails on gray images."""
    count = effort.size(IMAGES, 2)
    task = Task(
        name="patch",
        title=f"{count * PATCHES:,} patches of 32²",
        source=suns.folder(place / "suns", count, 256, "RGB"),
        made=count * PATCHES,
        unit="patches",
        given={"size": 32, "max_patches": PATCHES},
        defaults="defaults (astrodome: all CPUs)",
        alike={"jobs": 1},
        goals=("≥ 4", "≥ 1.5"),
    )
    yield from _figures(task, effort)


def _figures(task: Task, effort: Effort) -> Iterator[Figure]:
    targets = new_folders(task.source.with_name("process"))

    def run(program: Path, more: Mapping[str, Any]) -> Cost:
        target = next(targets)
        given = _options({"path": task.source, "targetpath": target, **task.given, **more})
        taken = process([program, "data", task.name, *given], task.source.parent)
        _check(target, task.made)
        return taken

    older_one, our_one = older.environment("sdo") / "sdo-cli", script("sdo")
    for more, goal in (({}, task.goals[0]), (task.alike, "")):
        a, b = in_turn(lambda: run(older_one, {}), lambda more=more: run(our_one, more), effort)
        name = " ".join(["sdo data", task.name, *_options(more)])
        subject = f"`{name}`, {task.title}" + ("" if more else f", {task.defaults}")
        walls = [x.wall for x in a], [x.wall for x in b]
        yield rate(subject, *walls, task.made, task.unit, goal)
        yield from usage(subject, a, b)
    with workers("sdo", "sdo") as sides:
        for more, goal in (({}, task.goals[1]), (task.alike, "")):
            seconds = library_calls(
                sides, task.name, task.source, task.made, effort, more, **task.given
            )
            form = f"like `{' '.join(_options(more))}`" if more else task.defaults
            subject = f"`{task.name}` as a library call, {form}"
            yield rate(subject, *seconds, task.made, task.unit, goal)


def library_calls(
    sides: Workers,
    name: str,
    source: Path,
    made: int,
    effort: Effort,
    more: Mapping[str, Any],
    **given: Any,
) -> Seconds:
    """Measure library calls of both sides. ``more`` are additional arguments for astrodome."""
    targets = new_folders(source.with_name("inside"))

    def run(side: Worker, **given: Any) -> float:
        target = next(targets)
        taken: float = side(name, source=source, target=target, **given)
        _check(target, made)
        return taken

    return in_turn(
        lambda: run(sides.older, **given), lambda: run(sides.ours, **given, **more), effort
    )


def new_folders(place: Path) -> Iterator[Path]:
    """Yield paths of new folders, because deleting thousands of files affects the next run."""
    return (place / str(number) for number in itertools.count(len(list(place.glob("*")))))


def _options(given: Mapping[str, Any]) -> list[str]:
    """Convert keyword arguments to command-line options."""
    words: list[str] = []
    for name, value in given.items():
        words.append(f"--{name.replace('_', '-')}")
        words += [] if value is True else [str(value)]
    return words


def _check(target: Path, made: int) -> None:
    found = sum(1 for _ in target.rglob("*.jpeg"))
    if found != made:
        raise RuntimeError(f"{target} contains {found} images instead of {made}.")
