"""Detect flares in a light curve by peak-driven region segmentation.

The light curve is binned. Each significant peak of the flux is extended to a region, adjacent
regions are merged unless a minimum separates them, and faint regions are discarded. The definitions
and default parameters are those of SCoPe, which adapted the method of
https://github.com/zerozole/Peak_Driven_Region_Segmentation.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from astrodome import InvalidInputError
from numpy.typing import NDArray

from .epochs import valid_epochs
from .kernels import Array, compiled

NAMES = ("n_flares", "flare_significance", "flare_duty_cycle")
"""Names of the features of slow flares."""
FAST_NAMES = ("n_fast_flares", "fast_flare_significance", "fast_flare_duty_cycle")
"""Names of the features of fast flares."""


@dataclass(frozen=True)
class FlareOptions:
    """Parameters of the flare detection. The default values are for flares of several days.

    Parameters
    ----------
    bin_size
        Bin width, in days.
    peak_threshold
        Minimum height of a peak above the median flux, in units of the scale.
    smooth_window
        Number of bins in which the trend of the flux is determined.
    min_bins
        Minimum number of bins in a flare.
    saddle_ratio
        Two regions are merged if the lowest flux between them, relative to the lower of the two
        peaks, is higher than this ratio.
    region_threshold
        Minimum height of the median flux in a flare above the median flux, in units of the scale.
    max_gap
        Maximum time difference between consecutive bins in a flare, in days.
    use_bin_errors
        Whether the scale is the error of each bin. Otherwise, it is the standard deviation of the
        binned flux.
    """

    bin_size: float = 3.0
    peak_threshold: float = 2.0
    smooth_window: int = 7
    min_bins: int = 3
    saddle_ratio: float = 0.2
    region_threshold: float = 0.5
    max_gap: float = 60.0
    use_bin_errors: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.bin_size < math.inf:
            raise InvalidInputError(
                f"Invalid bin size {self.bin_size}: expected a positive number of days."
            )
        if self.smooth_window < 1 or self.min_bins < 1:
            raise InvalidInputError(
                f"Invalid number of bins: smooth_window {self.smooth_window} and min_bins "
                f"{self.min_bins} must be at least 1."
            )


SLOW = FlareOptions()
"""Parameters for flares of several days, tuned for ZTF."""
FAST = FlareOptions(
    bin_size=5 / 1440,
    peak_threshold=12.0,
    smooth_window=3,
    region_threshold=1.0,
    max_gap=90 / 1440,
    use_bin_errors=True,
)
"""Parameters for flares of several minutes."""


@dataclass(frozen=True)
class Flare:
    """A flare in a light curve. The flux is relative to the flux at the median magnitude.

    Parameters
    ----------
    start, end
        Mean times of the first and last bin, in days.
    peak_flux
        Maximum flux of a bin.
    significance
        Height of the maximum above the median flux, in units of the scale.
    """

    start: float
    end: float
    peak_flux: float
    significance: float


@dataclass(frozen=True)
class _Region:
    """The bins from ``first`` to ``last``, and the flux of the highest peak."""

    first: int
    last: int
    peak: float


def flare_features(time: Any, mag: Any, magerr: Any) -> dict[str, float]:
    """Return the features of slow and fast flares in a light curve.

    Parameters
    ----------
    time : array_like, shape (N,)
        Times in days, a quantity, or an `astropy.time.Time` object. They do not have to be sorted.
    mag, magerr : array_like, shape (N,)
        Magnitudes in one band, and their errors. Epochs with a non-finite value, or with an error
        that is not positive, are ignored.

    Returns
    -------
    dict of str to float
        ``n_flares``, the number of flares; ``flare_significance``, the largest significance; and
        ``flare_duty_cycle``, the fraction of the time range that the flares cover. The same three
        features for flares of several minutes are ``n_fast_flares``, ``fast_flare_significance``
        and ``fast_flare_duty_cycle``. Without flares, they are 0. With fewer than four epochs or
        bins, they are NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from astrodome_ztf_scope.features.flares import flare_features
    >>> time = np.arange(0.0, 300.0, 3.0)
    >>> mag = 18 + 0.01 * np.sin(time) - 1.5 * np.exp(-((time - 150) / 8) ** 2)
    >>> found = flare_features(time, mag, np.full(len(time), 0.02))
    >>> found["n_flares"], round(found["flare_duty_cycle"], 2)
    (1.0, 0.13)
    """
    t, m, e = valid_epochs(time, mag, magerr)
    values = (*_summary(t, m, e, SLOW), *_summary(t, m, e, FAST))
    return dict(zip((*NAMES, *FAST_NAMES), values, strict=True))


def find_flares(time: Any, mag: Any, magerr: Any, options: FlareOptions = SLOW) -> list[Flare]:
    """Return the flares in a light curve, in the order of time.

    The arguments are those of :func:`flare_features`. The list is empty for fewer than four bins.
    """
    return _flares(*valid_epochs(time, mag, magerr), options) or []


def _summary(t: Array, m: Array, e: Array, options: FlareOptions) -> tuple[float, float, float]:
    """Return the number of flares, the largest significance and the duty cycle."""
    flares = _flares(t, m, e, options)
    if flares is None:
        return math.nan, math.nan, math.nan
    if not flares:
        return 0.0, 0.0, 0.0
    duration = sum(flare.end - flare.start for flare in flares)
    significance = max(flare.significance for flare in flares)
    return float(len(flares)), significance, min(duration / float(t[-1] - t[0]), 1.0)


def _flares(t: Array, m: Array, e: Array, options: FlareOptions) -> list[Flare] | None:
    """Return the flares, or None if there are too few epochs or bins."""
    fewest = max(4, options.min_bins)
    if len(t) < fewest:
        return None
    time, flux, error = _binned(t, m, e, options.bin_size)
    if len(time) < fewest:
        return None
    median = float(np.median(flux))
    scale = error if options.use_bin_errors else np.full(len(flux), np.std(flux))
    candidates = np.flatnonzero(_is_peak(flux) & (flux > median + options.peak_threshold * scale))
    half = options.smooth_window // 2
    limits = _grow(time, flux, _trend(time, flux, half), candidates, median, options.max_gap)
    regions = [
        _Region(int(first), int(last), float(flux[peak]))
        for (first, last), peak in zip(limits, candidates, strict=True)
        if last - first + 1 >= options.min_bins
    ]
    flares = []
    for region in _merged(regions, time, flux, median, options):
        bins = slice(region.first, region.last + 1)
        lowest = np.median(median + options.region_threshold * scale[bins])
        if np.median(flux[bins]) >= lowest:
            top = region.first + int(np.argmax(flux[bins]))
            significance = float((flux[top] - median) / scale[top])
            ends = float(time[region.first]), float(time[region.last])
            flares.append(Flare(*ends, float(flux[top]), significance))
    return flares


def _binned(t: Array, m: Array, e: Array, width: float) -> tuple[Array, Array, Array]:
    """Return the mean times, the weighted mean fluxes and their errors in bins of equal width.

    The first bin begins at the first epoch. Empty bins, and bins without a finite flux, are
    omitted.
    """
    with np.errstate(all="ignore"):
        flux = 10 ** (-0.4 * (m - np.median(m)))
        weight = (0.4 * math.log(10) * flux * e) ** -2.0
        _, number = np.unique((t - t[0]) // width, return_inverse=True)
        count = np.bincount(number)
        total = np.bincount(number, weight)
        time = t[0] + np.bincount(number, t - t[0]) / count
        mean = np.bincount(number, weight * flux) / total
        error = 1 / np.sqrt(total)
    known = np.isfinite(mean) & (error > 0)
    return time[known], mean[known], error[known]


def _is_peak(flux: Array) -> NDArray[np.bool_]:
    """Return which values are higher than their neighbours. The first and last can be peaks."""
    rises = np.diff(flux) > 0
    falls = np.diff(flux) < 0
    result: NDArray[np.bool_] = np.append(True, rises) & np.append(falls, True)
    return result


@compiled
def _trend(time: Array, flux: Array, half: int) -> Array:
    """Return the least-squares slope of the flux in a window around each bin.

    The window contains ``half`` bins on each side, and fewer at the beginning and end.
    """
    n = len(time)
    slopes = np.zeros(n)
    for i in range(n):
        first, end = max(0, i - half), min(n, i + half + 1)
        x_mean = y_mean = squares = products = 0.0
        for j in range(first, end):
            x_mean += (time[j] - time[i]) / (end - first)
            y_mean += (flux[j] - flux[i]) / (end - first)
        for j in range(first, end):
            x = time[j] - time[i] - x_mean
            squares += x * x
            products += x * (flux[j] - flux[i] - y_mean)
        if squares > 0:
            slopes[i] = products / squares
    return slopes


@compiled
def _grow(
    time: Array, flux: Array, trend: Array, peaks: NDArray[np.intp], median: float, max_gap: float
) -> NDArray[np.int64]:
    """Extend each peak to a region, and return the first and last bins with shape (peaks, 2).

    In each round, each region is extended by at most one bin on each side. A region is not extended
    into another region, below the median flux, or over a gap. It is extended to a lower flux, and
    to a higher flux where the trend still leads away from the peak.
    """
    n = len(flux)
    taken = np.zeros(n, np.bool_)
    limits = np.empty((len(peaks), 2), np.int64)
    for k in range(len(peaks)):
        taken[peaks[k]] = True
        limits[k, 0] = limits[k, 1] = peaks[k]
    extended = True
    while extended:
        extended = False
        for k in range(len(peaks)):
            for side in range(2):
                step = 2 * side - 1
                edge = limits[k, side]
                following = edge + step
                if (
                    0 <= following < n
                    and not taken[following]
                    and flux[following] >= median
                    and abs(time[following] - time[edge]) <= max_gap
                    and (flux[following] < flux[edge] or step * trend[edge] <= 0)
                ):
                    taken[following] = True
                    limits[k, side] = following
                    extended = True
    return limits


def _merged(
    regions: list[_Region], time: Array, flux: Array, median: float, options: FlareOptions
) -> Iterator[_Region]:
    """Merge regions, unless a gap or a deep minimum separates them."""
    current: _Region | None = None
    for region in regions:
        if current is None:
            current = region
            continue
        separated = time[region.first] - time[current.last] > options.max_gap
        if not separated and region.first > current.last + 2:
            lowest = np.min(flux[current.last + 1 : region.first]) - median
            height = min(current.peak, region.peak) - median
            separated = not lowest > options.saddle_ratio * height
        if separated:
            yield current
            current = region
        else:
            current = _Region(current.first, region.last, max(current.peak, region.peak))
    if current is not None:
        yield current
