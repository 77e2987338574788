"""Convert light curves from different layouts to tables with one row per epoch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from astrodome import AstrodomeError

from ..tables import identifiers

COLUMNS = ("id", "hjd", "mag", "magerr", "filter", "ra", "dec", "catflags", "programid", "expid")
ALIASES = {
    "id": ("_id", "ztf_id", "objectid", "oid"),
    "mag": ("magnitude",),
    "magerr": ("mag_err", "magnitude_error"),
    "filter": ("filterid", "fid", "filtercode"),
    "ra": ("objra",),
    "dec": ("objdec",),
    "expid": ("uexpid",),
}
"""Alternative column names in Kowalski documents and in ZTF public data releases."""
BANDS = {"zg": 1, "zr": 2, "zi": 3, "ztfg": 1, "ztfr": 2, "ztfi": 3, "g": 1, "r": 2, "i": 3}
MJD = 2_400_000.5
"""Difference between the Julian date and the modified Julian date, in days."""


def from_documents(documents: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return a table of the epochs in Kowalski documents.

    Each document contains a list of epochs in the key ``data``. If an epoch has a position, the
    position of the epoch takes precedence over the position of the document.
    """
    rows: list[dict[str, Any]] = []
    for document in documents:
        shared = {key: document.get(key) for key in ("filter", "ra", "dec")}
        shared["id"] = document["_id"]
        rows += [{**shared, **epoch} for epoch in document.get("data") or ()]
    return epoch_table(identifiers.from_records(rows))


def epoch_table(table: pd.DataFrame, origin: str = "The table of light curves") -> pd.DataFrame:
    """Convert light curves to a table with one row per epoch.

    Parameters
    ----------
    table : pandas.DataFrame
        Table with either one row per epoch, or one row per light curve with lists of values, as in
        the ZTF public data releases. The time column is ``hjd`` or ``hmjd``.
    origin : str
        File name to use in error messages.

    Returns
    -------
    pandas.DataFrame
        The available columns from :data:`COLUMNS`.

    Raises
    ------
    AstrodomeError
        If the column with the time, the magnitude or the identifier is missing.
    """
    if table.empty and not len(table.columns):
        return pd.DataFrame(columns=list(COLUMNS[:5]))
    table = table.rename(columns=_renamed(table.columns))
    lists = [name for name in table.columns if _is_list(table[name])]
    if lists:
        table = table.explode(lists, ignore_index=True)
    if "hjd" not in table and "hmjd" in table:
        table["hjd"] = table["hmjd"].astype(np.float64) + MJD
    missing = [name for name in ("id", "hjd", "mag") if name not in table]
    if missing:
        raise AstrodomeError(
            f"{origin} has no column {' or '.join(missing)}.",
            f"Existing columns: {', '.join(map(str, table.columns))}.",
        )
    epochs = table[[name for name in COLUMNS if name in table]].copy()
    for name in ("hjd", "mag", "magerr", "ra", "dec"):
        if name in epochs:
            epochs[name] = epochs[name].astype(np.float64)
    if "filter" in epochs and not pd.api.types.is_numeric_dtype(epochs["filter"]):
        epochs["filter"] = [BANDS.get(value, value) for value in epochs["filter"]]
    return epochs


def _renamed(columns: Iterable[str]) -> dict[str, str]:
    existing = set(columns)
    return {
        alias: name
        for name, aliases in ALIASES.items()
        if name not in existing
        for alias in aliases
        if alias in existing
    }


def _is_list(column: pd.Series) -> bool:
    first = column.dropna().head(1)
    return bool(len(first)) and isinstance(first.iloc[0], list | tuple | np.ndarray)
