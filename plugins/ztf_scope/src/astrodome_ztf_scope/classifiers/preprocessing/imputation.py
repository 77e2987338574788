"""Impute missing values from the nearest neighbors, with the same algorithm as KNNImputer.

The distance between two rows is the Euclidean distance over the columns in which both rows have
values, scaled to the total number of columns. A missing value is replaced by the mean over the
nearest reference rows that have a value in the column. KNNImputer in scikit-learn computes the
distances between all pairs of rows. This module groups rows that have missing values in the same
columns. All distances between two groups therefore use the same columns, so that a k-d tree can
find the nearest neighbors.
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
"""Maximum number of reference rows that are stored with a model."""
FEW = 512
"""Minimum number of reference rows in a group for which a k-d tree is used."""
TREES = 1 << 25
"""Maximum total size of the cached k-d trees, in bytes."""
BLOCK = 4096
"""Number of rows in each batch that is imputed."""


class NeighbourImputer:
    """Imputer that replaces NaN by the mean over the ``k`` nearest reference rows.

    ``references`` has the shape (R, C) and may contain NaN, but no column may contain only NaN. The
    result for a row does not depend on the other rows. If no reference row can be used for a
    missing value, the mean of the column is used.
    """

    def __init__(self, references: NDArray[np.floating[Any]], k: int = 5) -> None:
        self.references = np.asarray(references, np.float32)
        self.k = k
        self._rows = self.references.astype(np.float64)
        self._means = np.nanmean(self._rows, axis=0)
        self._trees: OrderedDict[tuple[int, bytes], KDTree] = OrderedDict()  # oldest first
        self._groups = _patterns(~np.isnan(self._rows))

    @classmethod
    def fit(cls, rows: Floats, random: np.random.Generator, k: int = 5) -> NeighbourImputer:
        """Create an imputer with the given rows, or a random sample of them, as reference rows.

        At most :data:`REFERENCES` reference rows are used.
        """
        if len(rows) > REFERENCES:
            rows = rows[np.sort(random.choice(len(rows), REFERENCES, replace=False))]
        return cls(rows, k)

    def fill(self, rows: Floats, threads: int = 1) -> Floats:
        """Return a copy of the rows in which missing values are imputed."""
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
        """Return the imputed values for rows that have missing values in the same columns.

        ``has`` is the mask of the columns that have values. The result has the shape (N, M), where
        M is the number of columns with missing values.
        """
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
        """Find the nearest reference rows in each group of reference rows.

        For each group, yields a mask of the columns that have values, the distances to the nearest
        reference rows, and their row indices.
        """
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
    """Return the ``k`` smallest distances in each row and their row indices, in arbitrary order."""
    if far.shape[1] <= k:
        return far, who
    nearest = np.argpartition(far, k - 1, axis=1)[:, :k]
    return np.take_along_axis(far, nearest, 1), np.take_along_axis(who, nearest, 1)


def _patterns(has: Mask) -> list[tuple[Mask, NDArray[np.intp]]]:
    """Group rows that have missing values in the same columns.

    For each group, returns a mask of the columns that have values, and the row indices.
    """
    packed = np.packbits(has, axis=1)
    _, first, inverse = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(inverse.reshape(-1), kind="stable")
    ends = np.cumsum(np.bincount(inverse.reshape(-1)))[:-1]
    return [(has[first[i]], rows) for i, rows in enumerate(np.split(order, ends)) if len(rows)]
