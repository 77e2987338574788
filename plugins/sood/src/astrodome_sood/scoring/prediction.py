"""Scores of images and of their pixels, and the files that they are kept in.

``sample`` writes ``predictions.txt`` (sdo-cli's columns) and ``predictions.parquet``, the most
anomalous image first. ``pixel`` writes a map of each image as PNG, ``maps.npy`` with
the untouched scores, float32 (N, H, W), and ``maps.parquet``, whose column ``row`` leads into it.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from astrodome import AstrodomeError, compute, files, models
from astrodome.runs import Run, provenance
from numpy.typing import NDArray
from PIL import Image

from .. import config as configuration
from ..datasets.loading import TEST, Images, location, open_images
from ..training import DISTRIBUTIONS, TASK
from .shards import Shards, scorer, weight_files

COLUMNS = ("pixel_pred_path", "score", "t_obs", "wavelength")
BRIGHTEST = 99.9
"""Percentile of a map's scores that is drawn white: single pixels do not darken the rest."""


@dataclass
class Predictions:
    """What a prediction came to: its folder, and a record of each image in the order of rank."""

    folder: Path
    mode: str
    rows: list[dict[str, Any]]
    outcome: compute.Outcome

    @property
    def columns(self) -> list[str]:
        """What is worth showing of a record."""
        scores = ["rank", "score"] if self.mode == "sample" else ["map", "mean", "max"]
        return [*scores, "t_obs", "wavelength", "path"]


def predict(
    model: str, config: configuration.Config, jobs: int = 1, scheduler: str = ""
) -> Predictions:
    """Score the images of a folder with a trained model, by image or by pixel.

    In ``jobs`` processes, or on the Dask cluster at ``scheduler``; the same call again goes
    on where an interrupted one stopped.

    Raises AstrodomeError when the weights are missing or do not fit, or no image can be read.
    """
    backend = models.get(TASK, model)
    mode = pixel_mode(backend, model, config.predict.score_mode)
    weights = config.model.load_path
    check_weights(model, weights)
    backend.load(weights, config.plain())
    target = prediction_folder(model, config)
    images = open_images(config, TEST)
    about = {
        "model": model,
        "mode": config.predict.mode,
        "weights": str(weights.absolute()) if weights else None,
        "weights_digest": files.digest(weight_files(weights)) if weights else None,
        "data_dir": location(config),
        "config": config.plain(),
        **provenance(DISTRIBUTIONS, TASK, [model]),
    }
    rows = [dict(images.describe(index)) for index in range(len(images))]
    for row, name in zip(rows, map_names(rows, location(config)), strict=True):
        row["map"] = name
    pixel = config.predict.mode == "pixel"
    of = "pixels" if pixel else config.predict.sample_score
    how = scorer(backend, weights, config.plain(), mode, of, jobs)
    with files.lock(target / ".lock"):
        files.sweep(target)
        shards = Shards(target, images, how)
        shards.run(jobs, scheduler, "Scoring pixels" if pixel else "Scoring images")
        if pixel:
            about |= {"score_mode": mode, "scale": config.predict.scale}
            rows = _pixel(shards, images, rows, target, config, about)
        else:
            rows = _sample(shards, rows, target, about)
        shards.end()
    outcome = compute.Outcome(done=len(rows), failed=images.failed)
    return Predictions(target, config.predict.mode, rows, outcome)


def check_weights(model: str, weights: Path | None) -> None:
    """Raise AstrodomeError when there are no such weights, or a run of another model."""
    if weights is None:
        return
    if not weights.exists():
        raise AstrodomeError(f"There is no run or weights file {weights}.", "Check --load-path.")
    if weights.is_dir() and ((weights / "run.json").exists() or not any(weights.glob("*.pth"))):
        Run.open(weights, TASK, model)


def pixel_mode(backend: Any, model: str, wanted: str) -> str:
    """The pixel score to ask a backend for: one of its ``modes``; none when it has only one."""
    modes: tuple[str, ...] = getattr(backend, "modes", ())
    if len(modes) == 1:
        return str(modes[0])
    if modes and wanted not in modes:
        raise AstrodomeError(
            f"{model} has no pixel score '{wanted}'.", f"Known: {', '.join(modes)}.", exit_code=2
        )
    return wanted if modes else ""


