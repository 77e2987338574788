"""Selection of one period from the periods of several algorithms."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from .options import Array, Peaks
from .scanning import periodogram

NESTED = ("LS", "CE")
"""Algorithms that provide the candidate periods of :func:`nested`, as in SCoPe."""


def nested(
    peaks: Mapping[str, Peaks],
    time: ArrayLike,
    mag: ArrayLike,
    magerr: ArrayLike | None,
    algorithms: Sequence[str] = NESTED,
) -> tuple[float, float]:
    """Select the period with the largest AOV statistic among the periods of other algorithms.

    This is the combination that SCoPe names ``ELS_ECE_EAOV``.

    Parameters
    ----------
    peaks : mapping of str to Peaks
        Result of :func:`search`.
    time, mag, magerr : array_like, shape (N,)
        Light curve that was searched.
    algorithms : sequence of str, optional
        Algorithms whose periods are candidates. By default, these are LS and CE.

    Returns
    -------
    tuple of float
        Period in days, and its significance in the AOV periodogram. Without AOV in ``peaks``, the
        significance is that of the period in its own list. Both are NaN if there is no candidate.

    Examples
    --------
    >>> import numpy as np
    >>> from astrodome_ztf_scope.features.periods import SearchOptions, nested, search
    >>> time = np.sort(np.random.default_rng(1).uniform(0, 100, 200))
    >>> mag = 15 + 0.2 * np.sin(2 * np.pi * time / 0.7654)
    >>> peaks = search(time, mag, None, SearchOptions(max_frequency=10))
    >>> round(nested(peaks, time, mag, None)[0], 3)
    0.765
    """
    period, own = _candidates(peaks, algorithms)
    if not len(period):
        return math.nan, math.nan
    value = periodogram(time, mag, magerr, "AOV", 1 / period)
    best = int(np.nan_to_num(value, nan=-np.inf).argmax())
    aov = peaks.get("AOV")
    if aov is None or not aov.std > 0:
        return float(period[best]), float(own[best])
    return float(period[best]), float(abs(aov.mean - value[best]) / aov.std)


def best_period(
    peaks: Mapping[str, Peaks],
    time: ArrayLike,
    mag: ArrayLike,
    magerr: ArrayLike | None,
) -> tuple[float, float]:
    """Select the most reliable period among the periods of all algorithms.

    Parameters
    ----------
    peaks : mapping of str to Peaks
        Result of :func:`search`.
    time, mag, magerr : array_like, shape (N,)
        Light curve that was searched.

    Returns
    -------
    tuple of float
        Period in days, and its significance. Both are NaN if no algorithm found a period.

    Examples
    --------
    >>> import numpy as np
    >>> from astrodome_ztf_scope.features.periods import SearchOptions, best_period, search
    >>> time = np.sort(np.random.default_rng(1).uniform(0, 100, 200))
    >>> mag = 15 + 0.2 * np.sin(2 * np.pi * time / 0.7654)
    >>> peaks = search(time, mag, None, SearchOptions(max_frequency=10))
    >>> round(best_period(peaks, time, mag, None)[0], 3)
    0.765
    """
    return nested(peaks, time, mag, magerr, tuple(peaks))


def _candidates(peaks: Mapping[str, Peaks], algorithms: Sequence[str]) -> tuple[Array, Array]:
    """Return the periods of the algorithms, and the significance of each in its own list."""
    lists = [peaks[name] for name in algorithms if name in peaks]
    if not lists:
        return np.empty(0), np.empty(0)
    period = np.concatenate([found.period for found in lists])
    significance = np.concatenate([found.significance for found in lists])
    valid = np.isfinite(period)
    return period[valid], significance[valid]
