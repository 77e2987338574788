"""Create, filter and merge tables of samples."""

from __future__ import annotations

from typing import Any

import pandas as pd

from .products import PRODUCTS

DTYPES = {
    "timestamp": "datetime64[us]",  # UTC
    "xrsa": "float32",  # 0.5-4 angstrom, W/m2; NaN if missing
    "xrsb": "float32",  # 1-8 angstrom, W/m2; NaN if missing
    "xrsa_quality": "Int32",  # 0 if the sample is good; missing if the file has no quality flags
    "xrsb_quality": "Int32",
    "satellite": "uint8",  # GOES number; 0 if unknown
    "product": pd.CategoricalDtype(PRODUCTS, ordered=True),
}


FILL_VALUE = 1.0
"""Minimum absolute value of fill values in W/m2. Fill values are, for example, -99999."""


def sample_table(**columns: Any) -> pd.DataFrame:
    """Return a table with the columns and dtypes in ``DTYPES``.

    Each argument is an array, or a scalar that is used in all rows. Fill values in the fluxes are
    replaced by NaN.
    """
    table = pd.DataFrame(columns)[list(DTYPES)]
    flux = table[["xrsa", "xrsb"]]
    table[["xrsa", "xrsb"]] = flux.where(flux.abs() < FILL_VALUE)
    return table.astype(DTYPES)  # Fill values can be too large for float32.


def good(samples: pd.DataFrame, channel: str = "xrsb") -> pd.Series:
    """Return a boolean Series that is True for good samples of a channel."""
    unflagged = samples[f"{channel}_quality"].fillna(0) == 0
    return (samples[channel] > 0) & unflagged.astype(bool)


def merge(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Merge two tables, and return the result sorted by time.

    For each minute, only samples from one satellite and one product are kept. The
    highest-numbered satellite with a good sample in the minute is selected. If the minute
    contains no good sample, the highest-numbered satellite is selected. If the satellite has
    several products, the last one in the order of ``PRODUCTS`` is selected. If two samples have
    the same time, the sample in ``new`` replaces the sample in ``old``.
    """
    both = pd.concat([old, new], ignore_index=True).sort_values("timestamp", kind="stable")
    origin = both["satellite"].astype("int64") * len(PRODUCTS) + both["product"].cat.codes
    any_origin = 256 * len(PRODUCTS)  # larger than all values of origin
    rank = origin + any_origin * good(both)
    best = rank.groupby(both["timestamp"].dt.floor("min")).transform("max") % any_origin
    return both[origin == best].drop_duplicates("timestamp", keep="last", ignore_index=True)
