"""How things are measured: two sides in turn, medians, and how many times better ours is."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

INSIDE = Path(__file__).resolve().parent / "inside"

Measured = TypeVar("Measured")


@dataclass(frozen=True)
class Figure:
    """One row of the results.

    ``older`` and ``ratio`` are None for rows without a counterpart in sdo-cli or SCoPe.
    ``ratio`` is above 1 where astrodome is better and below 1 where it is worse.
    """

    subject: str
    older: float | None
    ours: float
    unit: str
    ratio: float | None
    goal: str = ""


@dataclass(frozen=True)
class Effort:
    """How much to measure: runs of each side, and whether inputs are small.

    Small inputs only show that a benchmark runs; their figures mean nothing.
    """

    repeat: int
    small: bool = False

    def size(self, full: int, small: int) -> int:
        """Return the number of items to process."""
        return small if self.small else full

    def at_most(self, turns: int) -> Effort:
        """Return the same effort with at most ``turns`` runs, for slow tasks."""
        return Effort(min(self.repeat, turns), self.small)


@dataclass(frozen=True)
class Cost:
    """What a process took: seconds on the clock, seconds of processor, peak memory in MB."""

    wall: float
    cpu: float
    memory: float


def cost(
    subject: str, older: Sequence[float], ours: Sequence[float], unit: str, goal: str = ""
) -> Figure:
    """A figure of which less is better."""
    a, b = statistics.median(older), statistics.median(ours)
    return Figure(subject, a, b, unit, a / b, goal)


def rate(
    subject: str,
    older: Sequence[float],
    ours: Sequence[float],
    items: int,
    unit: str,
    goal: str = "",
) -> Figure:
    """A figure of which more is better: ``items`` by the median of these seconds."""
    a, b = items / statistics.median(older), items / statistics.median(ours)
    return Figure(subject, a, b, f"{unit}/s", b / a, goal)


def alone(subject: str, ours: Sequence[float], unit: str, goal: str = "") -> Figure:
    """Return a figure without a counterpart in sdo-cli or SCoPe."""
    return Figure(subject, None, statistics.median(ours), unit, None, goal)


def per_second(seconds: Sequence[float], items: int) -> list[float]:
    """Return the rate of each run."""
    return [items / each for each in seconds]


def in_turn(
    older: Callable[[], Measured], ours: Callable[[], Measured], effort: Effort
) -> tuple[list[Measured], list[Measured]]:
    """Both sides by turns, so that a busy machine harms both; the first turn does not count."""
    turns = [(older(), ours()) for _ in range(effort.repeat + 1)][1:]
    return [a for a, _ in turns], [b for _, b in turns]


def process(command: Sequence[str | Path], folder: Path) -> Cost:
    """Run a command in a folder, its output not on a terminal.

    Raises RuntimeError with the end of its output when it fails.
    """
    measured = [sys.executable, "-S", "-E", INSIDE / "process.py", *command]
    run = subprocess.run(measured, cwd=folder, capture_output=True, text=True)
    if run.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: {run.stderr.strip()}")
    return Cost(*json.loads(run.stdout))


def script(name: str) -> Path:
    """A script of the environment that the benchmarks run in."""
    return Path(sys.executable).with_name(name)


Worker = Callable[..., Any]
"""Do a task, ``worker(task, **arguments)``, and return the seconds that it took.

A task with several parts returns a list of seconds."""


@contextmanager
def worker(python: str | Path, side: str, paths: Sequence[Path] = ()) -> Iterator[Worker]:
    """A process of ``python`` that does the tasks of ``inside/<side>.py`` on demand.

    What is in the folders ``paths`` comes before what the environment has.

    Its imports are done, its models made and its memory warm when the clock, which it
    reads itself, starts. A task that fails raises RuntimeError with the end of what
    the process said.
    """
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(
            [str(python), str(INSIDE / f"{side}.py")],
            env=os.environ | ({"PYTHONPATH": os.pathsep.join(map(str, paths))} if paths else {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        ) as child,
    ):
        assert child.stdin and child.stdout
        requests, answers = child.stdin, child.stdout

        def ask(task: str, **given: Any) -> float:
            print(json.dumps([task, given], default=str), file=requests, flush=True)
            answer = answers.readline()
            if not answer:
                said.seek(0)
                tail = said.read().decode(errors="replace")[-1000:].strip()
                raise RuntimeError(f"{side} {task}: {tail}")
            return json.loads(answer)

        yield ask
