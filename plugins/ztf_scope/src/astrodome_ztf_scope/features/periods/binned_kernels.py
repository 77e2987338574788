"""Compiled periodograms of phase-binned light curves: CE, AOV, FPW and BLS.

Each kernel writes one value per frequency. It first computes the phase bins of all points in a
vectorized loop, and then adds the points to several partial histograms in turn. With only one
histogram, a point would wait until the previous point is stored if both are in the same bin.
"""

from __future__ import annotations

import numpy as np

from ..kernels import Array, compiled

PHASE_BINS = 20
"""Number of phase bins of CE, AOV and FPW."""
MAG_BINS = 10
"""Number of magnitude bins of CE."""
BOX_BINS = 50
"""Number of phase bins of BLS."""
MIN_BOX, MAX_BOX = 1, 25
"""Minimum and maximum width of the box in phase bins: 0.01 and 0.5 cycles, rounded outward."""


@compiled
def _phase_bins(time: Array, frequency: float, bins: int, offset: Array, out: Array) -> None:
    """Write the phase bin of each point plus the offset of the point."""
    for i in range(len(time)):
        cycles = time[i] * frequency
        out[i] = np.int32((cycles - np.floor(cycles)) * bins) + offset[i]


@compiled
def conditional_entropy(
    time: Array, mag_bin: Array, frequency: Array, table: Array, unit: float, out: Array
) -> None:
    """Write the conditional entropy of the magnitude bins for a given phase bin.

    ``table[n]`` is n ln n as an integer multiple of ``unit``. Sums of integers do not depend on the
    order of the points.
    """
    points, cells = len(time), PHASE_BINS * MAG_BINS
    bins = np.empty(points, np.int32)
    offset = (mag_bin * PHASE_BINS).astype(np.int32)
    a, b = np.zeros(cells, np.int32), np.zeros(cells, np.int32)
    c, d = np.zeros(cells, np.int32), np.zeros(cells, np.int32)
    per_phase = np.zeros(PHASE_BINS, np.int32)
    rest = points % 4
    for k in range(len(frequency)):
        _phase_bins(time, frequency[k], PHASE_BINS, offset, bins)
        for i in range(0, points - rest, 4):
            a[np.uint32(bins[i])] += 1
            b[np.uint32(bins[i + 1])] += 1
            c[np.uint32(bins[i + 2])] += 1
            d[np.uint32(bins[i + 3])] += 1
        for i in range(points - rest, points):
            a[np.uint32(bins[i])] += 1
        for j in range(cells):
            a[j] += b[j] + c[j] + d[j]
            b[j] = c[j] = d[j] = 0
        total = np.int64(0)
        for j in range(cells):
            total -= table[np.uint32(a[j])]
        for m in range(MAG_BINS):
            for p in range(PHASE_BINS):
                per_phase[p] += a[m * PHASE_BINS + p]
        for p in range(PHASE_BINS):
            total += table[np.uint32(per_phase[p])]
            per_phase[p] = 0
        for j in range(cells):
            a[j] = 0
        out[k] = total * unit / points


@compiled
def _sums(bins: Array, points: Array, partial: Array) -> None:
    """Add complex numbers (weight, weighted magnitude) to the sums of their phase bins.

    ``partial`` has the shape (2, number of bins). The result is written to its first row.
    """
    first, second = partial[0], partial[1]
    first[:] = 0
    second[:] = 0
    even = len(bins) // 2 * 2
    for i in range(0, even, 2):
        first[np.uint32(bins[i])] += points[i]
        second[np.uint32(bins[i + 1])] += points[i + 1]
    for i in range(even, len(bins)):
        first[np.uint32(bins[i])] += points[i]
    for j in range(len(first)):
        first[j] += second[j]


@compiled
def variance_between_bins(time: Array, points: Array, frequency: Array, out: Array) -> None:
    """Write the sum over the phase bins of (sum of weighted magnitudes)² / (sum of weights).

    ``points`` contains the complex numbers w + i w (m − m̄). The sum is the chi² that the mean
    magnitudes of the bins remove: AOV is a function of it, and FPW is half of it.
    """
    bins = np.empty(len(time), np.int32)
    zero = np.zeros(len(time), np.int32)
    partial = np.zeros((2, PHASE_BINS), np.complex128)
    for k in range(len(frequency)):
        _phase_bins(time, frequency[k], PHASE_BINS, zero, bins)
        _sums(bins, points, partial)
        total = 0.0
        for j in range(PHASE_BINS):
            weight, weighted = partial[0, j].real, partial[0, j].imag
            total += weighted * weighted / weight if weight > 0 else 0.0
        out[k] = total


@compiled
def box_least_squares(time: Array, points: Array, frequency: Array, out: Array) -> None:
    """Write the maximum of s² / (r (1 − r)) over all boxes of adjacent phase bins.

    ``points`` contains the complex numbers w + i w (m − m̄) with a sum of weights of 1. r and s are
    the sums of their real and imaginary parts in the box. A box that starts near the end of the
    cycle continues at its beginning.
    """
    bins = np.empty(len(time), np.int32)
    zero = np.zeros(len(time), np.int32)
    partial = np.zeros((2, BOX_BINS), np.complex128)
    r = np.zeros(BOX_BINS + MAX_BOX + 1)
    s = np.zeros(BOX_BINS + MAX_BOX + 1)
    best = np.empty(BOX_BINS)
    for k in range(len(frequency)):
        _phase_bins(time, frequency[k], BOX_BINS, zero, bins)
        _sums(bins, points, partial)
        for j in range(BOX_BINS + MAX_BOX):
            value = partial[0, j % BOX_BINS]
            r[j + 1], s[j + 1] = r[j] + value.real, s[j] + value.imag
        best[:] = 0
        for width in range(MIN_BOX, MAX_BOX + 1):
            for j in range(BOX_BINS):
                inside, excess = r[j + width] - r[j], s[j + width] - s[j]
                product = inside * (1 - inside)
                score = excess * excess / product if product > 1e-12 else 0.0
                best[j] = max(best[j], score)
        out[k] = best.max()
