"""Write an HTML page about a run: losses, most and least anomalous images, and settings."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from astrodome import AstrodomeError, errors, settings
from astrodome.runs import Run
from markupsafe import Markup
from numpy.typing import NDArray

from ..config import flatten
from ..training import TASK
from . import figures
from .pages import write_page

SIDE = 256
"""Maximum width of the images on the page, in pixels."""
TABLES = {"maps.parquet": "mean pixel score", "predictions.parquet": "anomaly score"}
"""Mapping from the names of prediction files to descriptions of the scores used for the ranking."""
HIDDEN_SETTINGS = ("predict.", "data.sdo_ml_v2.", "debug")


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


def write_report(
    run: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    pred_dirs: Sequence[str | os.PathLike[str]] = (),
    count: int = 6,
) -> Path:
    """Write a self-contained HTML page about a run or about predictions.

    Parameters
    ----------
    run : str or path
        Run folder or prediction folder.
    out : str or path, optional
        Path of the HTML page. The default is ``report.html`` in the folder.
    pred_dirs : sequence of paths, optional
        Prediction folders. By default, all prediction folders in the run folder are used.
    count : int
        Number of images to show, both for the most anomalous and the least anomalous images.

    Returns
    -------
    pathlib.Path
        Path of the HTML page.

    Raises
    ------
    AstrodomeError
        If the folder contains neither a run nor predictions.

    Examples
    --------
    >>> write_report("run", "page.html").name
    'page.html'
    """
    run = Path(run).expanduser()
    out = Path(out).expanduser() if out else run / "report.html"
    if not run.is_dir():
        raise errors.not_found(run, kind="Run folder")
    record = Run.open(run, TASK).record if (run / "run.json").exists() else {}
    folders = [Path(each).expanduser() for each in pred_dirs] or find_predictions(run)
    if not record and not folders:
        raise AstrodomeError(
            f"{run} contains neither a run nor predictions.",
            "Specify a run folder or a prediction folder.",
        )
    sections = [_section(read_predictions(folder), count) for folder in folders]
    metrics, config = run / "metrics.csv", run / "config.yaml"
    write_page(
        out,
        "report.html",
        name=run.resolve().name,
        record=record,
        losses=Markup(figures.losses(pd.read_csv(metrics))) if metrics.exists() else "",
        sections=sections,
        settings={
            key: value
            for key, value in flatten(settings.read_yaml(config) if config.exists() else {})
            if value is not None and not key.startswith(HIDDEN_SETTINGS)
        },
        bar=figures.color_bar(),
    )
    return out


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


def _section(done: SavedPredictions, count: int) -> dict[str, Any]:
    """Return the template variables for a prediction folder."""
    ranks = range(len(done.rows))
    most = ranks[:count]
    least = ranks[max(count, len(ranks) - count) :]
    table = pd.DataFrame(done.rows)
    return {
        "done": done,
        "title": Path(done.about.get("data_dir", done.folder)).name.replace("_", " "),
        "times": sorted(table["t_obs"].dropna()),
        "waves": sorted(table["wavelength"].dropna().astype(int).unique()),
        "groups": {
            "Most anomalous": [_card(done, rank) for rank in most],
            "Least anomalous": [_card(done, rank) for rank in least],
        },
        "histogram": Markup(figures.histogram(table, done.label)),
    }


def _card(done: SavedPredictions, rank: int) -> dict[str, Any]:
    """Return the template variables for an image and its map."""
    row = done.rows[rank]
    path = Path(row["path"])
    pictures = {"image": figures.image(path, row["wavelength"], SIDE)}
    if done.maps is not None and row.get("row") is not None:
        scores = done.maps[row["row"]]
        pictures["map"] = figures.score_map(scores, *done.limits)
    return row | {"rank": rank + 1, "name": path.stem, "pictures": pictures}
