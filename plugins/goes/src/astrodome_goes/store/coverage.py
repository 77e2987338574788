"""Summarize the data in the store: time range, satellites and gaps."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pandas as pd
from astrodome_solar.times import parse_range

from .flux_store import Store
from .sample_table import good

GAP = {"start": "datetime64[us]", "end": "datetime64[us]", "minutes": float}
"""Columns and dtypes of the table of gaps."""
MIN_GAP = 10.0
"""Default minimum duration of a gap, in minutes."""


def coverage(
    store: str | os.PathLike[str], start: Any = None, end: Any = None, min_gap: float = MIN_GAP
) -> dict[str, Any]:
    """Return a summary of the data in the store: time range, satellites and gaps.

    Parameters
    ----------
    store : Store, str or path-like
        The store, or its folder.
    start, end : str, datetime, numpy.datetime64, pandas.Timestamp or astropy Time, optional
        Start and end time (UTC), both inclusive. If ``end`` is a date string without a time, the
        whole day is included. By default, all samples are included.
    min_gap : float
        Gaps between good samples are reported if they are longer than this duration, in minutes.
        A gap between ``start`` and the first good sample, or between the last good sample and
        ``end``, is also reported.

    Returns
    -------
    dict
        Dictionary with these keys:

        - ``store``: folder of the store
        - ``megabytes``: size of the store in MB
        - ``months``: number of months in the store
        - ``first``, ``last``: times of the first and last sample, or None if there are no samples
        - ``samples``, ``good``: number of samples, and number of good samples
        - ``satellites``: DataFrame with one row for each combination of satellite and product
        - ``gaps``: DataFrame with the columns ``start``, ``end`` and ``minutes``

    Raises
    ------
    AstrodomeError
        If the store is empty, or if a time is invalid.

    Examples
    --------
    >>> import astrodome_goes as goes
    >>> goes.coverage(store)["satellites"][["satellite", "product", "samples"]]
       satellite product  samples
    0         15    fits    42177
    """
    store = Store(store)
    first, last = parse_range(start, end, optional=True)
    paths = store.require_data().values()
    parts: list[pd.DataFrame] = []
    gaps: list[dict[str, Any]] = []
    latest = np.array([first] if first else [], "M8[us]")
    for samples in store.read(first, last):
        usable = good(samples)
        parts.append(_by_origin(samples.assign(good=usable)))
        times = np.r_[latest, samples["timestamp"][usable]]
        gaps += _gaps(times, min_gap)
        latest = times[-1:]
    if last:
        gaps += _gaps(np.r_[latest, np.datetime64(last, "us")], min_gap)
    satellites = _total(parts)
    return {
        "store": str(store.folder),
        "megabytes": sum(path.stat().st_size for path in paths) / 1e6,
        "months": len(paths),
        "first": satellites["first"].min() if parts else None,
        "last": satellites["last"].max() if parts else None,
        "samples": int(satellites["samples"].sum()),
        "good": int(satellites["good"].sum()),
        "satellites": satellites,
        "gaps": pd.DataFrame(gaps, columns=list(GAP)).astype(GAP),
    }


def _by_origin(samples: pd.DataFrame) -> pd.DataFrame:
    days = samples.assign(day=samples["timestamp"].dt.floor("D"))
    return days.groupby(["satellite", "product"], observed=True, as_index=False).agg(
        first=("timestamp", "min"),
        last=("timestamp", "max"),
        days=("day", "nunique"),
        samples=("good", "size"),
        good=("good", "sum"),
    )


def _total(parts: list[pd.DataFrame]) -> pd.DataFrame:
    functions = {"first": "min", "last": "max", "days": "sum", "samples": "sum", "good": "sum"}
    if not parts:
        return pd.DataFrame(columns=["satellite", "product", *functions])
    by_origin = pd.concat(parts).groupby(["satellite", "product"], observed=True, as_index=False)
    total = by_origin.agg(functions)
    return total.assign(satellite=total["satellite"].astype("Int64").replace(0, pd.NA))


def _gaps(times: np.ndarray, min_gap: float) -> list[dict[str, Any]]:
    minutes = np.diff(times) / np.timedelta64(1, "m")
    return [
        {"start": times[i].item(), "end": times[i + 1].item(), "minutes": round(minutes[i], 2)}
        for i in np.flatnonzero(minutes > min_gap)
    ]
