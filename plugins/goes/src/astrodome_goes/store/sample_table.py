"""Samples as a pandas table: its columns, which samples are good, and how tables are merged."""

from __future__ import annotations

from typing import Any

import pandas as pd

from .products import PRODUCTS

DTYPES = {
    "timestamp": "datetime64[us]",  # UTC
    "xrsa": "float32",  # 0.5-4 angstrom, W/m2; NaN if missing
    "xrsb": "float32",  # 1-8 angstrom, W/m2; NaN if missing
    "xrsa_quality": "Int32",  # 0 good; missing if the file has no flags
    "xrsb_quality": "Int32",
    "satellite": "uint8",  # GOES number; 0 if unknown
    "product": pd.CategoricalDtype(PRODUCTS, ordered=True),
}


FILL_VALUE = 1.0
"""Absolute fluxes (W/m2) from this value on are fill values, for example -99999."""


def sample_table(**columns: Any) -> pd.DataFrame:
    """Return a table with the columns and dtypes of ``DTYPES``, from arrays and single values.

    Fill values in the fluxes become NaN.
    """
    table = pd.DataFrame(columns)[list(DTYPES)].astype(DTYPES)
    flux = table[["xrsa", "xrsb"]]
    table[["xrsa", "xrsb"]] = flux.where(flux.abs() < FILL_VALUE)
    return table


def good(samples: pd.DataFrame, channel: str = "xrsb") -> pd.Series:
    """Return which samples have a positive flux in this channel and no quality flag."""
    unflagged = samples[f"{channel}_quality"].fillna(0) == 0
    return (samples[channel] > 0) & unflagged.astype(bool)


def merge(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Return the samples of both tables to keep, sorted by time.

    In each minute, the samples of only one satellite and product are kept. The satellite is the
    highest-numbered one with a good sample in this minute, or, if no sample is good, the
    highest-numbered one. The product is its last one in the order of ``PRODUCTS``. Of two samples
    with the same time, the one in ``new`` is kept.
    """
    both = pd.concat([old, new], ignore_index=True).sort_values("timestamp", kind="stable")
    origin = both["satellite"].astype("int64") * len(PRODUCTS) + both["product"].cat.codes
    any_origin = 256 * len(PRODUCTS)  # larger than every origin
    rank = origin + any_origin * good(both)
    best = rank.groupby(both["timestamp"].dt.floor("min")).transform("max") % any_origin
    return both[origin == best].drop_duplicates("timestamp", keep="last", ignore_index=True)
