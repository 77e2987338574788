"""Progress of training runs: a live table on a terminal, otherwise one line per finished run."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from astrodome import compute, console
from astrodome.runs import Run

from ..classifiers import trained_models

if TYPE_CHECKING:
    from rich.table import Table

    from ..classifiers.jobs import TrainingJob
    from ..classifiers.training_run import Row

MAX_ROWS = 30
TAIL_BYTES = 4096
STYLES = {"done": "", "training": "bold", "waiting": "dim"}


class TrainingProgress:
    """The requested runs and the results of the finished ones.

    The state of a run is read from its folder, so that the processes need not report it.
    """

    def __init__(self, verbose: int) -> None:
        self.verbose = verbose
        self.jobs: Sequence[TrainingJob] = ()
        self.results: dict[str, str] = {}
        self.started = time.monotonic()
        self.progress = console.Progress("Training", None, "runs")

    def start(self, jobs: Sequence[TrainingJob]) -> None:
        """Set the runs that are requested."""
        self.jobs = jobs
        self.progress.total = len(jobs)

    def finish(self, done: compute.ItemResult[TrainingJob, Row]) -> None:
        """Record the result of a run."""
        self.results[done.item.name] = _describe_result(done)
        self.progress.count = len(self.results)
        if self.verbose and not console.on_terminal(sys.stderr):
            console.note(f"{done.item.name}: {self.results[done.item.name]} ({self.summary})")

    @property
    def summary(self) -> str:
        seconds = time.monotonic() - self.started
        return f"{len(self.results)} of {len(self.jobs)}, {seconds:.0f} s"

    def table(self) -> Table:
        """Return the table of the runs; of many runs, those around the first running one."""
        from rich.box import SIMPLE_HEAD
        from rich.table import Table

        rows = [(job, *self._state(job)) for job in self.jobs]
        running = (number for number, row in enumerate(rows) if row[1] == "training")
        center = next(running, len(rows))
        first = max(0, min(center - MAX_ROWS // 2, len(rows) - MAX_ROWS))
        table = Table(
            "class", "state", "", "", box=SIMPLE_HEAD, title=self.summary, title_justify="left"
        )
        for job, state, text in rows[first : first + MAX_ROWS]:
            table.add_row(job.tag, str(job.random_state), state, text, style=STYLES[state])
        return table

    def _state(self, job: TrainingJob) -> tuple[str, str]:
        if job.name in self.results:
            return "done", self.results[job.name]
        if Run(job.folder).record.get("status") == trained_models.FINISHED:
            return "waiting", ""
        if not (job.folder / "preparation.json").exists():
            return "waiting", ""
        return "training", _last_metrics(job)


@contextmanager
def show(verbose: int) -> Iterator[TrainingProgress]:
    """Show the progress on standard error while the block runs."""
    progress = TrainingProgress(verbose)
    live = nullcontext()
    if verbose and console.on_terminal(sys.stderr):
        from rich.live import Live

        live = Live(  # type: ignore[assignment]
            get_renderable=progress.table,
            console=console.rich_console(stderr=True),
            refresh_per_second=2,
            transient=True,
        )
    with console.interruptible(progress.progress), live:
        yield progress


def _describe_result(done: compute.ItemResult[TrainingJob, Row]) -> str:
    if done.value is None:
        return f"failed: {done.error}"
    metrics = [("F1", done.value["f1"]), ("ROC AUC", done.value["roc_auc"])]
    text = ", ".join(f"{name} {value:.3f}" for name, value in metrics if value is not None)
    return text if done.value["trained"] == "now" else f"{text} (trained before)"


def _last_metrics(job: TrainingJob) -> str:
    """Return the last line of the metrics of a run; empty before the first epoch."""
    try:
        with (job.folder / "metrics.csv").open("rb") as file:
            names = file.readline().decode().strip().split(",")
            file.seek(max(file.seek(0, 2) - TAIL_BYTES, 0))
            last = file.read().decode().strip().splitlines()[-1].split(",")
    except (OSError, IndexError):
        return ""
    if last == names or len(last) != len(names):
        return ""
    shown = (names[0], "val_loss", "val_auc")
    pairs = zip(names, last, strict=True)
    return ", ".join(f"{name} {value[:7]}" for name, value in pairs if name in shown)
