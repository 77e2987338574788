"""The frequency grid of a light curve, and the bands that are not searched."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astrodome import InvalidInputError
from numpy.typing import NDArray

from .options import Array, SearchOptions

TERRESTRIAL_BANDS = (
    (0.0005, 0.0006),
    (0.000625, 0.00075),
    (0.000833, 0.001),
    (0.00125, 0.0015),
    (0.0025, 0.003),
    (0.005, 0.006),
    (0.03, 0.04),
    (0.32, 0.34),
    (0.48, 0.52),
    (0.95, 1.05),
    (1.95, 2.05),
    (2.95, 3.05),
    (3.95, 4.05),
)
"""Frequency bands of yearly, monthly and daily aliases, in 1/d. They are the same as in SCoPe."""
SIDEREAL_FREQUENCY = 24 / 23.9345
"""Reciprocal of the sidereal day, in 1/d."""
HALF_WIDTH = 0.005
"""Half the width of the bands at higher multiples of the solar and sidereal day, in 1/d.

It includes the yearly side lobes, which are 0.0027/d apart."""
MAX_SIZE = 1e9
"""Maximum number of frequencies."""
CHUNKS_PER_PEAK = 3
"""Number of intervals in log period, divided by the number of requested periods."""


@dataclass(frozen=True)
class Grid:
    """Equidistant frequencies ``first + step * k``, in 1/d, for ``0 <= k < size``.

    ``edges`` contains the first index of each chunk and the size of the grid. All chunks have the
    same width in log period. ``limits`` contains the first index and the last index plus 1 of each
    range that is not masked, in ascending order.
    """

    first: float
    step: float
    size: int
    edges: NDArray[np.int64]
    limits: NDArray[np.int64]

    @property
    def searched_size(self) -> int:
        """Number of frequencies that are not masked."""
        return int((self.limits[1::2] - self.limits[::2]).sum())

    def frequency(self, index: NDArray[np.int64]) -> Array:
        """Return the frequencies with the given indices."""
        frequency: Array = self.first + self.step * index.astype(np.float64)
        return frequency

    def is_searched(self, index: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return whether the frequencies with the given indices are not masked."""
        inside: NDArray[np.bool_] = np.searchsorted(self.limits, index, "right") % 2 == 1
        return inside


def make_grid(baseline: float, options: SearchOptions) -> Grid | None:
    """Return the frequency grid for a baseline in days, or None if it contains no frequency."""
    if not baseline > 0:
        return None
    step = 1 / (options.samples_per_peak * baseline)
    first = options.min_frequency or 2 / baseline
    if first > options.max_frequency:
        return None
    cycles = (options.max_frequency - first) * baseline
    if not cycles * options.samples_per_peak < MAX_SIZE:
        raise InvalidInputError(
            f"The frequency grid is too large: the light curve spans {baseline:g} days, and the "
            f"maximum frequency is {options.max_frequency:g}/d.",
            "Times must be in days.",
        )
    size = int(np.floor(cycles * options.samples_per_peak * (1 + 1e-12))) + 1
    chunks = CHUNKS_PER_PEAK * int(options.top_n)
    borders = np.geomspace(first, first + step * size, chunks + 1)
    edges = np.clip(np.ceil((borders - first) / step), 0, size).astype(np.int64)
    edges[0], edges[-1] = 0, size
    bands = alias_bands(options.max_frequency) if options.mask_aliases else []
    return Grid(first, step, size, edges, _outside(bands, first, step, size))


def alias_bands(max_frequency: float) -> list[tuple[float, float]]:
    """Return the frequency bands of aliases up to a maximum frequency, in 1/d.

    They are the terrestrial bands, and bands with a half width of 0.005/d around the multiples of
    the solar and the sidereal day from 5/d.
    """
    centers = np.arange(5, np.floor(max_frequency + HALF_WIDTH) + 1)
    multiples = sorted([*centers, *centers * SIDEREAL_FREQUENCY])
    return [*TERRESTRIAL_BANDS, *((f - HALF_WIDTH, f + HALF_WIDTH) for f in multiples)]


def _outside(
    bands: list[tuple[float, float]], first: float, step: float, size: int
) -> NDArray[np.int64]:
    """Return the limits of the index ranges outside the bands. The bands include their limits."""
    limits: list[int] = []
    start = 0
    for low, high in sorted(bands):
        begin = int(np.clip(np.ceil((low - first) / step), 0, size))
        end = int(np.clip(np.floor((high - first) / step) + 1, 0, size))
        if begin > start:
            limits += [start, begin]
        start = max(start, end)
    if start < size:
        limits += [start, size]
    return np.array(limits, np.int64)
