"""Compute anomaly scores for images or pixels, and write them to files.

The mode ``sample`` writes ``predictions.txt``, which has the same columns as in sdo-cli, and
``predictions.parquet``. Both files are in descending order of the score. If the model can explain
its scores, the table contains explanations of the largest scores. The mode ``pixel``
writes the pixel score map of each image to a PNG file. It also writes ``maps.npy``, a float32 array
of all pixel scores with shape (N, H, W), and ``maps.parquet``, a table with one row per image. The
column ``row`` in the table is the index into the array.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from astrodome import compute, files
from astrodome.runs import provenance
from numpy.typing import NDArray
from PIL import Image

from ..config import Config
from ..datasets.loading import TEST, open_images
from ..model_options import TASK
from ..protocols import ImageDataset
from ..training import DISTRIBUTIONS
from .calibration import ScoreCalibration, calibration_of
from .scorer import (
    ImageResults,
    ModelScorer,
    describe_weights,
    explain_images,
    load_model,
    output_folder,
    pixel_mode,
    supports,
)
from .shards import ResumableScores

COLUMNS = ("pixel_pred_path", "score", "t_obs", "wavelength")
SHOWN = {
    "sample": (
        "rank",
        "score",
        "false_alarm_probability",
        "anomalous",
        "explanation",
        "t_obs",
        "wavelength",
        "path",
    ),
    "pixel": ("map", "mean", "max", "anomalous_share", "t_obs", "wavelength", "path"),
}
"""Names of the columns to display, keyed by prediction mode."""
EXPLANATION = {
    "explanation": "text",
    "statistic": "statistic",
    "deviation": "deviation",
    "center_row": "row",
    "center_column": "column",
}
"""Mapping from columns of ``predictions.parquet`` to attributes of an explanation."""
EXPLAINED = 100
"""Number of images with the largest scores for which an explanation is computed."""
WHITE_PERCENTILE = 99.9
"""Percentile of the pixel scores that is shown in white.

