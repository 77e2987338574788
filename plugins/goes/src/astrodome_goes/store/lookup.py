"""Look up the nearest good sample for given times."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
from astrodome import InvalidInputError
from astrodome_solar.times import to_datetime64
from numpy.typing import NDArray

from .flux_store import Store
from .parquet import RECORD, read_good_records
from .products import PRODUCTS

if TYPE_CHECKING:
    import pandas as pd

MAX_DIFF = 60.0
"""Default maximum time difference, in seconds."""
DAY = 86400.0


def flux_at(
    store: str | os.PathLike[str], times: Any, max_diff: float = MAX_DIFF
) -> NDArray[np.float64]:
    """Return the 1-8 angstrom flux at one or more times.

    Parameters
    ----------
    store : Store, str or path-like
        The store, or its folder.
    times : time or array of times, shape (N,)
        Times in UTC, given as ISO 8601 strings, or as datetime, numpy.datetime64, pandas or
        astropy objects.
    max_diff : float
        Maximum difference between a time and its sample, in seconds, from 0 to 86400.

    Returns
    -------
    numpy.ndarray
        Array with shape (N,) that contains the flux of the nearest good sample in W/m2. A sample
        is good if its flux is positive and no quality flag is set. Values are NaN at times
        without a good sample within ``max_diff`` seconds.

    Raises
    ------
    AstrodomeError
        If the store is empty, a time is invalid, or ``max_diff`` is out of range.

    Examples
    --------
    >>> import astrodome_goes as goes
    >>> goes.flux_at(store, ["2011-06-07T06:41", "2011-06-08T12:00"]).round(7)
    array([2.54e-05,      nan])
    """
    samples, difference = nearest(Store(store), to_datetime64(times), max_diff)
    return np.where(np.isfinite(difference), samples["xrsb"].astype(np.float64), np.nan)


def samples_at(
    store: str | os.PathLike[str], times: Any, max_diff: float = MAX_DIFF
) -> pd.DataFrame:
    """Return the good sample nearest to each time.

    Parameters
    ----------
    store : Store, str or path-like
        The store, or its folder.
    times : time or array of times, shape (N,)
        Times in UTC, given as ISO 8601 strings, or as datetime, numpy.datetime64, pandas or
        astropy objects.
    max_diff : float
        Maximum difference between a time and its sample, in seconds, from 0 to 86400.

    Returns
    -------
    pandas.DataFrame
        One row for each time with a good sample within ``max_diff`` seconds. A sample is good if
        its flux is positive and no quality flag is set. ``timestamp`` is the requested time,
        ``time`` is the time of the sample, and ``distance_s`` is their difference in seconds.
        ``class`` is the flare class that corresponds to the flux ``xrsb_W_m2``. The other columns
        are ``xrsa_W_m2``, ``quality``, ``satellite`` and ``product``.

    Raises
    ------
    AstrodomeError
        If the store is empty, a time is invalid, or ``max_diff`` is out of range.

    Examples
    --------
    >>> import astrodome_goes as goes
    >>> goes.samples_at(store, "2011-06-07T06:41")[["class", "satellite", "distance_s"]]
      class  satellite  distance_s
    0  M2.5         15       0.455
    """
    import pandas as pd

    requested = to_datetime64(times)
    samples, difference = nearest(Store(store), requested, max_diff)
    found = np.isfinite(difference)
    columns = [describe(sample) for sample in samples[found]]
    table = pd.DataFrame(columns, columns=list(DESCRIPTION))
    table.insert(0, "timestamp", requested[found])
    return table.assign(distance_s=difference[found])


def nearest(
    store: Store, times: NDArray[np.datetime64], max_diff: float
) -> tuple[NDArray[np.void], NDArray[np.float64]]:
    """Return the nearest good sample for each of N UTC times with dtype ``datetime64[us]``.

    Returns an array of N samples with dtype ``RECORD``, and an array of N time differences in
    seconds. At times without a good sample within ``max_diff`` seconds, the difference is
    infinite and the fields of the sample are 0.
    """
    if not 0 <= max_diff <= DAY:
        raise InvalidInputError(
            f"Invalid maximum time difference {max_diff:g}: expected a value from 0 to {DAY:g} "
            "seconds."
        )
    reach = np.timedelta64(round(max_diff * 1e6), "us")
    found = np.zeros(len(times), RECORD)
    difference = np.full(len(times), np.inf)
    order = np.argsort(times)[: len(times) - np.count_nonzero(np.isnat(times))]
    known = times[order]
    months = np.unique(np.r_[known - reach, known + reach].astype("M8[M]"))
    paths = [path for month in months if (path := store.path(str(month))).exists()]
    if len(months) and not paths:
        store.require_data()
    for samples in map(read_good_records, paths):
        if not len(samples):
            continue
        stamps = np.ascontiguousarray(samples["timestamp"])
        inside = slice(*np.searchsorted(known, [stamps[0] - reach, stamps[-1] + reach + 1]))
        wanted, which = known[inside], order[inside]
        after = np.searchsorted(stamps, wanted).clip(0, len(stamps) - 1)
        before = (after - 1).clip(0)
        earlier = wanted - stamps[before] <= np.abs(stamps[after] - wanted)
        index = np.where(earlier, before, after)
        gap = np.abs(stamps[index] - wanted) / np.timedelta64(1, "s")
        closer = (gap <= max_diff) & (gap < difference[which])
        found[which[closer]] = samples[index[closer]]
        difference[which[closer]] = gap[closer]
    return found, difference


DESCRIPTION = ("time", "class", "xrsb_W_m2", "xrsa_W_m2", "quality", "satellite", "product")


def describe(sample: np.void) -> dict[str, Any]:
    """Convert a sample with dtype ``RECORD`` to a dictionary, in which unknown values are None."""
    from astrodome_solar.flare_classes import flare_class

    time, xrsa, xrsb, quality, satellite, product = sample.item()
    values = (time, flare_class(xrsb), xrsb, xrsa, None if quality else 0, satellite or None)
    return dict(zip(DESCRIPTION, (*values, PRODUCTS[product]), strict=True))
