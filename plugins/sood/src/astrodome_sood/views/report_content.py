"""Read a run folder and its predictions for the views of the report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from astrodome import AstrodomeError, errors, settings
from astrodome.runs import Run
from numpy.typing import NDArray

from ..model_options import TASK

TABLES = {"maps.parquet": "mean pixel score", "predictions.parquet": "anomaly score"}
"""Mapping from the names of prediction files to descriptions of the scores used for the ranking."""


@dataclass(frozen=True)
class SavedPredictions:
    """Predictions in a folder.

    ``rows`` contains one record per image in descending order of the score. ``about`` contains the
    description of the predictions, and ``label`` describes the scores. ``maps`` contains the pixel
    scores with shape (N, H, W). It is None if the folder contains no pixel scores.
    """

    folder: Path
    rows: list[dict[str, Any]]
    about: dict[str, Any]
    maps: NDArray[np.float32] | None
    label: str

    @property
    def limits(self) -> tuple[float, float]:
        """Lowest and highest score on the color scale of the maps."""
        low, high = self.about.get("scale_range", (0.0, 1.0))
        return float(low), float(high)


@dataclass(frozen=True)
class RunReport:
    """The content of a report about a run or about predictions, which is passed to the views.

    ``folder`` is the run folder or the prediction folder, and ``record`` is the content of
    ``run.json``. ``config`` is the configuration of the run, and ``metrics`` contains one row per
    epoch. ``record``, ``config`` and ``metrics`` are empty if the folder does not contain a run.
    ``count`` is the number of images to show in a list.
    """

    folder: Path
    record: dict[str, Any]
    config: dict[str, Any]
    metrics: pd.DataFrame
    predictions: list[SavedPredictions]
    count: int

    def table(self) -> pd.DataFrame:
        """Return all predictions as one table, in descending order of the score for each folder.

        The column ``predictions`` contains the name of the prediction folder, and ``rank`` is 1 for
        the most anomalous image of the folder. Missing values are None.

        Raises
        ------
        AstrodomeError
            If the report contains no predictions.
        """
        if not self.predictions:
            raise AstrodomeError(
                f"No predictions found in {self.folder}.", "Run the command 'predict' first."
            )
        rows = [
            {"predictions": done.folder.name, "rank": rank}
            | {name: value for name, value in row.items() if name not in ("rank", "row")}
            for done in self.predictions
            for rank, row in enumerate(done.rows, start=1)
        ]
        table = pd.DataFrame(rows, dtype=object)
        return table.where(table.notna(), None)


def read_report(run: Path, pred_dirs: Sequence[Path], count: int) -> RunReport:
    """Read a run folder or a prediction folder.

    ``pred_dirs`` contains prediction folders. If it is empty, all prediction folders in the run
    folder are used. Raises AstrodomeError if the folder contains neither a run nor predictions.
    """
    if not run.is_dir():
        raise errors.not_found(run, kind="Run folder")
    record = Run.open(run, TASK).record if (run / "run.json").exists() else {}
    folders = list(pred_dirs) or find_predictions(run)
    if not record and not folders:
        raise AstrodomeError(
            f"{run} contains neither a run nor predictions.",
            "Specify a run folder or a prediction folder.",
        )
    metrics, config = run / "metrics.csv", run / "config.yaml"
    return RunReport(
        run,
        record,
        settings.read_yaml(config) if config.exists() else {},
        pd.read_csv(metrics) if metrics.exists() else pd.DataFrame(),
        [read_predictions(folder) for folder in folders],
        count,
    )


def find_predictions(run: Path) -> list[Path]:
    """Return the prediction folders in a run folder."""
    return sorted({path.parent for name in TABLES for path in run.rglob(name)})


def read_predictions(folder: Path) -> SavedPredictions:
    """Read the predictions in a folder, ranked by image score or by mean pixel score.

    Raises AstrodomeError if the folder contains no predictions.
    """
    rows: dict[str, dict[str, Any]] = {}
    about: dict[str, Any] = {}
    label = ""
    for name, kind in TABLES.items():
        if (folder / name).exists():
            table = pq.read_table(folder / name)
            about = json.loads(table.schema.metadata[b"astrodome"]) | about
            label = kind
            for row in table.to_pylist():
                rows.setdefault(row["path"], {}).update({"score": row.get("mean")} | row)
    if not rows:
        raise AstrodomeError(
            f"No predictions found in {folder}.", "Run the command 'predict' first."
        )
    maps = np.load(folder / "maps.npy", mmap_mode="r") if (folder / "maps.npy").exists() else None
    ranked = sorted(rows.values(), key=lambda row: -row["score"])
    return SavedPredictions(folder, ranked, about, maps, label)
