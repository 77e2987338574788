"""Missing values from the nearest neighbours, as scikit-learn's ``KNNImputer`` defines it.

The distance of two rows is Euclidean over the columns that both have, scaled up to all of
them; a missing value is the mean over the nearest reference rows that have it. Here rows are
grouped by what they miss: within two groups all distances are in the same columns, and a k-d
tree finds the neighbours without looking at all pairs.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

REFERENCES = 20_000
"""Most reference rows that are kept with a model; of more, so many are sampled."""
FEW = 512
"""Reference rows that miss the same columns get a tree if there are at least so many."""
TREES = 1 << 25
"""Bytes of points in the trees that are kept for the next call."""
BLOCK = 4096
"""Rows that are compared at once."""


class NeighbourImputer:
    """Imputes rows of C columns, NaN where missing, with the mean of ``k`` reference rows.

    ``references`` (R, C) has NaN where values are missing, but some value in each column. A row
    is imputed from the reference rows alone, whichever rows come with it; where no reference
    row shares a column with it, from the column's mean.
    """

    def __init__(self, references: NDArray[np.floating[Any]], k: int = 5) -> None:
        self.references = np.asarray(references, np.float32)
        self.k = k
        self._rows = self.references.astype(np.float64)
        self._means = np.nanmean(self._rows, axis=0)
        self._trees: OrderedDict[tuple[int, bytes], KDTree] = OrderedDict()  # the oldest goes first
        self._groups = _patterns(~np.isnan(self._rows))

    @classmethod
    def fit(cls, rows: Floats, random: np.random.Generator, k: int = 5) -> NeighbourImputer:
        """Keep these rows, or a sample of :data:`REFERENCES` of them."""
        if len(rows) > REFERENCES:
            rows = rows[np.sort(random.choice(len(rows), REFERENCES, replace=False))]
        return cls(rows, k)

    def fill(self, rows: Floats, threads: int = 1) -> Floats:
        """These rows without NaN."""
        filled = rows.copy()
        for has, alike in _patterns(~np.isnan(rows)):
            if not has.all():
                for first in range(0, len(alike), BLOCK):
                    block = alike[first : first + BLOCK]
                    filled[np.ix_(block, np.flatnonzero(~has))] = self._missing(
                        rows[block], has, threads
                    )
        return filled

    def _missing(self, rows: Floats, has: Mask, threads: int) -> Floats:
        """What rows that have the same columns miss, (N, missing columns)."""
        candidates = list(self._candidates(rows, has, threads))
        lacking = np.flatnonzero(~has)
        values = np.tile(self._means[lacking], (len(rows), 1))
        for i, column in enumerate(lacking):
            able = [found for given, *found in candidates if given[column]]
            if able:
                far = np.concatenate([far for far, _ in able], axis=1)
                who = np.concatenate([who for _, who in able], axis=1)
                _, nearest = _smallest(far, who, self.k)
                values[:, i] = self._rows[nearest, column].mean(axis=1)
        return values

    def _candidates(
        self, rows: Floats, has: Mask, threads: int
    ) -> Iterator[tuple[Mask, Floats, NDArray[np.intp]]]:
        """The nearest of each group of reference rows: their columns, distances, numbers."""
        for index, (given, members) in enumerate(self._groups):
            common = has & given
            if not common.any() or not (given & ~has).any():
                continue
            points = rows[:, common]
            if len(members) < FEW:
                others = self._rows[np.ix_(members, np.flatnonzero(common))]
                far = cdist(points, others)
                who = np.broadcast_to(members, far.shape)
            else:
                tree = self._tree(index, common, members)
                far, position = tree.query(points, range(1, self.k + 1), workers=threads)
                who = members[position]
            yield given, *_smallest(far * np.sqrt(len(common) / common.sum()), who, self.k)

    def _tree(self, index: int, common: Mask, members: NDArray[np.intp]) -> KDTree:
        key = (index, common.tobytes())
        if key in self._trees:
            return self._trees[key]
        tree = KDTree(self._rows[np.ix_(members, np.flatnonzero(common))], compact_nodes=False)
        self._trees[key] = tree
        while sum(kept.data.nbytes for kept in self._trees.values()) > TREES:
            self._trees.popitem(last=False)
        return tree


def _smallest(far: Floats, who: NDArray[np.intp], k: int) -> tuple[Floats, NDArray[np.intp]]:
    """The ``k`` nearest of each row, in no order."""
    if far.shape[1] <= k:
        return far, who
    nearest = np.argpartition(far, k - 1, axis=1)[:, :k]
    return np.take_along_axis(far, nearest, 1), np.take_along_axis(who, nearest, 1)


def _patterns(has: Mask) -> list[tuple[Mask, NDArray[np.intp]]]:
    """Rows that have the same columns: those columns, and the rows."""
    packed = np.packbits(has, axis=1)
    _, first, inverse = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(inverse.reshape(-1), kind="stable")
    ends = np.cumsum(np.bincount(inverse.reshape(-1)))[:-1]
    return [(has[first[i]], rows) for i, rows in enumerate(np.split(order, ends)) if len(rows)]
