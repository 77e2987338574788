"""Which rows of a data set a class is trained, validated and tested on."""

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
"""The word for grouping by position instead of by a column."""
RADIUS = 2.0
"""Light curves within so many arcseconds are of one source."""
ROUNDING = 1e-6
"""Tolerance for labels outside 0 to 1, which means of labels can have due to rounding."""
VARIABLE, NON_VARIABLE = "variable", "non-variable"


@dataclass(frozen=True)
class DataSplit:
    """Positions of rows by what they are used for; a row is in one part at most.

    ``dropped`` rows are those of the training part that balance left out; they are scored
    apart. ``target`` (N,) of 0 and 1 and ``weight`` (N,) are of all rows of the frame.
    """

    train: Rows
    validation: Rows
    test: Rows
    dropped: Rows
    target: NDArray[np.float32]
    weight: NDArray[np.float32]

    @property
    def parts(self) -> Mapping[str, Rows]:
        return {
            "train": self.train,
            "validation": self.validation,
            "test": self.test,
            "dropped": self.dropped,
        }


def select(
    frame: DataSet,
    tag: str,
    entry: ClassConfig,
    *,
    usable: Mask | None = None,
    group_by: str = "",
    groups: Rows | None = None,
    random_state: int | None = None,
    at_least: int | None = None,
) -> DataSplit:
    """DataSplit the rows for one class; every draw comes from ``random_state`` (of the class).

    A row is positive if its label is above the threshold of the class, and negative otherwise;
    the negatives of the class ``variable`` are the rows that are ``non-variable``, and rows that
    are neither are left out, as are those not ``usable``. A missing label counts as 0.
    Parts are stratified, and with ``group_by`` (a column, or ``position``; or the ``groups`` that
    :func:`sources` gives) all rows of one source are in the same part. Balance is made in the
    training part only, so the others keep the proportions of the data.

    Raises AstrodomeError when the class has one label only, or fewer rows to train with than
    ``at_least`` (a batch, unless given).
    """
    seed = entry.random_state if random_state is None else random_state
    random = np.random.default_rng(seed)
    label = np.nan_to_num(labels(frame, entry.label, f"class '{tag}'"))
    positive = label > entry.threshold
    considered = np.ones(len(frame), bool) if usable is None else usable.copy()
    if entry.label == VARIABLE:
        steady = np.nan_to_num(labels(frame, NON_VARIABLE, f"class '{tag}' for its negatives"))
        considered &= positive | (steady > entry.threshold)
    rows = np.flatnonzero(considered)
    which = f"usable rows, which are '{VARIABLE}' or '{NON_VARIABLE}'"
    told = which if entry.label == VARIABLE else "usable rows"
    _two_labels(positive[rows], tag, entry, frame, told)

    owners = sources(frame, group_by) if groups is None else groups
    rest, test = _part(rows, positive, owners, entry.test_size, 3, random)
    train, validation = _part(rest, positive, owners, entry.val_size, 2, random)
    train, dropped = _balance(train, positive, entry.balance, random)
    _two_labels(positive[train], tag, entry, frame, "rows to train with")
    needed = entry.batch_size if at_least is None else at_least
    if len(train) < needed:
        raise AstrodomeError(
            f"Class '{tag}': {len(train)} rows to train with are fewer than a batch of {needed}.",
            "Take a smaller batch: --batch-size.",
        )
    target = positive.astype(np.float32)
    return DataSplit(train, validation, test, dropped, target, _weight(target, train, entry))


def sources(frame: DataSet, group_by: str) -> Rows | None:
    """The number (N,) of the source that each row belongs to; None when rows stand alone.

    Rows without a value in the column, or without a position, are sources of their own.
    """
    if not group_by:
        return None
    if group_by == POSITION and POSITION not in frame.table:
        return _by_position(frame)
    if group_by not in frame.table:
        require_columns([group_by], list(frame.table.columns), frame.path)
    codes, values = pd.factorize(frame.table[group_by])
    return _alone_where(codes < 0, codes.astype(np.intp), len(values))


