"""Compiled periodograms of phase-binned light curves: CE, AOV, FPW and BLS.

Each kernel writes one value per frequency. It first computes the phase bins of all points in a
vectorized loop, and then adds the points to their bins. Bin numbers are converted to unsigned
integers, because Numba would otherwise check whether each index is negative.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..kernels import Array, compiled

Bins = NDArray[np.int32]

PHASE_BINS = 20
"""Number of phase bins of CE, AOV and FPW."""
MAG_BINS = 10
"""Number of magnitude bins of CE."""
BOX_BINS = 50
"""Number of phase bins of BLS."""
MIN_BOX, MAX_BOX = 1, 25
"""Minimum and maximum width of the box in phase bins: 0.01 and 0.5 cycles, rounded outward."""
MIN_BOX_WEIGHT = 1e-12
"""Weights are rounded: smaller weights inside or outside a box are not significant."""


@compiled
def _phase_bins(time: Array, frequency: float, bins: int, offset: Bins, out: Bins) -> None:
    """Write the phase bin of each point plus the offset of the point."""
    for i in range(len(time)):
        cycles = time[i] * frequency
        out[i] = np.int32((cycles - np.floor(cycles)) * bins) + offset[i]


@compiled
def conditional_entropy(
    time: Array,
    mag_bin: Bins,
    frequency: Array,
    terms: NDArray[np.int64],
    unit: float,
    out: Array,
) -> None:
    """Write the conditional entropy of the magnitude bins for a given phase bin.

    ``terms[n]`` is n ln n as an integer multiple of ``unit``. Sums of integers do not depend on the
    order of the points. The sum over the cells is updated whenever a point is added to a cell,
    because a light curve often has fewer points than there are cells.
    """
    cells = PHASE_BINS * MAG_BINS
    bins = np.empty(len(time), np.int32)
    offset = (mag_bin * np.int32(PHASE_BINS)).astype(np.int32)
    increase = terms[1:] - terms[:-1]
    count, per_phase = np.zeros(cells, np.int32), np.zeros(PHASE_BINS, np.int32)
    for k in range(len(frequency)):
        _phase_bins(time, frequency[k], PHASE_BINS, offset, bins)
        total = np.int64(0)
        for i in range(len(bins)):
            cell = np.uint32(bins[i])
            before = count[cell]
            total -= increase[np.uint32(before)]
            count[cell] = before + 1
        for m in range(MAG_BINS):
            for p in range(PHASE_BINS):
                per_phase[p] += count[m * PHASE_BINS + p]
        for p in range(PHASE_BINS):
            total += terms[np.uint32(per_phase[p])]
            per_phase[p] = 0
        for j in range(cells):
            count[j] = 0
        out[k] = total * unit / len(time)


@compiled
def variance_between_bins(
    time: Array, packed: NDArray[np.int64], count_bits: int, frequency: Array, out: Array
) -> None:
    """Write the sum over the phase bins of (sum of residuals)² / (number of points).

    ``packed`` contains the residuals as integers in the high bits, and 1 in the low ``count_bits``
    bits. One addition per point therefore updates both the sum and the number of points of a bin.
    """
    bins, zero = np.empty(len(time), np.int32), np.zeros(len(time), np.int32)
    sums = np.empty(PHASE_BINS, np.int64)
    for k in range(len(frequency)):
        _phase_bins(time, frequency[k], PHASE_BINS, zero, bins)
        sums[:] = 0
        for i in range(len(bins)):
            sums[np.uint32(bins[i])] += packed[i]
        total = 0.0
        for j in range(PHASE_BINS):
            residual = float(sums[j] >> count_bits)
            points = sums[j] & ((1 << count_bits) - 1)
            total += residual * residual / max(points, 1)
        out[k] = total


@compiled
def _weighted_sums(bins: Bins, weight: Array, weighted: Array, w: Array, y: Array) -> None:
    """Write the sums of the weights and of the weighted residuals in each bin."""
    w[:] = 0
    y[:] = 0
    for i in range(len(bins)):
        j = np.uint32(bins[i])
        w[j] += weight[i]
        y[j] += weighted[i]


@compiled
def piecewise_likelihood(
    time: Array, weight: Array, weighted: Array, frequency: Array, out: Array
) -> None:
    """Write the sum over the phase bins of (sum of weighted residuals)² / (2 sum of weights)."""
    bins, zero = np.empty(len(time), np.int32), np.zeros(len(time), np.int32)
    w, y = np.empty(PHASE_BINS), np.empty(PHASE_BINS)
    for k in range(len(frequency)):
        _phase_bins(time, frequency[k], PHASE_BINS, zero, bins)
        _weighted_sums(bins, weight, weighted, w, y)
        total = 0.0
        for j in range(PHASE_BINS):
            total += y[j] * y[j] / (2 * w[j]) if w[j] > 0 else 0.0
        out[k] = total


@compiled
def box_least_squares(
    time: Array, weight: Array, weighted: Array, frequency: Array, out: Array
) -> None:
    """Write the maximum of s² / (r (1 − r)) over all boxes of adjacent phase bins.

    r and s are the sums of the weights and of the weighted residuals in the box, and the sum of all
    weights is 1. A box that starts near the end of the cycle continues at its beginning.
    """
    bins, zero = np.empty(len(time), np.int32), np.zeros(len(time), np.int32)
    w, y = np.empty(BOX_BINS), np.empty(BOX_BINS)
    r, s = np.zeros(BOX_BINS + MAX_BOX + 1), np.zeros(BOX_BINS + MAX_BOX + 1)
    best = np.empty(BOX_BINS)
    for k in range(len(frequency)):
        _phase_bins(time, frequency[k], BOX_BINS, zero, bins)
        _weighted_sums(bins, weight, weighted, w, y)
        for j in range(BOX_BINS + MAX_BOX):
            i = j if j < BOX_BINS else j - BOX_BINS
            r[j + 1], s[j + 1] = r[j] + w[i], s[j] + y[i]
        best[:] = 0
        for width in range(MIN_BOX, MAX_BOX + 1):
            for j in range(BOX_BINS):
                end = np.uint32(j + width)
                inside, excess = r[end] - r[j], s[end] - s[j]
                score = excess * excess / max(inside * (1 - inside), MIN_BOX_WEIGHT)
                best[j] = np.maximum(best[j], score)
        out[k] = best.max()
