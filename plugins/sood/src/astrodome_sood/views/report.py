"""One page about a run: its losses, the images it finds most and least unusual, its settings."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pyarrow.parquet as pq
from astrodome import AstrodomeError, files, settings
from astrodome.runs import Run
from markupsafe import Markup
from numpy.typing import NDArray

from ..training import TASK
from . import figures

FEW = 3
"""Up to so many images are shown large, each with its map over it."""
LARGE, SMALL = 640, 256
"""Largest side of a shown image, px."""


@dataclass
class Predictions:
    """A folder of predictions: records by rank with ``score``, and ``scores`` of their pixels."""

    folder: Path
    rows: list[dict[str, Any]]
    about: dict[str, Any]
    maps: NDArray[np.float32] | None
    label: str

    @property
    def limits(self) -> tuple[float, float]:
        """The scale of the maps of this folder."""
        low, high = self.about.get("scale_range", (0.0, 1.0))
        return float(low), float(high)


def write(run: Path, pred_dirs: Sequence[Path], out: Path, count: int = 6) -> Path:
    """Write the page of a run folder, or of a folder of predictions alone.

    ``pred_dirs`` are those in the run folder unless given; of each, ``count`` most and
    least anomalous images are shown. Raises AstrodomeError when there is nothing to show.
    """
    if not run.is_dir():
        raise AstrodomeError(f"There is no run folder {run}.")
    record = Run.open(run, TASK).record if (run / "run.json").exists() else {}
    folders = list(pred_dirs) or found(run)
    if not record and not folders:
        raise AstrodomeError(
            f"{run} holds neither a run nor predictions.", "Give the folder that train wrote."
        )
    sections = [section(read(folder), count) for folder in folders]
    metrics = read_metrics(run / "metrics.csv")
    config = settings.read_yaml(run / "config.yaml") if (run / "config.yaml").exists() else {}
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("astrodome_sood.views"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    page = environment.get_template("report.html").render(
        name=run.resolve().name,
        record=record,
        facts=facts(record),
        state=state(record),
        losses=Markup(figures.losses(metrics)) if metrics else "",
        sections=sections,
        settings=shown_settings(config),
        versions=record.get("versions", {}),
        bar=figures.bar(),
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    files.write_text(out, page)
    return out


def found(run: Path) -> list[Path]:
    """The folders of predictions in a run folder, the one called so first."""
    names = ("predictions.parquet", "maps.parquet")
    return sorted({path.parent for name in names for path in run.rglob(name)})


def read(folder: Path) -> Predictions:
    """The predictions of a folder, most anomalous first: by sample score, or by the mean of a map.

    Raises AstrodomeError when the folder holds none.
    """
    sample, pixel = folder / "predictions.parquet", folder / "maps.parquet"
    if not sample.exists() and not pixel.exists():
        raise AstrodomeError(f"{folder} holds no predictions.", "Run predict into it first.")
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
        about |= {key: value for key, value in _metadata(table).items() if key not in about}
        rows = {row["path"]: rows.get(row["path"], {}) | row for row in table.to_pylist()}
    label = "anomaly score" if sample.exists() else "mean pixel score"
    ranked = sorted(rows.values(), key=lambda row: -row["score"])
    return Predictions(folder, ranked, about, maps, label)


def section(done: Predictions, count: int) -> dict[str, Any]:
    """What the page shows of one folder of predictions."""
    large = len(done.rows) <= FEW
    places = range(len(done.rows))
    most = list(places[: FEW if large else count])
    least = [] if large else [place for place in places[-count:] if place not in most]
    times = sorted({row["t_obs"] for row in done.rows if row["t_obs"]})
    about = done.about
    return {
        "title": Path(about.get("data_dir", done.folder)).name.replace("_", " "),
        "images": len(done.rows),
        "times": times,
        "waves": sorted({row["wavelength"] for row in done.rows if row["wavelength"]}),
        "model": about.get("model", ""),
        "score_mode": about.get("score_mode") or "pixel score",
        "label": done.label,
        "limits": done.limits,
        "has_maps": done.maps is not None,
        "large": large,
        "groups": [
            (title, [card(done, place, large) for place in chosen])
            for title, chosen in (("Most anomalous", most), ("Least anomalous", least))
            if chosen
        ],
        "histogram": ""
        if large
        else Markup(
            figures.histogram(
                [row["score"] for row in done.rows],
                [row["wavelength"] for row in done.rows],
                done.label,
            )
        ),
    }


def card(done: Predictions, place: int, large: bool) -> dict[str, Any]:
    """One image with its map beside it, and over it where there is room."""
    row = done.rows[place]
    path, side = Path(row["path"]), LARGE if large else SMALL
    scores = done.maps[row["row"]] if done.maps is not None and row.get("row") is not None else None
    pictures = [("image", figures.image(path, row["wavelength"], side))]
    if scores is not None:
        pictures.append(("map", figures.score_map(scores, *done.limits)))
        if large:
            pictures.append(("overlay", figures.overlay(path, scores, *done.limits, side)))
    return {
        "rank": place + 1,
        "score": row["score"],
        "name": path.stem,
        "t_obs": row["t_obs"] or "",
        "wavelength": row["wavelength"],
        "pictures": pictures,
    }


def state(record: Mapping[str, Any]) -> str:
    """How far a run is, in words."""
    if record.get("status") != "finished":
        return "not finished"
    early = ", stopped early since the validation loss no longer fell"
    return "finished" + (early if record.get("stopped_early") else "")


def facts(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The figures at the head of the page."""
    shown = [
        ("training images", record.get("train_images"), "{:,}"),
        ("validation images", record.get("validation_images"), "{:,}"),
        ("epochs", record.get("epochs"), "{}"),
        ("best validation loss", record.get("best_val_loss"), "{:.4f}"),
        ("parameters", record.get("parameters"), "{:,}"),
        ("seconds of training", record.get("seconds"), "{:,.0f}"),
    ]
    return [(name, form.format(value)) for name, value, form in shown if value is not None]


def read_metrics(path: Path) -> dict[str, NDArray[np.float64]]:
    """The columns of ``metrics.csv``; empty when there is none."""
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    return {key: np.array([float(row[key]) for row in rows]) for key in rows[0]} if rows else {}


def shown_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that decided the run, by dotted key."""
    aside = ("predict.", "data.sdo_ml_v2.", "debug")
    return {key: value for key, value in leaves(config) if not key.startswith(aside)}


def leaves(node: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """The settings by dotted key, without those that nobody set."""
    found: list[tuple[str, Any]] = []
    for key, value in node.items():
        if isinstance(value, Mapping):
            found += leaves(value, f"{prefix}{key}.")
        elif value is not None:
            found.append((prefix + key, value))
    return found


def _metadata(table: Any) -> dict[str, Any]:
    return dict(json.loads((table.schema.metadata or {}).get(b"astrodome", b"{}")))