If the maximum were shown in white, a single pixel could make the rest of the map dark."""


def predict(
    model: str,
    config: Config,
    images: ImageDataset | None = None,
    jobs: int = 1,
    scheduler: str = "",
) -> ImageResults:
    """Score images or pixels, and write the results to the prediction folder.

    By default, ``images`` are the test images that the configuration specifies. The scores are
    computed in ``jobs`` processes, or on the Dask cluster at the address ``scheduler``. To
    resume an interrupted prediction, call this function again with the same arguments. Raises
    AstrodomeError if the weights do not exist or do not match the images.
    """
    backend = load_model(model, config)
    mode = pixel_mode(backend, model, config.predict.score_mode)
    images = images or open_images(config, TEST)
    folder = output_folder(model, config, "predictions")
    about = {
        "model": model,
        "mode": config.predict.mode,
        **describe_weights(config.model.load_path),
        "data_dir": images.location,
        "config": config.plain(),
    }
    rows = [dict(images.describe(index)) for index in range(len(images))]
    for row, name in zip(rows, map_names(rows, images.location), strict=True):
        row["map"] = name
    calibration = calibration_of(config, mode)
    pixel = config.predict.mode == "pixel"
    output = "pixels" if pixel else config.predict.sample_score
    scorer = ModelScorer.create(backend, config, mode, output, jobs)
    with files.lock(folder / ".lock"):
        files.sweep(folder)
        identity = about | {"images": images.digest(), "outputs": [mode, output]}
        saved = ResumableScores(folder, images, scorer, identity)
        about |= provenance(DISTRIBUTIONS, TASK, [model])
        scores = saved.compute(jobs, scheduler, "Scoring pixels" if pixel else "Scoring images")
        if pixel:
            about |= {"score_mode": mode, "scale": config.predict.scale}
            critical = _critical_score(calibration, config.predict.false_alarm_rate)
            rows = _write_maps(scores, images, rows, folder, config, about, critical)
            saved.path.replace(folder / "maps.npy")
        else:
            if supports(model, "explain"):
                _add_explanations(backend, scores, images, rows, config.data.batch_size)
            if calibration:
                _add_probabilities(calibration, scores, rows, config.predict.false_alarm_rate)
            rows = _write_scores(scores, rows, folder, about)
        saved.delete()
    outcome = compute.Outcome(done=len(rows), failed=images.failed)
    columns = [name for name in SHOWN[config.predict.mode] if any(name in row for row in rows)]
    return ImageResults(folder, rows, columns, outcome, images.warnings)


def _critical_score(calibration: ScoreCalibration | None, rate: float | None) -> float | None:
    return calibration.pixels.critical_score(rate) if calibration and rate else None


def _add_probabilities(
    calibration: ScoreCalibration,
    scores: NDArray[np.float32],
    rows: list[dict[str, Any]],
    rate: float | None,
) -> None:
    """Add the false-alarm probabilities, and mark the images whose probability is at most ``rate``.

    No images are marked if ``rate`` is None.
    """
    for row, probability in zip(rows, calibration.images.probability(scores), strict=True):
        row["false_alarm_probability"] = float(probability)
        if rate:
            row["anomalous"] = bool(probability <= rate)


def _add_explanations(
    backend: Any,
    scores: NDArray[np.float32],
    images: ImageDataset,
    rows: list[dict[str, Any]],
    batch_size: int,
) -> None:
    """Add the explanations of the images with the largest scores to their rows."""
    chosen = np.sort(np.argsort(-scores, kind="stable")[:EXPLAINED]).tolist()
    for row in rows:
        row |= dict.fromkeys(EXPLANATION)
    for start in range(0, len(chosen), batch_size):
        part = chosen[start : start + batch_size]
        found = explain_images(backend, images.batch(part))
        for index, explanation in zip(part, found, strict=True):
            rows[index] |= {
                column: getattr(explanation, name) for column, name in EXPLANATION.items()
            }


def map_names(rows: Sequence[Mapping[str, Any]], location: str) -> list[str]:
    """Return the file names for the maps, for example ``20120307-000200_171A__3.png``.

    If the time is unknown, the name of the image is used. If several maps would have the
    same name, the image path relative to ``location`` is used.
    """
    names = []
    for row in rows:
        stem = Path(row["path"]).stem
        if row["t_obs"]:
            time = row["t_obs"].translate(str.maketrans("T", "-", "-:Z"))
            stem = f"{time}_{row['wavelength']}A" + (f"__{row['part']}" if row["part"] else "")
        names.append(f"{stem}.png")
    counts = Counter(names)
    return [
        name
        if counts[name] == 1
        else row["path"].removeprefix(location).strip("/").replace("/", "__") + ".png"
        for name, row in zip(names, rows, strict=True)
    ]


def _write_scores(
    scores: NDArray[np.float32],
    rows: list[dict[str, Any]],
    folder: Path,
    about: Mapping[str, Any],
) -> list[dict[str, Any]]:
    ranked = [
        {"rank": rank, "score": float(scores[index]), **rows[index]}
        for rank, index in enumerate(np.argsort(-scores, kind="stable"), 1)
    ]
    table = pd.DataFrame(ranked, dtype=object)  # Preserve integers in columns with missing values.
    maps = [folder / row["map"] for row in ranked]
    paths = [m if m.is_file() else row["path"] for m, row in zip(maps, ranked, strict=True)]
    text = table.assign(pixel_pred_path=paths).to_csv(columns=COLUMNS, index=False)
    files.write_text(folder / "predictions.txt", text)
    files.write_parquet(folder / "predictions.parquet", pa.Table.from_pylist(ranked), about)
    return [
        row | {"map": path.name if path.is_file() else None}
        for row, path in zip(ranked, maps, strict=True)
    ]


def _write_maps(
    maps: NDArray[np.float32],
    images: ImageDataset,
    rows: list[dict[str, Any]],
    folder: Path,
    config: Config,
    about: dict[str, Any],
    critical: float | None = None,
) -> list[dict[str, Any]]:
    for index, (row, scores) in enumerate(zip(rows, maps, strict=True)):
        row |= {
            "row": index,
            "mean": float(scores.mean(dtype=np.float64)),
            "min": float(scores.min()),
            "max": float(scores.max()),
            "p99_9": float(np.percentile(scores, WHITE_PERCENTILE)),
        }
        if critical is not None:
            marked = scores > critical
            row["anomalous_share"] = float(marked.mean())
            write_png(folder / f"{Path(row['map']).stem}__mask.png", marked.astype(np.uint8) * 255)
    low, high = min(row["min"] for row in rows), max(row["p99_9"] for row in rows)
    about["scale_range"] = (low, high)
    for index, (row, scores) in enumerate(zip(rows, maps, strict=True)):
        if config.predict.scale == "image":
            low, high = row["min"], row["max"]
        write_png(folder / row["map"], gray_levels(scores, low, high))
        if config.predict.save_src_img:
            source = gray_levels(images[index].mean(axis=0), -1, 1)
            write_png(folder / f"{Path(row['map']).stem}__src.png", source)
    rows = sorted(rows, key=lambda row: -row["mean"])
    files.write_parquet(folder / "maps.parquet", pa.Table.from_pylist(rows), about)
    return rows


def gray_levels(values: NDArray[np.float32], low: float, high: float) -> NDArray[np.uint8]:
    """Scale values linearly to gray levels, so that ``low`` becomes 0 and ``high`` becomes 255.

    All gray levels are 0 if ``low`` and ``high`` are equal.
    """
    span = high - low if high > low else np.inf
    levels: NDArray[np.uint8] = np.rint(np.clip((values - low) / span, 0, 1) * 255).astype(np.uint8)
    return levels


def write_png(path: Path, levels: NDArray[np.uint8]) -> None:
    """Write gray levels with shape (H, W) or RGB values with shape (H, W, 3) to a PNG file."""
    with files.replacing(path, sync=False) as part:
        Image.fromarray(levels).save(part, "PNG")
