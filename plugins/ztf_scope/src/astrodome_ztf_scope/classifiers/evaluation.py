"""Compute classification metrics from scores, and evaluate saved models on labeled data sets.

A source is classified as positive if its score is greater than a threshold, which is 0.5 by
default.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from astrodome import InvalidInputError
from numpy.typing import ArrayLike

from ..config.schema import ClassConfig
from ..tables import datasets
from ..tables import fourier_convention as conventions
from .loaded_models import AnyModel, LoadedModel, loaded
from .preprocessing.splitting import NON_VARIABLE, VARIABLE, labelled_rows

THRESHOLD = 0.5
PARTS = ("test", "dropped")
"""Subsets that are evaluated: the test set and the training rows removed by balancing."""
METRICS = ("f1", "precision", "recall", "roc_auc", "average_precision", "brier")


def classification_metrics(
    target: ArrayLike, score: ArrayLike, threshold: float = THRESHOLD
) -> dict[str, float | None]:
    """Compute classification metrics from labels and scores.

    Parameters
    ----------
    target : array_like, shape (N,)
        True labels. Each label is 0 or 1.
    score : array_like, shape (N,)
        Scores between 0 and 1.
    threshold : float
        Sources with a score greater than this value are classified as positive.

    Returns
    -------
    dict
        Number of sources (``sources``), number of positive sources (``positive``), entries of the
        confusion matrix (for example ``true_positive``), ``precision``, ``recall``, ``f1``,
        ``roc_auc`` (area under the ROC curve), ``average_precision``, ``brier`` (mean squared error
        of the scores) and ``threshold``. Undefined metrics are None, for example ``roc_auc`` if all
        labels are equal.

    Raises
    ------
    AstrodomeError
        If a score is not between 0 and 1.

    Examples
    --------
    >>> import astrodome_ztf_scope as scope
    >>> metrics = scope.classification_metrics([0, 0, 1, 1], [0.1, 0.6, 0.8, 0.9])
    >>> metrics["recall"], metrics["false_positive"], metrics["roc_auc"]
    (1.0, 1, 1.0)
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    truth = np.asarray(target) > 0
    predicted = np.asarray(score) > threshold  # Compare before the scores are converted.
    scores = np.asarray(score, np.float64)
    if not np.all((scores >= 0) & (scores <= 1)):
        raise InvalidInputError("Invalid scores: expected values between 0 and 1.")
    true_positive = int((predicted & truth).sum())
    false_positive = int((predicted & ~truth).sum())
    positive = int(truth.sum())
    false_negative = positive - true_positive
    both = 0 < positive < len(truth)
    return {
        "sources": len(truth),
        "positive": positive,
        "precision": _ratio(true_positive, true_positive + false_positive),
        "recall": _ratio(true_positive, positive),
        "f1": _ratio(2 * true_positive, 2 * true_positive + false_positive + false_negative),
        "roc_auc": float(roc_auc_score(truth, scores)) if both else None,
        "average_precision": float(average_precision_score(truth, scores)) if both else None,
        "brier": float(np.mean((scores - truth) ** 2)) if len(truth) else None,
        "true_positive": true_positive,
        "false_positive": false_positive,
        "false_negative": false_negative,
        "true_negative": len(truth) - positive - false_positive,
        "threshold": threshold,
    }


def measure_split(split: pd.DataFrame) -> dict[str, dict[str, float | None]]:
    """Return the metrics for each non-empty subset of a run, in the format of ``metrics.json``.

    ``split`` must have the columns ``part`` (name of the subset), ``target`` and ``score``.
    """
    return {
        name: classification_metrics(rows["target"], rows["score"])
        for name in PARTS
        if len(rows := split[split["part"] == name])
    }


def evaluate(
    model: AnyModel,
    data: datasets.DataSet | pd.DataFrame | str | os.PathLike[str],
    *,
    threshold: float = THRESHOLD,
    fourier_convention: str = "",
) -> dict[str, Any]:
    """Compute the metrics of a trained classifier on a labeled data set.

    Parameters
    ----------
    model : LoadedModel, TrainedModel or path-like
        Trained classifier. A path is a run folder or a SCoPe model file.
    data : DataSet, pandas.DataFrame or path-like
        Labeled data set with the same columns as in :func:`train_classifier`. A row is positive if
        its label is above the threshold of the class, as in training.
    threshold : float
        Sources with a score greater than this value are classified as positive.
    fourier_convention : {"coefficients", "amplitudes"}, optional
        Values in the Fourier columns. It is required only for a table without metadata, such as a
        CSV file, in which no amplitude is negative.

    Returns
    -------
    dict
        Result of :func:`classification_metrics`, with additional entries for the model (``tag``,
        ``algorithm`` and ``run``) and the data set (``dataset``). The entry ``unusable`` is the
        number of rows that were skipped because a required feature is missing. A feature is
        required if it is not imputed.

    Raises
    ------
    AstrodomeError
        If the data set does not contain a required column, or if its Fourier convention is unknown
        or differs from the training set.

    Examples
    --------
    >>> import astrodome_ztf_scope as scope
    >>> model = scope.load_model("models/experiment/xgb/vnv/42")
    >>> scope.evaluate(model, "dataset.parquet")["f1"] > 0.8
    True
    """
    model = loaded(model)
    entry = ClassConfig.model_validate(model.config["class"])
    dataset = _read(model, data, entry)
    dataset = conventions.resolve(dataset, model.preparation.features, fourier_convention)
    positive, considered = labelled_rows(dataset, entry)
    features, usable = model.preparation.apply(dataset)
    rows = np.flatnonzero(considered & usable)
    images = None if dataset.dmdt is None else dataset.dmdt[rows]
    scores = model.predict(features[rows], images)
    return {
        "tag": model.config["tag"],
        "algorithm": model.algorithm,
        "run": str(model.path),
        "dataset": str(dataset.path),
        **classification_metrics(positive[rows], scores, threshold),
        "unusable": int((considered & ~usable).sum()),
    }


def _read(
    model: LoadedModel,
    data: datasets.DataSet | pd.DataFrame | str | os.PathLike[str],
    entry: ClassConfig,
) -> datasets.DataSet:
    """Return the data set. If it is a file, only the required columns are read."""
    if isinstance(data, datasets.DataSet | pd.DataFrame):
        return datasets.as_dataset(data)
    path = Path(data).expanduser()
    existing = datasets.column_names(path)
    features = model.preparation.columns_in(existing, path)
    labels = [entry.label] + [NON_VARIABLE] * (entry.label == VARIABLE)
    labels = [name for name in labels if name in existing]  # labelled_rows reports missing labels.
    return datasets.read_dataset(path, [*features, *labels, *["dmdt"] * model.uses_dmdt])


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
