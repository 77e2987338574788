"""Write files that are derived from finished runs: metrics, plots, network layers and reports.

A derived file is written if it does not exist or is not newer than its source files. Files that are
missing because training was interrupted are therefore also written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from astrodome import arrow, files
from astrodome.runs import Run

from . import evaluation, trained_models
from .jobs import TrainingJob

SPLIT, METRICS, PLOT, LAYERS = "split.parquet", "metrics.json", "confusion.svg", "network.txt"


def complete(job: TrainingJob) -> None:
    """Write the derived files of a finished run that are missing or outdated."""
    split = job.folder / SPLIT
    if stale(job.folder / METRICS, [split]):
        measured = evaluation.measure_split(arrow.read_frame(split))
        files.write_text(job.folder / METRICS, json.dumps(measured, indent=1) + "\n")
    if job.plot and stale(job.folder / "plots" / PLOT, [split]):
        _plots(job.folder)
    model = job.folder / "model.keras"
    if job.options.plot_model and stale(job.folder / "plots" / LAYERS, [model]):
        _layers(model, job.folder / "plots" / LAYERS)


def report(group: Path) -> None:
    """Write the report of a run group if it is missing or outdated.

    If the group contains no finished runs, no report is written.
    """
    from . import report

    records = trained_models.records(group)
    if stale(group / report.FILE, records) and any(trained_models.finished_runs(group)):
        report.write(group)


def stale(target: Path, sources: Iterable[Path]) -> bool:
    """Return whether a file is missing or not newer than its newest source file.

    Returns False if no source file exists.
    """
    written = _time(target)
    newest = max(map(_time, sources), default=0)
    return newest > 0 and newest >= written


def _time(path: Path) -> int:
    """Return the modification time of a file in nanoseconds, or 0 if it does not exist."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _plots(folder: Path) -> None:
    from . import plots

    metrics = folder / "metrics.csv"
    plots.write(
        folder / "plots",
        arrow.read_frame(folder / SPLIT, columns=["part", "target", "score"]),
        Run(folder).record.get("importance"),
        pd.read_csv(metrics) if metrics.is_file() else None,
    )


def _layers(model: Path, target: Path) -> None:
    """Write the layers of a Keras model to a text file, with their shapes and parameter counts."""
    import keras

    lines: list[str] = []
    loaded = keras.saving.load_model(model, compile=False)
    loaded.summary(100, print_fn=lambda text, **_: lines.append(text))
    files.write_text(target, "\n".join(lines) + "\n")