def prediction_folder(model: str, config: configuration.Config) -> Path:
    """Where predictions go: ``pred_dir``, or ``predictions`` in the run folder (or here)."""
    if config.predict.pred_dir:
        return config.predict.pred_dir
    weights = config.model.load_path
    if weights is None:
        return Path("predictions") / model
    return (weights if weights.is_dir() else weights.parent) / "predictions"


def map_names(rows: Sequence[Mapping[str, Any]], where: str) -> list[str]:
    """File names of the maps: ``{%Y%m%d-%H%M%S}_{wave}A[__{part}].png``, or the image's own stem.

    Where two images would share a name, each gets its path within ``where`` instead.
    """
    names = []
    for row in rows:
        stem = Path(row["path"]).stem
        if row["t_obs"]:
            time = row["t_obs"].translate(str.maketrans("T", "-", "-:Z"))
            stem = f"{time}_{row['wavelength']}A" + (f"__{row['part']}" if row["part"] else "")
        names.append(f"{stem}.png")
    taken = Counter(names)
    return [
        name
        if taken[name] == 1
        else row["path"].removeprefix(where).strip("/").replace("/", "__") + ".png"
        for name, row in zip(names, rows, strict=True)
    ]


def _sample(
    shards: Shards, rows: list[dict[str, Any]], target: Path, about: Mapping[str, Any]
) -> list[dict[str, Any]]:
    scores = np.concatenate(list(shards.results()))
    ranked = [
        {"rank": place + 1, "score": float(scores[index]), **rows[index]}
        for place, index in enumerate(np.argsort(-scores, kind="stable"))
    ]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for row in ranked:
        drawn = target / row["map"]
        path = drawn if drawn.is_file() else row["path"]
        table.writerow([path, repr(row["score"]), row["t_obs"], row["wavelength"]])
    files.write_text(target / "predictions.txt", text.getvalue())
    files.write_parquet(target / "predictions.parquet", pa.Table.from_pylist(ranked), about)
    return ranked


def _pixel(
    shards: Shards,
    images: Images,
    rows: list[dict[str, Any]],
    target: Path,
    config: configuration.Config,
    about: dict[str, Any],
) -> list[dict[str, Any]]:
    with files.replacing(target / "maps.npy") as part:
        with part.open("wb") as out:
            shape = (len(images), *images[0].shape[1:])
            header = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(out, header)
            index = 0
            for maps in shards.results():
                out.write(np.ascontiguousarray(maps, "<f4").data)
                for scores in maps:
                    rows[index] |= {"row": index} | _statistics(scores)
                    index += 1
        about["scale_range"] = (
            min(row["min"] for row in rows),
            max(row["p99_9"] for row in rows),
        )
        for row, scores in zip(rows, np.load(part, mmap_mode="r"), strict=True):
            own = config.predict.scale == "image"
            low, high = (row["min"], row["max"]) if own else about["scale_range"]
            write_png(target / row["map"], grey_levels(scores, low, high))
    if config.predict.save_src_img:
        for index, row in enumerate(rows):
            source = grey_levels(images[index].mean(axis=0), -1, 1)
            write_png(target / f"{Path(row['map']).stem}__src.png", source)
    rows = sorted(rows, key=lambda row: -row["mean"])
    files.write_parquet(target / "maps.parquet", pa.Table.from_pylist(rows), about)
    return rows


def _statistics(scores: NDArray[np.float32]) -> dict[str, float]:
    return {
        "mean": float(scores.mean(dtype=np.float64)),
        "min": float(scores.min()),
        "max": float(scores.max()),
        "p99_9": float(np.percentile(scores, BRIGHTEST)),
    }


def grey_levels(values: NDArray[np.float32], low: float, high: float) -> NDArray[np.uint8]:
    """Values as grey levels, from ``low`` (0) to ``high`` (255); all 0 where the two are equal."""
    span = high - low if high > low else np.inf
    levels: NDArray[np.uint8] = np.rint(np.clip((values - low) / span, 0, 1) * 255).astype(np.uint8)
    return levels


def write_png(path: Path, levels: NDArray[np.uint8]) -> None:
    """Write grey levels (H, W) or colours (H, W, 3)."""
    with files.replacing(path, sync=False) as part:
        Image.fromarray(levels).save(part, "PNG")
