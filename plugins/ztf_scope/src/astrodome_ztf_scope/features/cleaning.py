"""Remove flagged, too closely spaced and outlying epochs from a light curve.

The period search, the other features and the period refinement use the same epochs, because they
call the same function.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Literal, get_args

import numpy as np
from astrodome import AstrodomeError, InvalidInputError
from numpy.typing import NDArray

from .epochs import check_shapes, plain_values
from .kernels import Array, compiled

OutlierFilter = Literal["none", "sigma", "spike", "both"]
MINUTES_PER_DAY = 1440
MAD_TO_SIGMA = 1.4826
"""Ratio of the standard deviation to the median absolute deviation of a normal distribution."""


class EpochStatus(IntEnum):
    """Result of the cleaning for one epoch."""

    KEPT = 0
    INVALID = 1
    """A value is not finite, or the magnitude error is not positive."""
    FLAGGED = 2
    """``catflags`` is not 0."""
    TOO_CLOSE = 3
    """The time difference to the previous kept epoch is less than the minimum."""
    OUTLIER = 4


@dataclass(frozen=True)
class CleaningOptions:
    """Criteria for the epochs that are kept.

    Parameters
    ----------
    min_cadence_minutes
        Minimum time difference between consecutive epochs, in minutes.
    min_points
        Minimum number of epochs after cleaning.
    outliers
        ``none`` keeps all magnitudes, as in SCoPe 0.9.5. ``sigma`` removes epochs at least
        ``clip_sigma`` standard deviations from the median, as in SCoPe since 2026. The standard
        deviation is estimated from the median absolute deviation. ``spike`` removes single epochs
        that differ from their neighbours in time by more than ``spike_mag``, as SCoPe does for the
        Rubin Observatory. ``both`` removes the epochs that satisfy both criteria: ``sigma`` alone
        removes deep eclipses, and ``spike`` alone removes maxima of RR Lyrae stars.
    clip_sigma
        Limit for ``sigma``, in standard deviations.
    spike_mag
        Limit for ``spike``, in magnitudes.
    """

    min_cadence_minutes: float = 30.0
    min_points: int = 50
    outliers: OutlierFilter = "both"
    clip_sigma: float = 5.0
    spike_mag: float = 1.0

    def __post_init__(self) -> None:
        if self.outliers not in get_args(OutlierFilter):
            raise InvalidInputError(
                f"Invalid outlier filter '{self.outliers}': expected one of "
                f"{', '.join(get_args(OutlierFilter))}."
            )
        for name in ("min_cadence_minutes", "min_points", "clip_sigma", "spike_mag"):
            if not getattr(self, name) >= 0:
                raise InvalidInputError(
                    f"Invalid {name} {getattr(self, name)}: expected a number from 0."
                )


TOO_FEW_EPOCHS = "Too few epochs"


class TooFewEpochsError(AstrodomeError):
    """A light curve has fewer epochs after cleaning than the minimum."""


def clean(
    time: Any,
    mag: Any,
    magerr: Any,
    catflags: Any = None,
    options: CleaningOptions = CleaningOptions(),
) -> NDArray[np.intp]:
    """Return the indices of the epochs to use, sorted by time.

    The steps are, in this order: remove invalid epochs and epochs with flags, sort the epochs by
    time, remove epochs that are too close to the previous kept epoch, and remove outliers.

    Parameters
    ----------
    time : array_like, shape (N,)
        Times in days.
    mag, magerr : array_like, shape (N,)
        Magnitudes in one band, and their errors.
    catflags : array_like, shape (N,), optional
        Flags of the epochs. Only epochs with the flag 0 are used.
    options : CleaningOptions
        Criteria for the epochs that are kept.

    Returns
    -------
    numpy.ndarray
        Indices with shape (K,), where K is at least ``options.min_points``.

    Raises
    ------
    TooFewEpochsError
        If fewer epochs remain. The message contains the number of removed epochs for each step.
    astrodome.InvalidInputError
        If the arrays are not one-dimensional or differ in length.

    Examples
    --------
    >>> from astrodome_ztf_scope.features.cleaning import CleaningOptions, clean
    >>> options = CleaningOptions(min_points=2)
    >>> clean([2.0, 1.0, 1.01], [15.0, 15.1, 15.0], [0.1, 0.1, 0.1], options=options).tolist()
    [1, 0]
    """
    status, order = _examine(time, mag, magerr, catflags, options)
    kept: NDArray[np.intp] = order[status[order] == EpochStatus.KEPT]
    if len(kept) < options.min_points:
        raise TooFewEpochsError(
            f"{TOO_FEW_EPOCHS}: {len(kept)} of {len(status)} remain, at least "
            f"{options.min_points} are required (removed: {_removed(status)}).",
            "Decrease the minimum number of points.",
        )
    return kept


def epoch_status(
    time: Any,
    mag: Any,
    magerr: Any,
    catflags: Any = None,
    options: CleaningOptions = CleaningOptions(),
) -> NDArray[np.int8]:
    """Return the :class:`EpochStatus` of each epoch, in the order of the arguments.

    The parameters are those of :func:`clean`. The minimum number of points is not applied.
    """
    return _examine(time, mag, magerr, catflags, options)[0]


def _examine(
    time: Any, mag: Any, magerr: Any, catflags: Any, options: CleaningOptions
) -> tuple[NDArray[np.int8], NDArray[np.intp]]:
    """Return the status of each epoch, and the indices that sort the epochs by time."""
    t, m, e = (
        plain_values(time, "d", "time"),
        plain_values(mag, "mag", "mag"),
        plain_values(magerr, "mag", "magerr"),
    )
    flags = np.zeros_like(t) if catflags is None else plain_values(catflags, "", "catflags")
    check_shapes(time=t, mag=m, magerr=e, catflags=flags)
    status = np.zeros(len(t), np.int8)
    status[~(np.isfinite(t) & np.isfinite(m) & np.isfinite(e) & (e > 0))] = EpochStatus.INVALID
    status[(status == EpochStatus.KEPT) & (flags != 0)] = EpochStatus.FLAGGED
    order = np.argsort(t, kind="stable")
    rest = order[status[order] == EpochStatus.KEPT]
    spaced = _spaced(t[rest], options.min_cadence_minutes / MINUTES_PER_DAY)
    status[rest[~spaced]] = EpochStatus.TOO_CLOSE
    rest = rest[spaced]
    status[rest[_outliers(m[rest], options)]] = EpochStatus.OUTLIER
    return status, order


def _removed(status: NDArray[np.int8]) -> str:
    """Return the number of removed epochs for each reason as text."""
    counts = Counter(status.tolist())
    found = [f"{counts[s]} {s.name.lower().replace('_', ' ')}" for s in EpochStatus if s]
    return ", ".join(text for text in found if not text.startswith("0 ")) or "none"


def _outliers(m: Array, options: CleaningOptions) -> NDArray[np.bool_]:
    """Return which magnitudes, in the order of time, are outliers."""
    if options.outliers == "none":
        return np.zeros(len(m), np.bool_)
    if options.outliers == "sigma":
        return clipped(m, options.clip_sigma)
    if options.outliers == "spike":
        return spikes(m, options.spike_mag)
    return clipped(m, options.clip_sigma) & spikes(m, options.spike_mag)


def clipped(m: Array, limit: float = 5.0) -> NDArray[np.bool_]:
    """Return which magnitudes are at least ``limit`` standard deviations from the median.

    The standard deviation is estimated from the median absolute deviation. No magnitude is clipped
    if there are fewer than five, or if the median absolute deviation is 0.
    """
    if len(m) < 5:
        return np.zeros(len(m), np.bool_)
    distance = np.abs(m - np.median(m))
    sigma = np.median(distance) * MAD_TO_SIGMA
    result: NDArray[np.bool_] = distance >= limit * sigma
    return result & bool(sigma > 0)


@compiled
def spikes(m: Array, limit: float = 1.0) -> NDArray[np.bool_]:
    """Return which magnitudes, in the order of time, are single spikes.

    A spike differs by more than ``limit`` from the median of three magnitudes: its own, and those
    of the nearest epochs before and after that are not spikes themselves. At the end, the first and
    last remaining magnitudes are compared with the only neighbour.
    """
    n = len(m)
    found = np.zeros(n, np.bool_)
    if n < 3:
        return found
    before, middle = 0, 1
    for after in range(2, n):
        low, high = min(m[before], m[after]), max(m[before], m[after])
        if abs(m[middle] - min(max(m[middle], low), high)) > limit:
            found[middle] = True
        else:
            before = middle
        middle = after
    # The last two epochs that remain are now ``before`` and ``middle``; epoch 0 always remains.
    second = 1
    while found[second]:
        second += 1
    if abs(m[0] - m[second]) > limit:
        found[0] = True
    if abs(m[middle] - m[before]) > limit:
        found[middle] = True
    return found


@compiled
def _spaced(t: Array, minimum: float) -> NDArray[np.bool_]:
    """Return which sorted times differ by at least ``minimum`` from the previous kept time."""
    kept = np.zeros(len(t), np.bool_)
    last = -np.inf
    for i in range(len(t)):
        if t[i] - last >= minimum:
            kept[i] = True
            last = t[i]
    return kept
