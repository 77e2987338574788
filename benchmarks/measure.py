"""Run astrodome and sdo-cli or SCoPe alternately, and compute medians and ratios."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from .older import environment

INSIDE = Path(__file__).resolve().parent / "inside"

Measured = TypeVar("Measured")


@dataclass(frozen=True)
class Figure:
    """One row of the results.

    ``older`` is the value for sdo-cli or SCoPe, and ``ours`` is the value for astrodome. ``older``
    and ``ratio`` are None if sdo-cli and SCoPe do not provide the function. ``ratio`` is greater
    than 1 if astrodome is better, and less than 1 if it is worse.
    """

    subject: str
    older: float | None
    ours: float
    unit: str
    ratio: float | None
    goal: str = ""


@dataclass(frozen=True)
class Effort:
    """Number of runs for each program, and whether small inputs are used.

    With small inputs, the results are not meaningful. They only show that a benchmark works.
    """

    repeat: int
    small: bool = False

    def size(self, full: int, small: int) -> int:
        """Return the number of items to process: ``small`` for small inputs, otherwise ``full``."""
        return small if self.small else full

    def at_most(self, turns: int) -> Effort:
        """Return a copy with at most ``turns`` runs, which is used for slow tasks."""
        return Effort(min(self.repeat, turns), self.small)


@dataclass(frozen=True)
class Cost:
    """The wall time and the CPU time of a process in seconds, and its peak memory in MB."""

    wall: float
    cpu: float
    memory: float


def cost(
    subject: str, older: Sequence[float], ours: Sequence[float], unit: str, goal: str = ""
) -> Figure:
    """Return a figure for which smaller values are better."""
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
    """Return the number of items per second, computed from the median of the durations."""
    a, b = items / statistics.median(older), items / statistics.median(ours)
    return Figure(subject, a, b, f"{unit}/s", b / a, goal)


def alone(subject: str, ours: Sequence[float], unit: str, goal: str = "") -> Figure:
    """Return a figure without a counterpart in sdo-cli or SCoPe."""
    return Figure(subject, None, statistics.median(ours), unit, None, goal)


def usage(
    subject: str, older: Sequence[Cost], ours: Sequence[Cost], unit: str = "s"
) -> Iterator[Figure]:
    """Yield the CPU time of a command, in seconds or milliseconds, and its peak memory."""
    scale = {"s": 1, "ms": 1e3}[unit]
    cpu = [[scale * x.cpu for x in side] for side in (older, ours)]
    yield cost(f"{subject}, CPU time", *cpu, f"{unit} CPU")
    memory = [[x.memory for x in side] for side in (older, ours)]
    yield cost(f"{subject}, memory", *memory, "MB peak")


def repeated(run: Callable[[], Measured], effort: Effort) -> list[Measured]:
    """Run a task several times, and return all results except the first."""
    return [run() for _ in range(effort.repeat + 1)][1:]


def in_turn(
    older: Callable[[], Measured], ours: Callable[[], Measured], effort: Effort
) -> tuple[list[Measured], list[Measured]]:
    """Run both sides alternately, so that other processes affect both in the same way.

    The results of the first run are omitted.
    """
    turns = repeated(lambda: (older(), ours()), effort)
    return [a for a, _ in turns], [b for _, b in turns]


def process(command: Sequence[str | Path], folder: Path) -> Cost:
    """Run a command in a folder, without a terminal.

    Raises RuntimeError with the error output if the command fails.
    """
    measured = [sys.executable, "-S", "-E", INSIDE / "process.py", *command]
    run = subprocess.run(measured, cwd=folder, capture_output=True, text=True)
    if run.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: {run.stderr.strip()}")
    return Cost(*json.loads(run.stdout))


def script(name: str) -> Path:
    """Return the path of a script in the environment that runs the benchmarks."""
    return Path(sys.executable).with_name(name)


Worker = Callable[..., Any]
"""Function ``worker(task, **arguments)`` that runs a task and returns its duration in seconds.

For some tasks, it returns another number or a list of numbers."""


@contextmanager
def worker(python: str | Path, side: str, paths: Sequence[Path] = ()) -> Iterator[Worker]:
    """Start a process of ``python`` that runs the tasks in ``inside/<side>.py`` on request.

    Modules in the folders ``paths`` take precedence over those in the environment.

    The durations do not include imports and the creation of models. If a task fails, the worker
    raises RuntimeError with the end of the error output.
    """
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            [str(python), str(INSIDE / f"{side}.py")],
            env=os.environ | ({"PYTHONPATH": os.pathsep.join(map(str, paths))} if paths else {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as child,
    ):
        assert child.stdin and child.stdout
        requests, responses = child.stdin, child.stdout

        def run(task: str, **given: Any) -> float:
            print(json.dumps([task, given], default=str), file=requests, flush=True)
            response = responses.readline()
            if not response:
                errors.seek(0)
                tail = errors.read().decode(errors="replace")[-1000:].strip()
                raise RuntimeError(f"{side} {task}: {tail}")
            return json.loads(response)

        yield run


Seconds = tuple[list[float], list[float]]
"""Durations of all runs of sdo-cli or SCoPe, and of all runs of astrodome."""


class Workers(NamedTuple):
    """A worker for sdo-cli or SCoPe, and a worker for astrodome."""

    older: Worker
    ours: Worker

    def compare(
        self, effort: Effort, task: str, ours: Mapping[str, Any] | None = None, **given: Any
    ) -> tuple[list[Any], list[Any]]:
        """Run a task alternately on both sides. ``ours`` are additional arguments for astrodome."""
        more = {**given, **(ours or {})}
        return in_turn(lambda: self.older(task, **given), lambda: self.ours(task, **more), effort)


@contextmanager
def workers(tool: str, name: str, paths: Sequence[Path] = ()) -> Iterator[Workers]:
    """Start workers for the modules ``older_NAME.py`` and ``ours_NAME.py``.

    ``tool`` is the environment for ``older_NAME.py``: ``sdo`` or ``scope``.
    """
    with (
        worker(environment(tool) / "python", f"older_{name}", paths) as a,
        worker(sys.executable, f"ours_{name}") as b,
    ):
        yield Workers(a, b)
