"""Fold light curves at a period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
BINS = 20
"""Number of phase bins from which the time of maximum brightness is determined."""


class HasEpochs(Protocol):
    """A light curve with a band and epochs (times in days, magnitudes and errors)."""

    @property
    def band(self) -> str: ...
    @property
    def epochs(self) -> tuple[Array, Array, Array]: ...


@dataclass(frozen=True)
class FoldedLightCurve:
    """Phases (0 to 1), magnitudes and errors of a light curve in one band, with shape (N,) each."""

    band: str
    phase: Array
    mag: Array
    magerr: Array


def fold(curves: Sequence[HasEpochs], period: float) -> list[FoldedLightCurve]:
    """Fold light curves at a period in days.

    Phase 0 is the maximum brightness. If the period is not a positive number, the result is empty.
    """
    if not (period > 0 and np.isfinite(period)):
        return []
    zero = time_of_maximum(curves, period)
    epochs = [curve.epochs for curve in curves]
    return [
        FoldedLightCurve(curve.band, phase(time, period, zero), mag, magerr)
        for curve, (time, mag, magerr) in zip(curves, epochs, strict=True)
    ]


def phase(time: Array, period: float, zero: float = 0.0) -> Array:
    """Return the phases of times in days, from 0 to 1. The phase is 0 at the time ``zero``."""
    found: Array = np.mod((time - zero) / period, 1.0)
    return np.where(
        found < 1.0, found, 0.0
    )  # The remainder of a small negative number rounds to 1.


def time_of_maximum(curves: Sequence[HasEpochs], period: float) -> float:
    """Return a time of maximum brightness of a periodic source, in days.

    It is the center of the phase bin with the smallest median magnitude, for the light curve with
    the most epochs.
    """
    time, mag, _ = max((curve.epochs for curve in curves), key=lambda epochs: len(epochs[0]))
    if not len(time):
        return 0.0
    bins = (phase(time, period, time[0]) * BINS).astype(int)
    numbers = np.unique(bins)
    medians = [np.median(mag[bins == number]) for number in numbers]
    best = numbers[int(np.argmin(medians))]
    return float(time[0] + (best + 0.5) / BINS * period)
