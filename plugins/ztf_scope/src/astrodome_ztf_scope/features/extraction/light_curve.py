"""Compute all features of one light curve."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import cleaning, periods
from ..damped_random_walk import drw_features
from ..dmdt import dmdt_image
from ..flares import flare_features
from ..fourier import fourier_features
from ..periods.options import Peaks
from ..statistics import statistics
from .options import NESTED_SUFFIX, FeatureOptions

Array = NDArray[np.float64]
Features = dict[str, Any]


def light_curve_features(
    time: Array,
    mag: Array,
    magerr: Array,
    catflags: Array | None,
    options: FeatureOptions,
) -> Features:
    """Compute the features of a light curve in one band.

    ``time`` contains heliocentric Julian dates in days, and ``catflags`` the flags of the epochs,
    of which only 0 is used. All arrays have the shape (N,).

    Raises TooFewEpochsError if too few epochs remain after cleaning.
    """
    if options.max_timestamp_hjd is not None:
        early = time <= options.max_timestamp_hjd
        time, mag, magerr = time[early], mag[early], magerr[early]
        catflags = None if catflags is None else catflags[early]
    used = cleaning.clean(time, mag, magerr, catflags, options.cleaning)
    return features_of_epochs(time[used], mag[used], magerr[used], options)


def features_of_epochs(time: Array, mag: Array, magerr: Array, options: FeatureOptions) -> Features:
    """Compute the features of a light curve that has been cleaned."""
    found: Features = dict(statistics(time, mag, magerr))
    peaks = periods.search(time, mag, magerr, options.search)
    found |= _periodic_features(time, mag, magerr, peaks, options)
    found |= _listed_periods(peaks, options.top_n_periods)
    if len(peaks) > 1:
        found |= periods.agreement(peaks)
        f1_power = {name: found[f"f1_power_{name}"] for name in peaks}
        found |= periods.sidereal_family(peaks, f1_power)
    found |= _optional_features(time, mag, magerr, options)
    if options.dmdt:
        found["dmdt"] = dmdt_image(time, mag)
    return found


def _periodic_features(
    time: Array, mag: Array, magerr: Array, peaks: Mapping[str, Peaks], options: FeatureOptions
) -> Features:
    """Return the period, its significance and the Fourier features for each chosen period.

    The columns without suffix contain the best period. The columns of an algorithm have its name as
    suffix.
    """
    chosen = {"": periods.best_period(peaks, time, mag, magerr)}
    if options.nested:
        chosen[NESTED_SUFFIX] = periods.nested(peaks, time, mag, magerr)
    for algorithm, found in peaks.items():
        chosen[f"_{algorithm}"] = (float(found.period[0]), float(found.significance[0]))
    fits: dict[float, dict[str, float]] = {}
    result: Features = {}
    for suffix, (period, significance) in chosen.items():
        key = -1.0 if math.isnan(period) else period
        if key not in fits:
            fits[key] = fourier_features(
                time, mag, magerr, period, convention=options.fourier_convention
            )
        result[f"period{suffix}"], result[f"significance{suffix}"] = period, significance
        result[f"pdot{suffix}"] = 0.0
        result |= {f"{name}{suffix}": value for name, value in fits[key].items()}
    return result


def _listed_periods(peaks: Mapping[str, Peaks], count: int) -> Features:
    result: Features = {}
    for algorithm, found in peaks.items():
        for rank in range(1, count + 1):
            result[f"period_{rank}_{algorithm}"] = float(found.period[rank - 1])
            result[f"significance_{rank}_{algorithm}"] = float(found.significance[rank - 1])
    return result


def _optional_features(time: Array, mag: Array, magerr: Array, options: FeatureOptions) -> Features:
    result: Features = {}
    if options.flares:
        result |= flare_features(time, mag, magerr)
    if options.drw:
        result |= drw_features(time, mag, magerr)
    return result
