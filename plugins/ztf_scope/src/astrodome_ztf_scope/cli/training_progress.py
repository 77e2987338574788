"""What a person sees of runs that are made in other processes: a live table, or plain lines.

How far a run is stands in its folder, so that nothing has to be sent between processes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from astrodome import compute, console
from astrodome.runs import Run

from ..classifiers import trained_models

if TYPE_CHECKING:
    from rich.table import Table

    from ..classifiers.jobs import TrainingJob
    from ..classifiers.training import Row

TAIL = 4096


class Board:
    """The runs that are asked for, and what became of those that ended."""

    def __init__(self, verbose: int) -> None:
        self.verbose = verbose
        self.jobs: Sequence[TrainingJob] = ()
        self.ended: dict[str, compute.ItemResult[TrainingJob, Row]] = {}
        self.started = time.monotonic()
        self.state = console.Progress("Training", None, "runs")

    def expect(self, jobs: Sequence[TrainingJob]) -> None:
        self.jobs = jobs
        self.state.total = len(jobs)

    def add(self, done: compute.ItemResult[TrainingJob, Row]) -> None:
        self.ended[done.item.name] = done
        self.state.count = len(self.ended)
        if self.verbose and not console.on_terminal(sys.stderr):
            console.note(f"{done.item.name}: {outcome(done)} ({self.count})")

    @property
    def count(self) -> str:
        return f"{len(self.ended)} of {len(self.jobs)}, {time.monotonic() - self.started:.0f} s"

    def table(self) -> Table:
        """The runs that were, are and will be made; of many, those round the ones at work."""
        from rich.box import SIMPLE_HEAD
        from rich.table import Table

        rows = []
        for job in self.jobs:
            if job.name in self.ended:
                rows.append((job, "done", outcome(self.ended[job.name])))
            else:
                now = progress(job)
                rows.append((job, "training" if now is not None else "waiting", now or ""))
        table = Table(
            "class", "state", "", "", box=SIMPLE_HEAD, title=self.count, title_justify="left"
        )
        for job, state, text in _some(rows):
            style = {"done": "", "training": "bold", "waiting": "dim"}[state]
            table.add_row(job.tag, str(job.random_state), state, text, style=style)
        return table


@contextmanager
def shown(verbose: int) -> Iterator[Board]:
    """A board that is drawn on standard error while the block runs."""
    board = Board(verbose)
    with console.interruptible(board.state), _live(board):
        yield board


def _live(board: Board) -> AbstractContextManager[Any]:
    if not board.verbose or not console.on_terminal(sys.stderr):
        return nullcontext()
    from rich.live import Live

    return Live(
        get_renderable=board.table,
        console=console.rich_console(stderr=True),
        refresh_per_second=2,
        transient=True,
    )


def outcome(done: compute.ItemResult[TrainingJob, Row]) -> str:
    if done.value is None:
        return f"failed: {done.error}"
    found = [("F1", done.value["f1"]), ("ROC AUC", done.value["roc_auc"])]
    text = ", ".join(f"{name} {value:.3f}" for name, value in found if value is not None)
    return text if done.value["trained"] == "now" else f"{text} (finished before)"


def progress(job: TrainingJob) -> str | None:
    """The last line of the metrics of a run that is being made; None when it has not begun."""
    if Run(job.folder).record.get("status") == trained_models.FINISHED:
        return None
    if not (job.folder / "preparation.json").exists():
        return None
    try:
        with (job.folder / "metrics.csv").open("rb") as file:
            names = file.readline().decode().strip().split(",")
            file.seek(max(file.seek(0, 2) - TAIL, 0))
            last = file.read().decode().strip().splitlines()[-1].split(",")
    except (OSError, IndexError):
        return ""
    if last == names or len(last) != len(names):
        return ""
    return ", ".join(
        f"{name} {value[:7]}"
        for name, value in zip(names, last, strict=True)
        if name in (names[0], "val_loss", "val_auc")
    )


def _some(
    rows: list[tuple[TrainingJob, str, str]], most: int = 30
) -> list[tuple[TrainingJob, str, str]]:
    at_work = [number for number, row in enumerate(rows) if row[1] == "training"]
    middle = at_work[0] if at_work else len(rows)
    first = max(0, min(middle - most // 2, len(rows) - most))
    return rows[first : first + most]
