"""Return the samples in a time range as a pandas DataFrame or a sunpy TimeSeries."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import astropy.units as u
import pandas as pd
from astrodome import AstrodomeError
from astrodome_solar.times import parse_range
from sunpy.timeseries import TimeSeries

from .flux_store import Store

if TYPE_CHECKING:
    from sunpy.timeseries.sources.goes import XRSTimeSeries

UNITS = {
    "xrsa": u.W / u.m**2,
    "xrsb": u.W / u.m**2,
    "xrsa_quality": u.dimensionless_unscaled,
    "xrsb_quality": u.dimensionless_unscaled,
}


def samples(store: str | os.PathLike[str], start: Any = None, end: Any = None) -> pd.DataFrame:
    """Return the samples in a time range.

    Parameters
    ----------
    store : Store, str or path-like
        The store, or its folder.
    start, end : str, datetime, numpy.datetime64, pandas.Timestamp or astropy Time, optional
        Start and end time (UTC), both inclusive. If ``end`` is a date string without a time, the
        whole day is included. By default, all samples are returned.

    Returns
    -------
    pandas.DataFrame
        One row per sample. The index ``timestamp`` contains UTC times. ``xrsa_W_m2`` is the
        0.5-4 angstrom flux, and ``xrsb_W_m2`` is the 1-8 angstrom flux. ``xrsa_quality`` and
        ``xrsb_quality`` are 0 if the value is good, and missing if the source file has no quality
        flags. ``satellite`` is the GOES number, or 0 if it is unknown. ``product`` is the name of
        the data product.

    Raises
    ------
    AstrodomeError
        If the store contains no samples in the time range, or if a time is invalid.

    Examples
    --------
    >>> import astrodome_goes as goes
    >>> day = goes.samples(store, "2011-06-07", "2011-06-07")
    >>> day["xrsb_W_m2"].astype(float).resample("6h").max().round(7).to_list()
    [3e-07, 2.56e-05, 3e-07, 2e-07]
    """
    table = _read(Store(store), *parse_range(start, end, optional=True))
    return table.rename(columns={"xrsa": "xrsa_W_m2", "xrsb": "xrsb_W_m2"}).set_index("timestamp")


def timeseries(store: str | os.PathLike[str], start: Any = None, end: Any = None) -> XRSTimeSeries:
    """Return the samples in a time range as a sunpy time series.

    Parameters
    ----------
    store : Store, str or path-like
        The store, or its folder.
    start, end : str, datetime, numpy.datetime64, pandas.Timestamp or astropy Time, optional
        Start and end time (UTC), both inclusive. If ``end`` is a date string without a time, the
        whole day is included. By default, all samples are returned.

    Returns
    -------
    sunpy.timeseries.sources.XRSTimeSeries
        Time series with the columns ``xrsa`` and ``xrsb`` (flux in W/m2), ``xrsa_quality`` and
        ``xrsb_quality``. The quality is 0 if the value is good, and NaN if the source file has no
        quality flags.

    Raises
    ------
    AstrodomeError
        If the store contains no samples in the time range, or if a time is invalid.

    Examples
    --------
    >>> import astrodome_goes as goes
    >>> day = goes.timeseries(store, "2011-06-07", "2011-06-07")
    >>> day.observatory, day.units["xrsb"]
    ('GOES-15', Unit("W / m2"))
    """
    table = _read(Store(store), *parse_range(start, end, optional=True))
    satellites = table["satellite"].value_counts()
    header = {
        "TELESCOP": f"GOES {satellites.index[0]:02d}",
        "INSTRUME": "XRS",
        "satellites": ", ".join(map(str, sorted(satellites.index))),
        "products": ", ".join(table["product"].cat.remove_unused_categories().cat.categories),
    }
    frame = table.set_index("timestamp")[list(UNITS)].astype(float)
    return TimeSeries(frame.rename_axis(None), header, dict(UNITS), source="XRS")


def _read(store: Store, start: Any, end: Any) -> pd.DataFrame:
    parts = list(store.read(start, end))
    if not parts:
        raise no_samples(store)
    return pd.concat(parts, ignore_index=True)


def no_samples(store: Store) -> AstrodomeError:
    """Return the error for a time range without samples."""
    return AstrodomeError(
        f"The GOES store {store.folder} contains no data in the requested time range.",
        "Use 'sdo goes info' to show the time range of the stored data.",
    )
