"""Write an HTML page about a run: losses, most and least anomalous images, and settings."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from astrodome import AstrodomeError, errors, settings
from astrodome.runs import Run
from markupsafe import Markup
from numpy.typing import NDArray

from ..config import flatten
from ..training import TASK
from . import figures
from .pages import write_page

MAX_LARGE = 3
"""Maximum number of images for which all images are shown large, with map overlays."""
LARGE_SIDE, SMALL_SIDE = 640, 256
"""Maximum width of large and small images, in pixels."""
HIDDEN_SETTINGS = ("predict.", "data.sdo_ml_v2.", "debug")


@dataclass(frozen=True)
class SavedPredictions:
    """Predictions in a folder: records in the order of rank, and pixel scores if available."""

    folder: Path
    rows: list[dict[str, Any]]
    about: dict[str, Any]
    maps: NDArray[np.float32] | None
    label: str

    @property
    def limits(self) -> tuple[float, float]:
        """Lowest and highest score of the color scale of the maps."""
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
        Number of images to show from each end of the ranking.

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
        raise AstrodomeError(f"{run} contains neither a run nor predictions.", "Pass a run folder.")
    sections = [_section(read_predictions(folder), count) for folder in folders]
    metrics = read_metrics(run / "metrics.csv")
    config = settings.read_yaml(run / "config.yaml") if (run / "config.yaml").exists() else {}
    write_page(
        out,
        "report.html",
        name=run.resolve().name,
        record=record,
        facts=_facts(record),
        state=_state(record),
        losses=Markup(figures.losses(metrics)) if metrics else "",
        sections=sections,
        settings={
            key: value
            for key, value in flatten(config)
            if value is not None and not key.startswith(HIDDEN_SETTINGS)
        },
        versions=record.get("versions", {}),
        bar=figures.color_bar(),
    )
    return out


def find_predictions(run: Path) -> list[Path]:
    """Return the prediction folders in a run folder."""
    names = ("predictions.parquet", "maps.parquet")
    return sorted({path.parent for name in names for path in run.rglob(name)})


def read_predictions(folder: Path) -> SavedPredictions:
    """Read the predictions in a folder, ranked by image score or by mean pixel score.

    Raises AstrodomeError if the folder contains no predictions.
    """
    sample, pixel = folder / "predictions.parquet", folder / "maps.parquet"
    if not sample.exists() and not pixel.exists():
        raise AstrodomeError(f"No predictions found in {folder}.", "Run predict first.")
    about: dict[str, Any] = {}
    rows: dict[str, dict[str, Any]] = {}
    maps = None
    if pixel.exists():
        table = pq.read_table(pixel)
        about |= _metadata(table)
        maps = np.load(folder / "maps.npy", mmap_mode="r")
        rows = {row["path"]: row | {"score": row["mean"]} for row in table.to_pylist()}
    if sample.exists():
        table = pq.read_table(sample)
        about = _metadata(table) | about
        rows = {row["path"]: rows.get(row["path"], {}) | row for row in table.to_pylist()}
    label = "anomaly score" if sample.exists() else "mean pixel score"
    ranked = sorted(rows.values(), key=lambda row: -row["score"])
    return SavedPredictions(folder, ranked, about, maps, label)


def _metadata(table: Any) -> dict[str, Any]:
    return dict(json.loads((table.schema.metadata or {}).get(b"astrodome", b"{}")))


def _section(done: SavedPredictions, count: int) -> dict[str, Any]:
    """Return the template variables for a prediction folder."""
    large = len(done.rows) <= MAX_LARGE
    ranks = range(len(done.rows))
    most = list(ranks[: MAX_LARGE if large else count])
    least = [] if large else [rank for rank in ranks[-count:] if rank not in most]
    about = done.about
    waves = [row["wavelength"] for row in done.rows]
    scores = [row["score"] for row in done.rows]
    return {
        "title": Path(about.get("data_dir", done.folder)).name.replace("_", " "),
        "images": len(done.rows),
        "times": sorted({row["t_obs"] for row in done.rows if row["t_obs"]}),
        "waves": sorted(set(filter(None, waves))),
        "model": about.get("model", ""),
        "score_mode": about.get("score_mode") or "pixel score",
        "label": done.label,
        "limits": done.limits,
        "has_maps": done.maps is not None,
        "large": large,
        "groups": [
            (title, [_card(done, rank, large) for rank in chosen])
            for title, chosen in (("Most anomalous", most), ("Least anomalous", least))
            if chosen
        ],
        "histogram": "" if large else Markup(figures.histogram(scores, waves, done.label)),
    }


def _card(done: SavedPredictions, rank: int, large: bool) -> dict[str, Any]:
    """Return the template variables for an image and its map; large images have an overlay."""
    row = done.rows[rank]
    path, side = Path(row["path"]), LARGE_SIDE if large else SMALL_SIDE
    pictures = [("image", figures.image(path, row["wavelength"], side))]
    if done.maps is not None and row.get("row") is not None:
        scores = done.maps[row["row"]]
        pictures.append(("map", figures.score_map(scores, *done.limits)))
        if large:
            pictures.append(("overlay", figures.overlay(path, scores, *done.limits, side)))
    return {
        "rank": rank + 1,
        "score": row["score"],
        "name": path.stem,
        "t_obs": row["t_obs"] or "",
        "wavelength": row["wavelength"],
        "pictures": pictures,
    }


def _state(record: Mapping[str, Any]) -> str:
    if record.get("status") != "finished":
        return "not finished"
    early = ", stopped early because the validation loss no longer decreased"
    return "finished" + (early if record.get("stopped_early") else "")


def _facts(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    shown = [
        ("training images", record.get("train_images"), "{:,}"),
        ("validation images", record.get("validation_images"), "{:,}"),
        ("epochs", record.get("epochs"), "{}"),
        ("best validation loss", record.get("best_val_loss"), "{:.4f}"),
        ("parameters", record.get("parameters"), "{:,}"),
        ("training time (s)", record.get("seconds"), "{:,.0f}"),
    ]
    return [(name, form.format(value)) for name, value, form in shown if value is not None]


def read_metrics(path: Path) -> dict[str, NDArray[np.float64]]:
    """Return the columns of ``metrics.csv``, or an empty dict if the file does not exist."""
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    return {key: np.array([float(row[key]) for row in rows]) for key in rows[0]} if rows else {}
