"""Light curves as tables with a row an epoch, from the layouts in which they are kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from astrodome import AstrodomeError

from ..tables import identifiers

EPOCH = ("id", "hjd", "mag", "magerr", "filter", "ra", "dec", "catflags", "programid", "expid")
ALIASES = {
    "id": ("_id", "ztf_id", "objectid", "oid"),
    "mag": ("magnitude",),
    "magerr": ("mag_err", "magnitude_error"),
    "filter": ("filterid", "fid", "filtercode"),
    "ra": ("objra",),
    "dec": ("objdec",),
    "expid": ("uexpid",),
}
"""Other names of the columns: of Kowalski's documents and of ZTF's public releases."""
BANDS = {"zg": 1, "zr": 2, "zi": 3, "ztfg": 1, "ztfr": 2, "ztfi": 3, "g": 1, "r": 2, "i": 3}
MJD = 2_400_000.5
"""What a (heliocentric) Julian date exceeds the modified one by, in days."""


def from_documents(documents: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Epochs of documents as Kowalski has them: ``_id``, ``filter`` and ``data``, a list of epochs.

    An epoch's own position is taken before that of the document.
    """
    rows: list[dict[str, Any]] = []
    for document in documents:
        shared = {key: document.get(key) for key in ("filter", "ra", "dec")}
        shared["id"] = document["_id"]
        rows += [{**shared, **epoch} for epoch in document.get("data") or ()]
    return tidy(identifiers.frame(rows))


def tidy(table: pd.DataFrame, where: str = "The table of light curves") -> pd.DataFrame:
    """A table of light curves as epochs in the columns of :data:`EPOCH`, those that are known.

    Takes a row an epoch, or a row a light curve with lists (``hjd`` or ``hmjd``, ``mag``, …) as in
    ZTF's public releases. Raises AstrodomeError when time, magnitude or id are missing.
    """
    if table.empty and not len(table.columns):
        return pd.DataFrame(columns=list(EPOCH[:5]))
    table = table.rename(columns=_names(table.columns))
    lists = [name for name in table.columns if _is_list(table[name])]
    if lists:
        table = table.explode(lists, ignore_index=True)
    if "hjd" not in table and "hmjd" in table:
        table["hjd"] = table["hmjd"].astype(np.float64) + MJD
    missing = [name for name in ("id", "hjd", "mag") if name not in table]
    if missing:
        raise AstrodomeError(
            f"{where} has no column {', '.join(missing)}.",
            f"Existing columns: {', '.join(map(str, table.columns))}.",
        )
    found = table[[name for name in EPOCH if name in table]].copy()
    for name in ("hjd", "mag", "magerr", "ra", "dec"):
        if name in found:
            found[name] = found[name].astype(np.float64)
    if "filter" in found and not pd.api.types.is_numeric_dtype(found["filter"]):
        found["filter"] = [BANDS.get(value, value) for value in found["filter"]]
    return found


def _names(columns: Iterable[str]) -> dict[str, str]:
    there = set(columns)
    return {
        alias: name
        for name, aliases in ALIASES.items()
        if name not in there
        for alias in aliases
        if alias in there
    }


def _is_list(column: pd.Series) -> bool:
    first = column.dropna().head(1)
    return bool(len(first)) and isinstance(first.iloc[0], list | tuple | np.ndarray)
