"""Write the results of an evaluation to data files and an HTML page."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pyarrow as pa
from astrodome import files
from astrodome_solar.colormaps import colormap
from astrodome_solar.figures import FAINT, SERIES, STYLE, to_data_url, to_svg
from markupsafe import Markup
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from ..evaluation.compare import ALL, Curve, EvaluationScores, precision_recall
from ..evaluation.evaluate import Evaluation
from .figures import score_map
from .pages import write_page

METRICS = {
    "auroc": "AUROC, images",
    "ap": "average precision, images",
    "pixel_ap": "average precision, pixels",
    "iou": "IoU at Otsu's threshold, pixels",
}
EXAMPLES = 2
"""Number of example images for each type of anomaly."""


def write_evaluation(evaluation: Evaluation, out: str | os.PathLike[str]) -> Path:
    """Write the results of an evaluation to a folder.

    Parameters
    ----------
    evaluation : Evaluation
        Result of :func:`astrodome_sood.evaluate`.
    out : str or path
        Output folder. ``evaluation.json`` contains all results, ``evaluation.parquet`` contains
        the metrics, and ``scores.parquet`` contains the image scores. ``evaluation.html`` is the
        HTML page.

    Returns
    -------
    pathlib.Path
        Path of the HTML page.

    Examples
    --------
    >>> from astrodome_sood import evaluate
    >>> result = evaluate("threshold", "patches", kinds=["occult"], bootstraps=10, target_size=32)
    >>> write_evaluation(result, "evaluation").name
    'evaluation.html'
    """
    out = Path(out).expanduser()
    with files.lock(out / ".lock"):
        files.sweep(out)
        document = json.dumps(without_nan(evaluation.document()), indent=1)
        files.write_text(out / "evaluation.json", document + "\n")
        comparison = evaluation.comparison
        rows = [{"level": "run", **row} for row in comparison.runs]
        rows += [{"level": "model", **row} for row in comparison.models]
        names = dict.fromkeys(key for row in rows for key in row)
        table = pa.Table.from_pylist([{name: row.get(name) for name in names} for row in rows])
        files.write_parquet(out / "evaluation.parquet", table, evaluation.about)
        table = pa.Table.from_pandas(evaluation.image_scores, preserve_index=False)
        files.write_parquet(out / "scores.parquet", table, evaluation.about)
        _write_page(out / "evaluation.html", evaluation)
    return out / "evaluation.html"


def without_nan(value: Any) -> Any:
    """Return a copy in which NaN is replaced with None, because JSON does not support NaN."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and value != value else value


def _write_page(path: Path, evaluation: Evaluation) -> None:
    comparison = evaluation.comparison
    kinds = dict.fromkeys(row["kind"] for row in comparison.models)
    write_page(
        path,
        "evaluation.html",
        about=evaluation.about,
        names={k: v for k, v in METRICS.items() if any(k in row for row in comparison.models)},
        tables={kind: [r for r in comparison.models if r["kind"] == kind] for kind in kinds},
        differences=[row for row in comparison.differences if row["kind"] == ALL],
        curves=Markup(curves(evaluation.scores, pixel_curves(evaluation.scores))),
        examples=_examples(evaluation),
    )


def pixel_curves(scores: EvaluationScores) -> dict[str, Curve]:
    """Return the recall and the precision for pixels of each model, if there are masks."""
    masked = [n for n, image in enumerate(scores.images) if image.mask is not None]
    return {label: precision_recall(scores, label, masked) for label in scores.maps if masked}


def curves(scores: EvaluationScores, pixels: Mapping[str, Curve]) -> str:
    """Return an SVG plot with the ROC curves for images and precision-recall curves for pixels."""
    labeled = [n for n, image in enumerate(scores.images) if image.label is not None]
    with mpl.rc_context(STYLE):
        figure = Figure((10, 4), layout="constrained")
        axes = figure.subplots(1, 2 if labeled and pixels else 1, squeeze=False)[0].tolist()
        if labeled:
            left = axes.pop(0)
            labels = [scores.images[n].label for n in labeled]
            for label, values in scores.scores.items():
                false, true, _ = roc_curve(labels, values[labeled])
                left.plot(false, true, **_line_style(scores, label))
            left.plot([0, 1], [0, 1], color=FAINT, ls=":", lw=1)
            left.set(xlabel="false positive rate (images)", ylabel="true positive rate (images)")
            left.legend()
        if pixels:
            right = axes.pop(0)
            for label, (recall, precision) in pixels.items():
                right.plot(recall, precision, **_line_style(scores, label))
            right.set(xlabel="recall (pixels)", ylabel="precision (pixels)", ylim=(0, 1.02))
            right.legend()
        return to_svg(figure)


def _line_style(scores: EvaluationScores, label: str) -> dict[str, Any]:
    """Return the color and label of a line, which are the same for all runs in a group."""
    groups = list(dict.fromkeys(scores.groups.values()))
    group = scores.groups[label]
    first = next(each for each, own in scores.groups.items() if own == group)
    color = SERIES[groups.index(group) % len(SERIES)]
    return {"color": color, "label": group if label == first else None, "lw": 1.2}


def _examples(evaluation: Evaluation) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return example images for each type of anomaly, with the mask and the map of each model."""
    scores = evaluation.scores
    chosen = _choose_examples(scores)
    groups: dict[str, list[dict[str, Any]]] = {}
    for number, image in enumerate(evaluation.truth):
        if number not in chosen:
            continue
        gray = np.clip((image.image.mean(axis=0) + 1) / 2, 0, 1)
        row = [("image", to_data_url(colormap(image.wavelength)(gray)))]
        if image.mask is not None:
            row.append(("mask", to_data_url(np.repeat(image.mask[..., None], 3, 2) * 1.0)))
        for label, maps in scores.maps.items():
            some = maps[:: max(1, len(maps) // 64)]
            low, high = float(some.min()), float(np.quantile(some, 0.999))
            row.append((label, score_map(maps[number], low, high)))
        values = {label: float(each[number]) for label, each in scores.scores.items()}
        title = image.kind or "unchanged"
        groups.setdefault(title, []).append({"name": image.name, "row": row, "scores": values})
    return list(groups.items())


def _choose_examples(scores: EvaluationScores) -> set[int]:
    """Return the indices of evenly spaced example images for each type of anomaly."""
    chosen: set[int] = set()
    for kind in dict.fromkeys(image.kind for image in scores.images):
        indices = [n for n, image in enumerate(scores.images) if image.kind == kind]
        step = max(1, len(indices) // (EXAMPLES + 1))
        chosen |= set(indices[step::step][:EXAMPLES] or indices[:EXAMPLES])
    return chosen