def _by_position(frame: DataSet) -> Rows:
    from astropy import units as u
    from astropy.coordinates import SkyCoord
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    names = list(frame.table.columns)
    known = positions.columns(names)
    require_columns([name for name in positions.LIMITS if name not in known], names, frame.path)
    found = positions.coordinates(frame.table, frame.path)
    assert found is not None
    ra, dec = found
    placed = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
    sky = SkyCoord(ra[placed] * u.deg, dec[placed] * u.deg)
    one, other, _, _ = sky.search_around_sky(sky, RADIUS * u.arcsec)
    links = coo_matrix((np.ones(len(one), bool), (one, other)), (len(placed), len(placed)))
    count, components = connected_components(links, directed=False)
    codes = np.full(len(frame), -1, np.intp)
    codes[placed] = components
    return _alone_where(codes < 0, codes, count)


def _alone_where(unknown: Mask, codes: Rows, used: int) -> Rows:
    codes = codes.copy()
    codes[unknown] = used + np.arange(unknown.sum())
    return codes


def labels(frame: DataSet, column: str, who: str) -> NDArray[np.float64]:
    """Return the labels (N,) in a column, with NaN for missing ones.

    Raises AstrodomeError if the column is missing, or contains text or a label outside 0 to 1.
    """
    if column not in frame.table:
        raise AstrodomeError(
            f"{frame.path} has no column '{column}', which {who} needs.",
            "Its labels are columns of values from 0 to 1.",
        )
    values = raw_numbers(frame.table, [column], frame.path)[:, 0]
    outside = np.flatnonzero((values < -ROUNDING) | (values > 1 + ROUNDING))
    if len(outside):
        row = outside[0]
        raise AstrodomeError(
            f"{frame.path}: invalid label {values[row]:g} in column '{column}', row "
            f"{frame.table.index[row]}: {len(outside):,} of {len(values):,} labels are outside "
            "0 to 1.",
            "Labels must be from 0 to 1; divide percentages by 100. Rows are counted from 0.",
        )
    return values


def _two_labels(positive: Mask, tag: str, entry: ClassConfig, frame: DataSet, what: str) -> None:
    if not positive.any() or positive.all():
        which = "above" if len(positive) and positive.any() else "not above"
        raise AstrodomeError(
            f"Class '{tag}' cannot be learned from {frame.path}: '{entry.label}' is {which} "
            f"{entry.threshold:g} in all {len(positive)} {what}.",
            "Take another threshold, or a data set with both kinds.",
        )


def _part(
    rows: Rows,
    positive: Mask,
    owners: Rows | None,
    size: float,
    enough: int,
    random: np.random.Generator,
) -> tuple[Rows, Rows]:
    """The rows without, and those of, a part of about ``size``, each in the rows' order.

    Sources with and without a positive row are drawn apart; of a kind with ``enough`` sources
    there is one inside at least, so that three make one for training, validation and test each.
    """
    _, members = np.unique(rows if owners is None else owners[rows], return_inverse=True)
    count = np.bincount(members)
    kind = np.zeros(len(count), bool)
    kind[members[positive[rows]]] = True
    chosen = np.zeros(len(count), bool)
    for of_kind in (True, False):
        drawn = random.permutation(np.flatnonzero(kind == of_kind))
        wanted = size * count[drawn].sum()
        taken = int(np.searchsorted(np.cumsum(count[drawn]), wanted + 0.5, side="right"))
        if len(drawn) >= enough:
            taken = min(max(taken, 1), len(drawn) - 1)
        chosen[drawn[:taken]] = True
    inside = chosen[members]
    return rows[~inside], rows[inside]


def _balance(
    rows: Rows, positive: Mask, balance: float | None, random: np.random.Generator
) -> tuple[Rows, Rows]:
    """At most ``balance`` rows of the larger side for one of the smaller; and the others."""
    sides = sorted((rows[positive[rows]], rows[~positive[rows]]), key=len)
    if balance is None:
        return rows, rows[:0]
    smaller, larger = sides
    kept = random.choice(larger, min(len(larger), int(len(smaller) * balance)), replace=False)
    used = np.sort(np.concatenate([smaller, kept]))
    return used, np.setdiff1d(larger, kept)


def _weight(target: NDArray[np.float32], train: Rows, entry: ClassConfig) -> NDArray[np.float32]:
    """1 each, or, with ``weight_per_class``, such that both sides count alike, the larger 1."""
    if not entry.weight_per_class:
        return np.ones_like(target)
    positives = float(target[train].sum())
    negatives = len(train) - positives
    rarer = min(positives, negatives)
    return np.where(target > 0, rarer / positives, rarer / negatives).astype(np.float32)
