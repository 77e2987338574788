"""The cleaned light curves of one source in all filters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MIN_POINTS = 25
"""Light curves with fewer epochs are not used."""
PHASE_BINS, FILLED_BINS = 10, 6
"""Number of phase bins, and the number of bins that must contain epochs at a possible period."""


@dataclass(frozen=True)
class MultibandLightCurve:
    """The light curves of one source, concatenated.

    Attributes
    ----------
    time : numpy.ndarray, shape (N,)
        Times in days, relative to the middle of the observations.
    mag : numpy.ndarray, shape (N,)
        Magnitudes minus the weighted mean of each light curve.
    weight : numpy.ndarray, shape (N,)
        Weights with the mean 1.
    offsets : numpy.ndarray, shape (L + 1,)
        Index of the first epoch of each light curve, and the total number of epochs.
    filters : tuple of int
        Filter number of each light curve (1 g, 2 r, 3 i; 0 if unknown).
    """

    time: Array
    mag: Array
    weight: Array
    offsets: NDArray[np.int64]
    filters: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.time)

    @property
    def arrays(self) -> tuple[Array, Array, Array, NDArray[np.int64]]:
        """Arguments of the compiled functions: times, magnitudes, weights and offsets."""
        return self.time, self.mag, self.weight, self.offsets

    @property
    def baseline(self) -> float:
        """Time between the first and the last epoch, in days."""
        return float(np.ptp(self.time)) if len(self) else 0.0

    @property
    def best(self) -> int:
        """Index of the light curve with the largest number of epochs."""
        return int(np.argmax(np.diff(self.offsets)))

    def reweighted(self, weight: Array) -> MultibandLightCurve:
        """Return the same epochs with other weights."""
        return MultibandLightCurve(self.time, self.mag, weight, self.offsets, self.filters)

    def covers_phases(self, period: float) -> bool:
        """Return whether the epochs cover at least 6 of 10 phase bins."""
        phase = (self.time / period) % 1.0
        bins = np.minimum((phase * PHASE_BINS).astype(np.intp), PHASE_BINS - 1)
        return len(np.unique(bins)) >= FILLED_BINS


def combine(
    light_curves: Sequence[tuple[Array, Array, Array]], filters: Sequence[int]
) -> MultibandLightCurve:
    """Combine cleaned light curves, given as times, magnitudes and errors, into one object.

    Light curves with fewer than :data:`MIN_POINTS` epochs are ignored. Weights are
    ``1 / (error² + s²)``, where s is the median error, so that single small errors do not dominate.
    """
    used = [i for i, (time, _, _) in enumerate(light_curves) if len(time) >= MIN_POINTS]
    if not used:
        empty = np.empty(0)
        return MultibandLightCurve(empty, empty, empty, np.zeros(1, np.int64), ())
    time = np.concatenate([light_curves[i][0] for i in used])
    error = np.concatenate([light_curves[i][2] for i in used])
    weight = 1 / (error**2 + max(float(np.median(error)), 1e-6) ** 2)
    weight /= weight.mean()
    offsets = np.cumsum([0, *(len(light_curves[i][0]) for i in used)]).astype(np.int64)
    mags = []
    for k, i in enumerate(used):
        mag = light_curves[i][1]
        mags.append(mag - np.average(mag, weights=weight[offsets[k] : offsets[k + 1]]))
    time = time - 0.5 * (time.min() + time.max())
    numbers = tuple(int(filters[i]) for i in used)
    return MultibandLightCurve(time, np.concatenate(mags), weight, offsets, numbers)
