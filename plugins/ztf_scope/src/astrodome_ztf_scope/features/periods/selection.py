"""Selection of one period from the periods of several algorithms."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from .light_curve import LightCurve, prepare
from .options import Array, Peaks, SearchOptions
from .scanning import periodogram

NESTED = ("LS", "CE")
"""Algorithms that provide the candidate periods of :func:`nested`, as in SCoPe."""
MAX_HARMONICS = 12
"""Maximum number of harmonics of the fits that select the best period."""
RATIOS = (1 / 3, 1 / 2, 2.0, 3.0)
"""Multiples of the periods that are candidates, too."""
OFFSETS = np.linspace(-0.05, 0.05, 5)
"""Offsets from the frequency of a candidate, in units of 1/baseline."""
FEW_CYCLES, FEW_HARMONICS = 20, 2
"""Maximum number of harmonics if the baseline contains at most this number of cycles."""
MIN_CYCLES_OF_MULTIPLE = 10
"""Minimum number of cycles in the baseline for a multiple of a period."""
DEFAULT_MAX_FREQUENCY = SearchOptions().max_frequency


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
    """Select the period whose Fourier series describes the light curve best.

    The candidates are the periods of all algorithms, and their thirds, halves, doubles and triples,
    also in the bands that the search skips. Fourier series with 1 to 12 harmonics are fitted at
    each candidate and at four frequencies within half a grid step. The best fit has the lowest
    Bayesian information criterion for errors of unknown scale, N ln(chi²) + 2 k ln(N) for k
    harmonics. In contrast to the value of a single periodogram, it compares a period with its
    multiples: an eclipsing binary with two different eclipses requires its orbital period, and a
    pulsating star is described by fewer harmonics at its period than at the double period. Periods
    longer than 1/20 of the baseline are fitted with one or two harmonics, because the cycles of
    long-period variables differ from each other.

    Fraction of periods, in percent, within 1 percent of the true period, for 2,000 light curves in
    one band with 60, 100, 200 or 400 epochs, which were simulated with
    :func:`astrodome_ztf_scope.simulate_light_curves`. The rules were chosen with other simulated
    light curves. The candidates are the periods of the six algorithms in the table:

    ==============  ===  ====  ====  ==  ==  ==  ===  ====  ===  ===  =====
    method          all  ceph  dscu  ea  eb  ew  mir  rrab  rrc  rrd  rscvn
    ==============  ===  ====  ====  ==  ==  ==  ===  ====  ===  ===  =====
    this function    79    98    76  28  90  68   70    98   97   90     80
    LS               59    87    84   0   0   0   67    86   88   98     83
    CE               56    85    57  12  28  30   56    87   86   62     62
    AOV              61    86    58  14  52  27   66    86   84   79     58
    FPW              61    86    59  13  51  28   64    86   84   76     60
    MHF              60    87    72   4  18  23   62    86   86   82     75
    BLS              56    86    60  12  18   2   60    86   86   89     64
    :func:`nested`   63    86    68  16  50  24   66    85   85   81     68
    ==============  ===  ====  ====  ==  ==  ==  ===  ====  ===  ===  =====

    Parameters
    ----------
    peaks : mapping of str to Peaks
        Result of :func:`search`.
    time, mag, magerr : array_like, shape (N,)
        Light curve that was searched.

    Returns
    -------
    tuple of float
        Period in days, and its significance in the AOV periodogram, or in that of the first
        algorithm if AOV is not in ``peaks``. Both are NaN if no algorithm found a period.

    Examples
    --------
    >>> import numpy as np
    >>> from astrodome_ztf_scope.features.periods import SearchOptions, best_period, search
    >>> time = np.sort(np.random.default_rng(1).uniform(0, 100, 200))
    >>> mag = 15 + 0.2 * np.sin(2 * np.pi * time / 0.7654)
    >>> peaks = search(time, mag, None, SearchOptions(max_frequency=10))
    >>> round(best_period(peaks, time, mag, None)[0], 4)
    0.7654
    """
    from .algorithms import explained_by_harmonics

    listed, _ = _candidates(peaks, tuple(peaks))
    curve = prepare(time, mag, magerr)
    points = len(curve.mag)
    harmonics = min(MAX_HARMONICS, (points - 3) // 3)
    if not len(listed) or harmonics < 1:
        return math.nan, math.nan
    period = _with_multiples(listed, curve.baseline)
    frequency = 1 / period[:, np.newaxis] + OFFSETS / curve.baseline
    explained, total = explained_by_harmonics(curve, harmonics, trend=False)
    with np.errstate(all="ignore"):
        remaining = total - explained(frequency.ravel()).reshape(*frequency.shape, harmonics)
        bic = points * np.log(np.maximum(remaining, 1e-12 * total))
        bic += 2 * np.arange(1, harmonics + 1) * math.log(points)
    bic[period > curve.baseline / FEW_CYCLES, :, FEW_HARMONICS:] = np.inf
    best = frequency.ravel()[np.nan_to_num(bic.min(axis=2), nan=np.inf).argmin()]
    return float(1 / best), _significance(peaks, curve, float(best))


def _with_multiples(period: Array, baseline: float) -> Array:
    """Return periods and those of their multiples that a light curve can constrain."""
    multiples = (period[:, np.newaxis] * np.array(RATIOS)).ravel()
    frequency = 1 / multiples
    allowed = frequency <= max(float(1 / period.min()), DEFAULT_MAX_FREQUENCY)
    allowed &= multiples <= baseline / MIN_CYCLES_OF_MULTIPLE
    return np.unique(np.concatenate([period, multiples[allowed]]))


def _significance(peaks: Mapping[str, Peaks], curve: LightCurve, frequency: float) -> float:
    """Return the significance of a frequency in the AOV or in the first periodogram."""
    name = "AOV" if "AOV" in peaks and peaks["AOV"].std > 0 else next(iter(peaks))
    value = periodogram(curve.time, curve.mag, curve.magerr, name, frequency)[0]
    return float(abs(peaks[name].mean - value) / peaks[name].std)


def _candidates(peaks: Mapping[str, Peaks], algorithms: Sequence[str]) -> tuple[Array, Array]:
    """Return the periods of the algorithms, and the significance of each in its own list."""
    lists = [peaks[name] for name in algorithms if name in peaks]
    if not lists:
        return np.empty(0), np.empty(0)
    period = np.concatenate([found.period for found in lists])
    significance = np.concatenate([found.significance for found in lists])
    valid = np.isfinite(period)
    return period[valid], significance[valid]
