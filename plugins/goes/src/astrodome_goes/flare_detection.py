"""Detect flares in the 1-8 angstrom flux, with the definition used by NOAA SWPC.

A flare starts with the first of four consecutive minutes in which the mean flux rises
monotonically to at least 1.4 times the first value. It peaks in the minute with the
highest flux, and ends when the flux has fallen halfway from the peak to the value at the
start. If another flare starts during this decay, the earlier one ends there.
(https://www.swpc.noaa.gov/products/goes-x-ray-flux, "X-ray flare event definitions")
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from astrodome_solar.flare_classes import flare_class, flux_of_class
from astrodome_solar.times import parse_range
from numpy.typing import NDArray

from .store.flux_store import Store
from .store.products import operational_scaling
from .store.sample_table import good

RISE = 1.4
"""Minimum ratio between the flux in the fourth minute and the first minute of a flare."""
LONGEST_GAP = np.timedelta64(10, "m")
"""Maximum length of a data gap in a flare. After a longer gap, the end of the flare is unknown."""
DAY = timedelta(days=1)


def flares(
    store: str | os.PathLike[str], start: Any = None, end: Any = None, min_class: str = ""
) -> pd.DataFrame:
    """Find the flares that peak in a time range.

    Parameters
    ----------
    store : Store, str or path-like
        The store, or its folder.
    start, end : str, datetime, numpy.datetime64, pandas.Timestamp or astropy Time, optional
        Earliest and latest peak time (UTC), both inclusive. If ``end`` is a date string without a
        time, the whole day is included. By default, all flares are returned.
    min_class : str, optional
        Minimum GOES class, for example ``"C1.0"``. By default, flares of all classes are
        returned.

    Returns
    -------
    pandas.DataFrame
        One row per flare, in chronological order. The columns ``start``, ``peak`` and ``end`` are
        UTC times. ``end`` is NaT if the data end before the end of the flare. ``class`` is the GOES
        class, and ``flux_W_m2`` is the peak flux. ``satellite`` (GOES number) and ``product``
        describe the origin of the peak flux. ``operational_scaling`` is True if the peak flux
        contains the scaling factors of the operational GOES 8-15 data. Unknown values of
        ``satellite`` and ``operational_scaling`` are missing values.

    Raises
    ------
    AstrodomeError
        If the store is empty, or if a time or ``min_class`` is invalid.

    Examples
    --------
    >>> import astrodome_goes as goes
    >>> goes.flares(store, "2011-06-07", "2011-06-07", "M1.0")[["peak", "class"]]
                     peak class
    0 2011-06-07 06:41:00  M2.5
    """
    first, last = parse_range(start, end, optional=True)
    minutes = minute_means(Store(store), first and first - DAY, last and last + DAY)
    found = find_flares(minutes.index.to_numpy(), minutes["xrsb"].to_numpy())
    found = found.join(minutes[["satellite", "product"]], on="peak")
    origins = zip(found["satellite"], found["product"], strict=True)
    scaled = [operational_scaling(*origin) for origin in origins]
    found["operational_scaling"] = pd.array(scaled, "boolean")
    found["satellite"] = found["satellite"].astype("Int64").replace(0, pd.NA)
    wanted = found["flux_W_m2"] >= (flux_of_class(min_class) if min_class else 0)
    wanted &= found["peak"].between(first or datetime.min, last or datetime.max)
    return found[wanted].reset_index(drop=True)


def minute_means(
    store: Store, start: datetime | None = None, end: datetime | None = None
) -> pd.DataFrame:
    """Return the mean flux in each minute with good samples between two times (UTC).

    The index contains the start time of each minute (UTC). The column ``xrsb`` is the mean 1-8
    angstrom flux in W/m2. ``satellite`` and ``product`` are the same for all samples in a minute.
    """
    means = []
    for samples in store.read(start, end):
        usable = samples[good(samples)].astype({"xrsb": float})
        by_minute = usable.groupby(usable["timestamp"].dt.floor("min"))
        means.append(by_minute.agg({"xrsb": "mean", "satellite": "first", "product": "first"}))
    if not means:
        return pd.DataFrame({"xrsb": [], "satellite": [], "product": []}, pd.DatetimeIndex([]))
    return pd.concat(means)


def find_flares(minutes: NDArray[np.datetime64], flux: NDArray[np.float64]) -> pd.DataFrame:
    """Find the flares in a time series with one value per minute.

    Parameters
    ----------
    minutes : numpy.ndarray of datetime64, shape (N,)
        Start time of each minute (UTC), in ascending order. Minutes without data can be omitted.
    flux : numpy.ndarray, shape (N,)
        Mean 1-8 angstrom flux in each minute, in W/m2.

    Returns
    -------
    pandas.DataFrame
        One row per flare, in chronological order. The columns ``start``, ``peak`` and ``end`` are
        UTC times. ``end`` is NaT if the data end before the end of the flare. ``class`` is the GOES
        class, and ``flux_W_m2`` is the peak flux.

    Raises
    ------
    ValueError
        If ``minutes`` and ``flux`` have different shapes.

    Examples
    --------
    >>> import astrodome_goes as goes
    >>> import numpy as np
    >>> minutes = np.arange("2020-01-01T00:00", "2020-01-01T00:08", dtype="datetime64[m]")
    >>> flux = np.array([1, 1, 2, 3, 5, 4, 3, 2]) * 1e-6
    >>> goes.find_flares(minutes, flux)["class"].to_list()
    ['C5.0']
    """
    if minutes.shape != flux.shape:
        raise ValueError(
            f"Expected minutes and flux with the same shape, got {minutes.shape} and {flux.shape}."
        )
    minutes = minutes.astype("datetime64[us]")
    indices = np.array(list(_find(minutes, flux)), int).reshape(-1, 3)
    start, peak, end = indices.T
    return pd.DataFrame(
        {
            "start": minutes[start],
            "peak": minutes[peak],
            "end": np.where(end < 0, np.datetime64("NaT", "us"), minutes[end]),
            "class": [flare_class(value) for value in flux[peak]],
            "flux_W_m2": flux[peak],
        }
    )


def _find(
    minutes: NDArray[np.datetime64], flux: NDArray[np.float64]
) -> Iterator[tuple[int, int, int]]:
    """Yield the start, peak and end index of each flare. If the end is unknown, its index is -1."""
    rising = np.diff(flux) > 0
    steep = rising[:-2] & rising[1:-1] & rising[2:] & (flux[3:] >= RISE * flux[:-3])
    starts = np.flatnonzero(steep & (minutes[3:] - minutes[:-3] == np.timedelta64(3, "m")))
    gaps = np.flatnonzero(np.diff(minutes) > LONGEST_GAP) + 1
    stops = np.append(gaps, len(flux))
    current: tuple[int, int, int] | None = None
    decay_end = 0
    for start in starts.tolist():
        if current and start < decay_end:
            first = current[0]
            if flux[start] >= flux[first:start].max():
                continue  # The current flare is still rising to its peak.
            current = (first, first + int(np.argmax(flux[first:start])), start)
        if current:
            yield current
        stop = int(stops[np.searchsorted(gaps, start, "right")])
        peak, end = _peak_and_end(flux[start:stop])
        current = (start, start + peak, start + end if end else -1)
        decay_end = start + end if end else stop
    if current:
        yield current


def _peak_and_end(flux: NDArray[np.float64]) -> tuple[int, int]:
    """Return the peak and end index of a flare that starts at index 0.

    The end index is 0 if the flux does not fall halfway to its value at the start.
    """
    length = 64
    while True:
        highest = np.maximum.accumulate(flux[:length])
        ended = flux[:length] <= (highest + flux[0]) / 2
        ended[:4] = False
        end = int(np.argmax(ended))  # argmax returns 0 if no element is True.
        if end or length >= len(flux):
            return int(np.argmax(flux[: end or length])), end
        length *= 4
