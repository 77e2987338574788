"""Split the rows in a data set into training, validation and test sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from astrodome import AstrodomeError
from numpy.typing import NDArray

from ...catalogues import positions
from ...config.schema import ClassConfig
from ...tables.datasets import DataSet, require_columns
from .preparation import raw_numbers

Rows = NDArray[np.intp]
Mask = NDArray[np.bool_]

POSITION = "position"
"""Value of ``group_by`` for grouping rows by sky position instead of by a column."""
RADIUS = 2.0
"""Maximum separation between light curves of the same source, in arcseconds."""
ROUNDING = 1e-6
"""Tolerance for labels outside the range 0 to 1, because averaged labels have rounding errors."""
VARIABLE, NON_VARIABLE = "variable", "non-variable"


@dataclass(frozen=True)
class DataSplit:
    """Positions of the rows in the disjoint subsets into which a data set is split.

    ``dropped`` contains the training rows that were removed to balance the labels. They are
    evaluated separately. ``target`` contains the label (0 or 1) of each row in the data set, and
    ``weight`` contains its sample weight. Both have the shape (N,).
    """

    train: Rows
    validation: Rows
    test: Rows
    dropped: Rows
    target: NDArray[np.float32]
    weight: NDArray[np.float32]

    @property
    def parts(self) -> Mapping[str, Rows]:
        """Row positions, keyed by the name of the subset."""
        return {
            "train": self.train,
            "validation": self.validation,
            "test": self.test,
            "dropped": self.dropped,
        }


def split_dataset(
    data: DataSet,
    tag: str,
    entry: ClassConfig,
    *,
    usable: Mask | None = None,
    groups: Rows | None = None,
) -> DataSplit:
    """Split the rows in a data set to train a classifier for one class.

    A row is positive if its label is above the threshold of the class, and negative otherwise.
    Missing labels are treated as 0. For the class ``variable``, the negative rows are the rows with
    the label ``non-variable``, and rows with neither label are not used. The subsets are
    stratified. Only the training set is balanced, so that the validation and test sets preserve the
    original class proportions.

    Parameters
    ----------
    data : DataSet
        Labeled data set.
    tag : str
        Tag of the class, used in error messages.
    entry : ClassConfig
        Configuration entry for the class.
    usable : numpy.ndarray of bool, shape (N,), optional
        Mask of the rows that can be used. By default, all rows are used.
    groups : numpy.ndarray of int, shape (N,), optional
        Source number of each row, as returned by :func:`source_numbers`. All rows of a source are
        assigned to the same subset.

    Raises
    ------
    AstrodomeError
        If all rows have the same label, or if there are too few training rows.
    """
    random = np.random.default_rng(entry.random_state)
    positive, considered = labelled_rows(data, entry)
    rows = np.flatnonzero(considered if usable is None else considered & usable)
    subject = "usable rows"
    if entry.label == VARIABLE:
        subject += f" that are '{VARIABLE}' or '{NON_VARIABLE}'"
    _require_both_labels(positive[rows], tag, entry, data, subject)

    rest, test = _part(rows, positive, groups, entry.test_size, 3, random)
    train, validation = _part(rest, positive, groups, entry.val_size, 2, random)
    train, dropped = _balance(train, positive, entry.balance, random)
    _require_both_labels(positive[train], tag, entry, data, "training rows")
    if len(train) < entry.batch_size:
        raise AstrodomeError(
            f"Class '{tag}': the training set has {len(train)} rows: expected at least "
            f"{entry.batch_size} rows, which is the batch size.",
            "Reduce the batch size (batch_size), or use a larger data set.",
        )
    target = positive.astype(np.float32)
    return DataSplit(train, validation, test, dropped, target, _weight(target, train, entry))


def source_numbers(data: DataSet, group_by: str) -> Rows | None:
    """Return the source number of each row, with shape (N,), or None if rows are not grouped.

    A row that has no value in the column, or no position, is treated as a separate source.
    """
    if not group_by:
        return None
    if group_by == POSITION and POSITION not in data.table:
        names = list(data.table.columns)
        known = positions.columns(names)
        require_columns([name for name in positions.LIMITS if name not in known], names, data.path)
        coordinates = positions.coordinates(data.table, data.path)
        assert coordinates is not None
        return positions.clusters(*coordinates, RADIUS)
    if group_by not in data.table:
        require_columns([group_by], list(data.table.columns), data.path)
    codes, values = pd.factorize(data.table[group_by])
    numbers: Rows = codes.astype(np.intp)
    numbers[codes < 0] = len(values) + np.arange((codes < 0).sum())
    return numbers


def labelled_rows(data: DataSet, entry: ClassConfig) -> tuple[Mask, Mask]:
    """Return a mask of the positive rows and a mask of the rows to use, both with shape (N,).

    For the class ``variable``, only rows that are either variable or non-variable are used. For all
    other classes, all rows are used.
    """
    positive: Mask = labels(data, entry.label) > entry.threshold
    if entry.label == VARIABLE:
        return positive, positive | (labels(data, NON_VARIABLE) > entry.threshold)
    return positive, np.ones(len(data), bool)


def labels(data: DataSet, column: str) -> NDArray[np.float64]:
    """Return the labels in a column with shape (N,), with NaN for missing labels.

    Raises AstrodomeError if the column is missing or contains text, or if a label is outside the
    range 0 to 1.
    """
    if column not in data.table:
        raise AstrodomeError(
            f"The label column '{column}' is missing in {data.path}.",
            "Add the column to the data set. Labels are numbers from 0 to 1."
            + f" Negative examples of '{VARIABLE}' have the label '{NON_VARIABLE}'."
            * (column == NON_VARIABLE),
        )
    values = raw_numbers(data.table, [column], data.path)[:, 0]
    outside = np.flatnonzero((values < -ROUNDING) | (values > 1 + ROUNDING))
    if len(outside):
        row = outside[0]
        raise AstrodomeError(
            f"{data.path}: invalid label {values[row]:g} in column '{column}', row "
            f"{data.table.index[row]}: expected a number from 0 to 1. In total, "
            f"{len(outside):,} of {len(values):,} labels are outside this range.",
            "If the labels are percentages, divide them by 100. Rows are counted from 0.",
        )
    return values


def _require_both_labels(
    positive: Mask, tag: str, entry: ClassConfig, data: DataSet, subject: str
) -> None:
    if not positive.any() or positive.all():
        relation = "above" if len(positive) and positive.any() else "at or below"
        raise AstrodomeError(
            f"Class '{tag}' cannot be trained with {data.path}: the label '{entry.label}' is "
            f"{relation} the threshold {entry.threshold:g} in all {len(positive)} {subject}.",
            "Change the threshold, or use a data set with positive and negative rows.",
        )


def _part(
    rows: Rows,
    positive: Mask,
    owners: Rows | None,
    size: float,
    min_sources: int,
    random: np.random.Generator,
) -> tuple[Rows, Rows]:
    """Draw a random subset that contains approximately the fraction ``size`` of the rows.

    Returns the rows outside the subset, and the rows in the subset. Sources that have a positive
    row and sources that have none are drawn separately. If there are at least ``min_sources``
    sources of one type, at least one of them is in the subset. Three sources of each type are
    therefore sufficient for training, validation and test sets.
    """
    _, members = np.unique(rows if owners is None else owners[rows], return_inverse=True)
    count = np.bincount(members)
    kind = np.zeros(len(count), bool)
    kind[members[positive[rows]]] = True
    chosen = np.zeros(len(count), bool)
    for of_kind in (True, False):
        drawn = random.permutation(np.flatnonzero(kind == of_kind))
        target = size * count[drawn].sum()
        taken = int(np.searchsorted(np.cumsum(count[drawn]), target + 0.5, side="right"))
        if len(drawn) >= min_sources:
            taken = min(max(taken, 1), len(drawn) - 1)
        chosen[drawn[:taken]] = True
    inside = chosen[members]
    return rows[~inside], rows[inside]


def _balance(
    rows: Rows, positive: Mask, balance: float | None, random: np.random.Generator
) -> tuple[Rows, Rows]:
    """Balance the labels, and return the kept rows and the dropped rows.

    Rows with the majority label are drawn at random, so that their number is at most ``balance``
    times the number of rows with the minority label.
    """
    if balance is None:
        return rows, rows[:0]
    smaller, larger = sorted((rows[positive[rows]], rows[~positive[rows]]), key=len)
    kept = random.choice(larger, min(len(larger), int(len(smaller) * balance)), replace=False)
    used = np.sort(np.concatenate([smaller, kept]))
    return used, np.setdiff1d(larger, kept)


def _weight(target: NDArray[np.float32], train: Rows, entry: ClassConfig) -> NDArray[np.float32]:
    """Return the sample weights of all rows, with shape (N,).

    If ``weight_per_class`` is True, both labels have the same total weight, and each row with the
    minority label has the weight 1. Otherwise, all weights are 1.
    """
    if not entry.weight_per_class:
        return np.ones_like(target)
    positives = float(target[train].sum())
    negatives = len(train) - positives
    rarer = min(positives, negatives)
    return np.where(target > 0, rarer / positives, rarer / negatives).astype(np.float32)
