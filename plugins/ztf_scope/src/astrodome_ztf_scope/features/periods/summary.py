"""Running summary of a periodogram that is evaluated in blocks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .grid import Grid
from .options import Array

Index = NDArray[np.int64]


@dataclass
class Summary:
    """Running summary of a periodogram whose best value is its largest."""

    best_value: Array
    best_index: Index
    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    @classmethod
    def empty(cls, chunks: int) -> Summary:
        """Return the summary of a periodogram without values."""
        return cls(np.full(chunks, -np.inf), np.full(chunks, -1, np.int64))

    @property
    def std(self) -> float:
        """Standard deviation of the values."""
        return math.sqrt(self.squares / self.count) if self.count else math.nan

    def reset_moments(self) -> None:
        """Remove all values from the mean and the standard deviation."""
        self.count, self.mean, self.squares = 0, 0.0, 0.0

    def add(self, values: Array, weight: int = 1) -> None:
        """Update the mean and the sum of squared deviations (Chan et al. 1983).

        Each value represents ``weight`` values of the periodogram.
        """
        finite = values[np.isfinite(values)]
        if not len(finite):
            return
        added, mean = weight * len(finite), float(finite.mean())
        count, difference = self.count + added, mean - self.mean
        self.squares += weight * float(((finite - mean) ** 2).sum())
        self.squares += difference**2 * self.count * added / count
        self.mean += difference * added / count
        self.count = count

    def update_best(self, grid: Grid, index: Index, values: Array) -> None:
        """Update the best frequency of each chunk. Of equal values, the first one is the best."""
        for chunk, part in chunk_parts(grid, index):
            best = part.start + int(values[part].argmax())
            known, value = self.best_value[chunk], values[best]
            if value > known or (value == known and index[best] < self.best_index[chunk]):
                self.best_value[chunk], self.best_index[chunk] = value, index[best]


def chunk_parts(grid: Grid, index: Index) -> Iterator[tuple[int, slice]]:
    """Yield (chunk, slice) for the sorted indices in each chunk."""
    limits = np.searchsorted(index, grid.edges)
    for chunk, (start, stop) in enumerate(itertools.pairwise(limits)):
        if start < stop:
            yield chunk, slice(int(start), int(stop))
