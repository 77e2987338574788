"""Determine the class of each source from a table with class labels or with scores."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from astrodome import AstrodomeError, InvalidInputError
from numpy.typing import NDArray

from ...tables import datasets, identifiers
from ...tables.score_columns import probabilities, score_columns
from .classes import is_descriptive, period_prior

CLASS = "class"
"""Default name of the column with the class labels."""
THRESHOLD = 0.5
"""Default minimum score of a class."""


@dataclass(frozen=True)
class ClassDecision:
    """The class of a source.

    ``label`` is None if the source has no class. ``score`` is the score of the class, or NaN if the
    table contains no scores. ``problem`` is the reason why the class is ambiguous, or an empty
    string.
    """

    label: str | None = None
    score: float = math.nan
    problem: str = ""


class SourceClasses(Protocol):
    """The classes of the sources in a table."""

    def decide(self, ids: Sequence[str]) -> ClassDecision:
        """Return the class of the source that has the given identifiers."""
        ...

    def contains(self, ids: Sequence[str]) -> bool:
        """Return whether the table contains one of the identifiers."""
        ...


@dataclass(frozen=True)
class ClassLabels:
    """Class labels, keyed by identifier."""

    labels: Mapping[str, str]

    def decide(self, ids: Sequence[str]) -> ClassDecision:
        """Return the most frequent class that can be refined, or else the first class."""
        known = [self.labels[name] for name in ids if name in self.labels]
        refined = Counter(label for label in known if period_prior(label) is not None)
        if refined:
            return ClassDecision(
                max(refined, key=lambda label: (refined[label], -known.index(label)))
            )
        return ClassDecision(known[0] if known else None)

    def contains(self, ids: Sequence[str]) -> bool:
        """Return whether the table contains a label for one of the identifiers."""
        return not self.labels.keys().isdisjoint(ids)


@dataclass(frozen=True)
class ClassScores:
    """Scores of several classes.

    Attributes
    ----------
    rows : mapping of str to ndarray
        Row numbers in ``scores`` for each identifier.
    tags : tuple of str
        Tags of the K classes.
    scores : ndarray
        Scores with shape (N, K). Missing scores are NaN.
    threshold : float
        Minimum score of a class.
    """

    rows: Mapping[str, NDArray[np.intp]]
    tags: tuple[str, ...]
    scores: NDArray[np.float64]
    threshold: float

    def decide(self, ids: Sequence[str]) -> ClassDecision:
        """Return the class with the highest mean score, if it is at least the threshold.

        Classes for which :func:`is_descriptive` is True are ignored. The class is ambiguous if
        several classes have the highest score, and their periods are refined differently.
        """
        known = [self.rows[name] for name in dict.fromkeys(ids) if name in self.rows]
        rows = self.scores[np.concatenate(known)] if known else np.empty((0, len(self.tags)))
        means = {
            tag: float(np.mean(own))
            for tag, column in zip(self.tags, rows.T, strict=True)
            if not is_descriptive(tag) and len(own := column[np.isfinite(column)])
        }
        best = max(means.values(), default=math.nan)
        if not best >= self.threshold:
            return ClassDecision()
        first, *others = (tag for tag, score in means.items() if score == best)
        if any(period_prior(tag) != period_prior(first) for tag in others):
            names = ", ".join([first, *others])
            return ClassDecision(problem=f"ambiguous class: {names} have the same score {best:.4g}")
        return ClassDecision(first, best)

    def contains(self, ids: Sequence[str]) -> bool:
        """Return whether the table contains scores for one of the identifiers."""
        return not self.rows.keys().isdisjoint(ids)


def has_labels(path: Path, class_column: str) -> bool:
    """Return whether a table contains class labels. Otherwise, it contains scores."""
    return class_column != CLASS or class_column in datasets.column_names(path)


def read(
    path: Path, class_column: str, id_column: str, threshold: float, algorithm: str
) -> SourceClasses:
    """Read the classes from a table with class labels, or with scores from ``scope predict``.

    Raises AstrodomeError if a column is missing, if an identifier has two different labels, or if
    a score is invalid.
    """
    datasets.require_file(path)
    names = datasets.column_names(path)
    datasets.require_columns([id_column], names, path)
    if has_labels(path, class_column):
        datasets.require_columns([class_column], names, path)
        return ClassLabels(_labels(path, class_column, id_column))
    try:
        columns = score_columns(names, algorithm, path)
    except InvalidInputError:
        raise
    except AstrodomeError:
        raise AstrodomeError(
            f"{path} has neither a column '{class_column}' nor score columns such as 'rrab_xgb'.",
            "Specify the column with the class labels (--class-column), or the output of scope "
            "predict.",
        ) from None
    table = datasets.read_dataset(path, [id_column, *columns.values()]).table
    ids = np.array(identifiers.texts(table[id_column]), object)
    rows = pd.Series(np.arange(len(ids))).groupby(ids).indices
    scores = [probabilities(table[name], path) for name in columns.values()]
    values = np.column_stack([one.to_numpy(np.float64) for one in scores])
    return ClassScores({str(k): v for k, v in rows.items() if k}, tuple(columns), values, threshold)


def _labels(path: Path, class_column: str, id_column: str) -> dict[str, str]:
    table = datasets.read_dataset(path, list(dict.fromkeys([id_column, class_column]))).table
    found: dict[str, str] = {}
    pairs = zip(identifiers.texts(table[id_column]), table[class_column], strict=True)
    for identifier, label in pairs:
        if not identifier or not isinstance(label, str):
            continue
        if found.setdefault(identifier, label) != label:
            raise AstrodomeError(
                f"{path}: the identifier {identifier} has the classes '{found[identifier]}' and "
                f"'{label}'.",
                "Write one class per identifier.",
            )
    return found
