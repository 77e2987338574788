"""The store as sunpy sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
import pandas as pd
from sunpy.timeseries import TimeSeries

from .flux_store import Store
from .samples import NO_FLAGS, PRODUCTS

if TYPE_CHECKING:
    from sunpy.timeseries.sources.goes import XRSTimeSeries

FLUX = u.W / u.m**2
UNITS = {
    "xrsa": FLUX,
    "xrsb": FLUX,
    "xrsa_quality": u.dimensionless_unscaled,
    "xrsb_quality": u.dimensionless_unscaled,
}


def timeseries(
    store: Store, start: np.datetime64 | None = None, end: np.datetime64 | None = None
) -> XRSTimeSeries:
    """A sunpy XRSTimeSeries of the samples in start <= timestamp <= end (UTC, datetime64[us]).

    Columns and units are those of sunpy's own: ``xrsa`` and ``xrsb`` (W/m2) and their
    quality (0 good, NaN where the archive's file has no flags). Raises AstrodomeError when
    there are no data.
    """
    samples = store.window(start, end)
    columns: dict[str, Any] = {name: samples[name] for name in ("xrsa", "xrsb")}
    for name in ("xrsa_quality", "xrsb_quality"):
        columns[name] = np.where(samples[name] == NO_FLAGS, np.nan, samples[name])
    frame = pd.DataFrame(columns, index=pd.DatetimeIndex(samples["timestamp"]))
    satellites, counts = np.unique(samples["satellite"], return_counts=True)
    about = {
        "TELESCOP": f"GOES {satellites[np.argmax(counts)]:02d}",
        "INSTRUME": "XRS",
        "satellites": ", ".join(map(str, satellites)),
        "products": ", ".join(PRODUCTS[number] for number in np.unique(samples["product"])),
    }
    return TimeSeries(frame, about, dict(UNITS), source="XRS")
