"""The Lomb–Scargle periodogram on equidistant frequencies, with a nonuniform FFT (nifty-ls)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .light_curve import LightCurve
from .options import Array

PRECISION = 1e-8
"""Requested relative precision of the nonuniform FFT."""
BLOCK = 1 << 16
"""Maximum number of frequencies per FFT. The working memory then fits into the CPU cache."""
MIN_SIZE = 1000
"""Minimum number of frequencies for which an FFT is faster than sums over all points."""
MAX_GAPS = 4
"""Maximum size of an equidistant grid, divided by the number of frequencies that are needed."""


def grid_positions(frequency: Array) -> NDArray[np.int64] | None:
    """Return the positions of sorted frequencies on an equidistant grid with few other frequencies.

    None means that there is no such grid, or that sums over all points are faster than an FFT.
    """
    if len(frequency) < MIN_SIZE:
        return None
    steps = np.diff(frequency)
    span, smallest = frequency[-1] - frequency[0], steps.min()
    if not smallest > 0 or span > MAX_GAPS * len(frequency) * smallest:
        return None
    step = span / np.rint(span / smallest)
    exact = (frequency - frequency[0]) / step
    position = np.rint(exact).astype(np.int64)
    return position if np.abs(exact - position).max() < 1e-7 else None


def power(curve: LightCurve, frequency: Array, position: NDArray[np.int64]) -> Array:
    """Return the power at frequencies with given positions, in astropy's standard normalization.

    The model is a sine with a floating mean (Zechmeister & Kürster 2009, A&A 496, 577), and the
    power is the fraction of the chi² of a constant that it removes.
    """
    import nifty_ls

    step = (frequency[-1] - frequency[0]) / position[-1]
    values = np.empty(position[-1] + 1)
    for start in range(0, len(values), BLOCK):
        size = max(min(BLOCK, len(values) - start), 2)
        first = frequency[0] + start * step
        result = nifty_ls.lombscargle(
            curve.time,
            curve.mag,
            curve.magerr,
            fmin=first,
            fmax=first + step * (size - 1),
            Nf=size,
            backend="finufft",
            nthreads=1,
            finufft_kwargs={"eps": PRECISION},
        )
        values[start : start + size] = result.power[: len(values) - start]
    powers: Array = np.clip(values[position], 0, 1)
    return powers
