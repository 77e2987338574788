"""Improve trial frequencies by the scatter in phase bins, compiled with Numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..kernels import compiled

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@compiled
def explained_variance(
    time: Array, mag: Array, weight: Array, offsets: Index, frequency: float, bins: int
) -> float:
    """Return the weighted sum of squares that the means in phase bins explain.

    ``mag`` must have the weighted mean 0 in each light curve. The sum over two sets of bins,
    shifted by half a bin, depends less on where the edges are.
    """
    total = 0.0
    sums, weights = np.empty(2 * bins), np.empty(2 * bins)
    for band in range(len(offsets) - 1):
        sums.fill(0.0)
        weights.fill(0.0)
        for n in range(offsets[band], offsets[band + 1]):
            phase = time[n] * frequency
            phase -= np.floor(phase)
            half = min(int(phase * 2 * bins), 2 * bins - 1)
            sums[half] += weight[n] * mag[n]
            weights[half] += weight[n]
        for shift in range(2):
            for k in range(bins):
                a, b = 2 * k + shift, (2 * k + 1 + shift) % (2 * bins)
                if weights[a] + weights[b] > 0.0:
                    total += (sums[a] + sums[b]) ** 2 / (weights[a] + weights[b])
    return 0.5 * total


@compiled
def scan(
    time: Array,
    mag: Array,
    weight: Array,
    offsets: Index,
    frequencies: Array,
    half_width: float,
    steps: int,
    bins: int,
) -> tuple[Array, Array]:
    """Maximise the explained variance near each frequency, within ``half_width``.

    Returns the best frequencies and the values of the explained variance.
    """
    best, values = frequencies.copy(), np.full(len(frequencies), -np.inf)
    for i in range(len(frequencies)):
        for k in range(-steps, steps + 1):
            frequency = frequencies[i] + k * half_width / max(steps, 1)
            if frequency <= 0.0:
                continue
            value = explained_variance(time, mag, weight, offsets, frequency, bins)
            if value > values[i]:
                best[i], values[i] = frequency, value
    return best, values
