"""How good scores are: metrics of a classifier on labelled sources, and of a saved model on a file.

A source counts as predicted when its score is above 0.5 unless another threshold is given.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from astrodome import AstrodomeError
from numpy.typing import ArrayLike, NDArray

from ..config.schema import ClassConfig
from ..tables import datasets
from .loaded_models import LoadedModel
from .preprocessing.splitting import NON_VARIABLE, VARIABLE, labels

THRESHOLD = 0.5
PARTS = ("test", "dropped")
"""Parts of a split that a run is measured on: held-out sources, and those left out by balance."""
METRICS = ("f1", "precision", "recall", "roc_auc", "average_precision", "brier")
SMALLER_IS_BETTER = frozenset({"brier"})
ROWS = 100_000


def measure(
    target: ArrayLike, score: ArrayLike, threshold: float = THRESHOLD
) -> dict[str, float | None]:
    """Metrics of scores (N,) against targets (N,) of 0 and 1.

    Counts of sources, positives and of the confusion matrix; precision, recall, F1, area under
    the ROC curve, average precision and the Brier score (the mean squared error of the score).
    What these sources do not define is None: areas need both labels, precision a source that is
    predicted.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    truth = np.asarray(target) > 0
    predicted = np.asarray(score) > threshold  # in the precision of the score
    scores = np.asarray(score, np.float64)
    hits, alarms = int((predicted & truth).sum()), int((predicted & ~truth).sum())
    positive = int(truth.sum())
    misses = positive - hits
    both = 0 < positive < len(truth)
    return {
        "sources": len(truth),
        "positive": positive,
        "precision": _ratio(hits, hits + alarms),
        "recall": _ratio(hits, positive),
        "f1": _ratio(2 * hits, 2 * hits + alarms + misses),
        "roc_auc": float(roc_auc_score(truth, scores)) if both else None,
        "average_precision": float(average_precision_score(truth, scores)) if both else None,
        "brier": float(np.mean((scores - truth) ** 2)) if len(truth) else None,
        "true_positive": hits,
        "false_positive": alarms,
        "false_negative": misses,
        "true_negative": len(truth) - positive - alarms,
        "threshold": threshold,
    }


def measure_split(split: pd.DataFrame) -> dict[str, dict[str, float | None]]:
    """Metrics by part of a run's split (columns ``part``, ``target``, ``score``); empty parts not.

    This is what ``metrics.json`` of a run holds.
    """
    rows = {part: split[split["part"] == part] for part in PARTS}
    return {part: measure(of["target"], of["score"]) for part, of in rows.items() if len(of)}


def summarize(values: list[Mapping[str, float | None]]) -> dict[str, tuple[float, float] | None]:
    """Mean and standard deviation of each metric over several runs; None where none has it."""
    found: dict[str, tuple[float, float] | None] = {}
    for name in METRICS:
        given = [value for run in values if (value := run.get(name)) is not None]
        found[name] = (float(np.mean(given)), float(np.std(given))) if given else None
    return found


def evaluate(model: LoadedModel, dataset: Path, *, threshold: float = THRESHOLD) -> dict[str, Any]:
    """Score a labelled file with a saved model and measure it.

    The label of a source counts as in training: above the threshold of the class. ``unusable``
    sources lack a feature that is not imputed, and are not measured. Memory does not grow with
    the size of the file, beyond a score and a target a source.
    Raises AstrodomeError when the file lacks a column.
    """
    entry = ClassConfig.model_validate(model.config["class"])
    available = datasets.column_names(dataset)
    labels = [entry.label] + [NON_VARIABLE] * (entry.label == VARIABLE)
    wanted = [*model.preparation.columns_in(available, dataset), *labels]
    wanted += ["dmdt"] * model.uses_dmdt
    unusable, scores, targets = 0, [], []
    for frame in datasets.read_batches(dataset, list(dict.fromkeys(wanted)), ROWS):
        truth, considered = _truth(frame, entry)
        features, usable = model.preparation.apply(frame)
        unusable += int((considered & ~usable).sum())
        chosen = np.flatnonzero(considered & usable)
        shown = None if frame.dmdt is None else frame.dmdt[chosen]
        scores.append(model.predict(features[chosen], shown))
        targets.append(truth[chosen])
    return {
        "tag": model.config["tag"],
        "algorithm": model.algorithm,
        "run": str(model.path),
        "dataset": str(dataset),
        **measure(np.concatenate(targets), np.concatenate(scores), threshold),
        "unusable": unusable,
    }


def metrics_of(folder: Path) -> dict[str, dict[str, float | None]]:
    """What ``metrics.json`` of a run says, by part; empty when it has none."""
    try:
        return dict(json.loads((folder / "metrics.json").read_text("utf-8")))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise AstrodomeError(f"{folder / 'metrics.json'} is not valid JSON: {error}.") from error


def _truth(
    frame: datasets.DataSet, entry: ClassConfig
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which rows are positive, and which count at all: see ``selection.select``."""

    def above(column: str) -> NDArray[np.bool_]:
        return np.asarray(labels(frame, column, "the model") > entry.threshold)

    positive = above(entry.label)
    if entry.label == VARIABLE:
        return positive, positive | above(NON_VARIABLE)
    return positive, np.ones(len(frame), bool)


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
