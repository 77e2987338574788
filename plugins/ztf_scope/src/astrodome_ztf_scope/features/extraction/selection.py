"""Select light curves in a catalogue by CCD quadrant, by identifier or by position."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from astrodome import InvalidInputError

from ...catalogues import epochs, positions
from ...catalogues.field_ids import FieldQuery
from ...tables import datasets, identifiers, table_io
from .inputs import CatalogueInput, NamedCatalogue, SkippedLightCurve

COLUMNS = ("filter", "field", "ccd", "quad")
"""Columns that are requested from the catalogue, besides the position."""


def in_quadrant(named: NamedCatalogue, query: FieldQuery, ccd: int, quad: int) -> CatalogueInput:
    """Select the light curves in a CCD quadrant of a ZTF field."""
    documents = named.catalogue.find(
        query.catalog,
        query.conditions(ccd, quad),
        (*COLUMNS, *positions.DOCUMENT_COLUMNS),
        skip=query.skip or 0,
        limit=query.limit if query.skip is not None else 0,
    )
    place = {"field": query.field, "ccd": ccd, "quad": quad}
    rows = [{**_row(document), **place} for document in documents]
    return CatalogueInput(named, _sorted(rows))


def by_identifier(
    named: NamedCatalogue, table: pd.DataFrame, origin: object = ""
) -> CatalogueInput:
    """Select light curves by their identifiers, which are in one of the columns ``epochs.IDS``.

    A column ``obj_id`` is added to the feature table. ``origin`` is the name of the table.
    """
    column = next((name for name in epochs.IDS if name in table), None)
    if column is None:
        raise InvalidInputError(
            f"The list of light curves has no column {' or '.join(epochs.IDS)}.",
            f"Existing columns: {', '.join(map(str, table.columns))}.",
        )
    known = table[table[column].notna()]
    wanted = dict(zip(known[column].tolist(), _names(known), strict=True))
    found = named.catalogue.find(
        "sources", {"_id": {"$in": list(wanted)}}, (*COLUMNS, *positions.DOCUMENT_COLUMNS)
    )
    rows = [{**_row(document), **wanted.get(document["_id"], {})} for document in found]
    missing = set(wanted) - {row["_id"] for row in rows}
    reason = f"not found in the catalogue {named.name}"
    skipped = [SkippedLightCurve(str(name), None, reason) for name in wanted if name in missing]
    return CatalogueInput(named, _sorted(rows), tuple(skipped), str(origin))


def by_position(
    named: NamedCatalogue, table: pd.DataFrame, radius: float, origin: object
) -> CatalogueInput:
    """Select the light curves within ``radius`` arcseconds of positions in degrees.

    A light curve that is near several positions belongs to the nearest one. A column ``obj_id`` is
    added to the feature table. ``origin`` is the name of the table.
    """
    places = positions.coordinates(table, origin)
    if places is None:
        raise InvalidInputError(
            f"{origin} has no columns ra and dec.",
            f"Existing columns: {', '.join(map(str, table.columns))}.",
        )
    known = np.flatnonzero(np.isfinite(places[0]) & np.isfinite(places[1]))
    ra, dec = (values[known] for values in places)
    found = named.catalogue.cone("sources", ra, dec, radius, COLUMNS)
    names = _names(table.iloc[known])
    rows: dict[Any, dict[str, Any]] = {}
    skipped = []
    for number, documents in enumerate(found):
        if not documents:
            name = names[number].get("obj_id") or f"({ra[number]:.5f}, {dec[number]:.5f})"
            reason = f"no light curve within {radius:g} arcsec in the catalogue {named.name}"
            skipped.append(SkippedLightCurve(str(name), None, reason))
        for document in documents:
            separation = document["separation"]
            nearest = rows.get(document["_id"])
            if nearest is None or separation < nearest["separation"]:
                rows[document["_id"]] = {
                    **_row(document), **names[number], "separation": separation
                }  # fmt: skip
    for row in rows.values():
        del row["separation"]
    return CatalogueInput(named, _sorted(rows.values()), tuple(skipped), str(origin))


def read_identifiers(path: Path) -> pd.DataFrame:
    """Read the identifiers of light curves from a file, which may be written by get-field-ids.

    A text or CSV file that contains one identifier per line does not need a header. An HDF5 file
    may contain one dataset with identifiers.
    """
    datasets.require_file(path)
    if path.suffix.lower() in (".txt", ".csv") and (ids := _plain_list(path)) is not None:
        return pd.DataFrame({"_id": ids})
    if path.suffix.lower() in (".h5", ".hdf5") and (ids := _hdf5_list(path)) is not None:
        return pd.DataFrame({"_id": ids})
    return table_io.read_table(path)


def _plain_list(path: Path) -> Any:
    """Return the identifiers in a file without a header, or None if the file has another format."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file) if row]
    if not rows or any(len(row) > 1 for row in rows) or rows[0][0].strip() in epochs.IDS:
        return None
    texts = [row[0].strip() for row in rows]
    return identifiers.from_records([{"_id": int(t) if t.isdigit() else t} for t in texts])["_id"]


def _hdf5_list(path: Path) -> Any:
    """Return the identifiers in a file with one dataset, or None if the file has another format."""
    import h5py

    try:
        with h5py.File(path) as file:
            names = [name for name in file if name.startswith("dataset_")]
            ids = [name for name in names if not name.endswith(("_ra", "_dec"))]
            if len(ids) != 1:
                return None
            found = file[ids[0]]
            return found.asstr()[:] if h5py.check_string_dtype(found.dtype) else found[:]
    except OSError:
        return None  # read_table reports the damaged file.


def _row(document: Mapping[str, Any]) -> dict[str, Any]:
    ra, dec = positions.of_document(document)
    row = {"_id": document["_id"], "ra": ra, "dec": dec}
    return row | {name: document.get(name) for name in COLUMNS}


def _names(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a dictionary with the key ``obj_id`` for each row, or an empty dictionary."""
    if "obj_id" not in table:
        return [{} for _ in range(len(table))]
    return [{"obj_id": identifiers.text(name)} for name in table["obj_id"]]


def _sorted(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    table = identifiers.from_records(rows)
    if table.empty:
        return pd.DataFrame({"_id": pd.Series(dtype="Int64")})
    return table.sort_values("_id", ignore_index=True)
