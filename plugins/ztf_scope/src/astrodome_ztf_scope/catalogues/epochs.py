"""Read the epochs in light-curve files and tables, and group them into light curves.

A *light curve* contains all epochs with the same identifier and the same filter. The layouts of the
input tables are described in :mod:`.column_layouts`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from astrodome import InvalidInputError, errors
from numpy.typing import NDArray

from ..tables import datasets, identifiers
from . import column_layouts
from .light_curves import BANDS, MJD

IDS = ("_id", "ztf_id", "objectid", "oid", "id")
"""Names of the identifier column, in order of precedence."""
SOURCE = {
    "filter": pa.int64(),
    "ra": pa.float64(),
    "dec": pa.float64(),
    "field": pa.int64(),
    "ccd": pa.int64(),
    "quad": pa.int64(),
}
"""Types of the columns that describe a light curve, besides the identifier."""
EPOCH = {
    "hjd": pa.float64(),
    "mag": pa.float64(),
    "magerr": pa.float64(),
    "catflags": pa.int64(),
}
"""Types of the columns that describe an epoch. Times are in days."""
REQUIRED = ("mag", "magerr")
ORDER = ("_id", "filter", *EPOCH)
"""Sort keys, which make the order of the epochs independent of the order in the input."""
ROWS, NESTED_ROWS = 200_000, 500
"""Number of rows that are read at once, with one row per epoch or one row per light curve."""


def light_curve_files(paths: Sequence[Path]) -> list[Path]:
    """Return the given files, and the files with tables in the given folders, sorted by name.

    Raises AstrodomeError if a path does not exist, or if a folder contains no tables.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            datasets.require_file(path)
            found.append(path)
            continue
        inside = sorted(file for file in path.rglob("*.*") if datasets.is_table(file))
        if not inside:
            raise errors.not_found(path, "Expected CSV or Parquet files.", kind="Light curves")
        found += inside
    return found


def read(path: Path) -> Iterator[pa.Table]:
    """Read a file in chunks, and yield tables with one row per epoch; see :func:`normalize`."""
    names = datasets.column_names(path)
    wanted = [name for name in names if name in _known_names()]
    _require(wanted, path, names)
    if datasets.is_parquet(path):
        nested = not column_layouts.has_row_per_epoch(datasets.parquet_schema(path))
    else:
        nested = False
    for table in datasets.read_tables(path, wanted, NESTED_ROWS if nested else ROWS):
        yield normalize(table, path)


def normalize(table: pa.Table, origin: Path | str) -> pa.Table:
    """Convert a table to one row per epoch, with standard column names and types.

    The columns are ``_id``, and the columns in :data:`SOURCE` and :data:`EPOCH`. Values of missing
    optional columns are null. A light curve without epochs has one row, in which the time and the
    magnitude are null. ``origin`` is the name of the table in error messages.

    Raises InvalidInputError if a required column is missing or contains invalid values.
    """
    if column_layouts.NESTED in table.column_names:
        table = column_layouts.flat(table)
    _require(table.column_names, origin, table.column_names)
    column_layouts.check_times(table, origin)
    table = _exploded(table, origin)
    key = next(name for name in IDS if name in table.column_names)
    known = column_layouts.columns(table.schema, key)
    names = ["_id", *(n for n in (*SOURCE, *EPOCH, "hmjd") if n in known)]
    found = ds.dataset(table).to_table({name: known[name].value for name in names})
    found = identifiers.normalize(found, identifiers.ValueOrigin(origin))
    columns = {"_id": _identifiers(found["_id"])}
    for name, kind in (SOURCE | EPOCH).items():
        if name == "hjd" and name not in found.column_names:
            columns[name] = pc.add(_cast(found["hmjd"], kind, "hmjd", origin), MJD)
        elif name not in found.column_names:
            columns[name] = pa.nulls(len(found), kind)
        elif name == "filter":
            columns[name] = _cast(_band_numbers(found[name], origin), kind, name, origin)
        else:
            columns[name] = _cast(found[name], kind, name, origin)
    return pa.table(columns)


def empty() -> pa.Table:
    """Return a table without epochs, in the format of :func:`normalize`."""
    return pa.schema({"_id": pa.int64(), **SOURCE, **EPOCH}).empty_table()


def group(epochs: pa.Table) -> pa.Table:
    """Group epochs into light curves, and return one row per light curve.

    Epochs are sorted by time, and light curves by identifier and filter. The columns in
    :data:`EPOCH` contain lists. The position is the mean position of the epochs, in degrees, and
    the other columns in :data:`SOURCE` contain the value of the first epoch.
    """
    epochs = epochs.sort_by([(name, "ascending") for name in ORDER]).combine_chunks()
    starts = _starts(epochs)
    first = epochs.take(pa.array(starts))
    columns: dict[str, Any] = {name: first[name] for name in ("_id", *SOURCE)}
    ra, dec = (epochs[name].to_numpy() for name in ("ra", "dec"))
    columns["ra"], columns["dec"] = _mean_positions(ra, dec, starts)
    offsets = pa.array([*starts.tolist(), len(epochs)], pa.int32())
    for name in EPOCH:
        values = epochs[name].combine_chunks()
        columns[name] = pa.ListArray.from_arrays(offsets, values)
    return pa.table(columns)


def _known_names() -> set[str]:
    aliases = {other for others in column_layouts.NAMES.values() for other in others}
    names = {*IDS, *SOURCE, *EPOCH, *column_layouts.TIMES, column_layouts.NESTED, "rcid"}
    return names | aliases


def _require(names: Sequence[str], origin: Path | str, existing: Sequence[str]) -> None:
    """Raise InvalidInputError if a required column is missing."""
    if column_layouts.NESTED in names:
        return  # The epochs are in a nested column, and are checked after it is flattened.
    aliases = {name: (name, *column_layouts.NAMES[name]) for name in REQUIRED}
    for choices in (IDS, ("hjd", "hmjd"), *aliases.values()):
        if not set(choices) & set(names):
            raise InvalidInputError(
                f"{origin} has no column {' or '.join(choices)}.",
                f"Existing columns: {', '.join(map(str, existing))}.",
            )


def _exploded(table: pa.Table, origin: Path | str) -> pa.Table:
    """Convert a table with lists of values to one row per value.

    If a list is empty or null, the result contains one row with null. Raises InvalidInputError if
    lists in the same row have different lengths.
    """
    lists = [
        field.name
        for field in table.schema
        if pa.types.is_nested(field.type) and not pa.types.is_struct(field.type)
    ]
    if not lists:
        return table
    lengths = [pc.fill_null(pc.list_value_length(table[name]), 0).to_numpy() for name in lists]
    for name, other in zip(lists, lengths, strict=True):
        if not np.array_equal(lengths[0], other):
            row = int(np.flatnonzero(lengths[0] != other)[0])
            raise InvalidInputError(
                f"{origin}: the lists in the columns '{lists[0]}' and '{name}' have different "
                f"lengths ({lengths[0][row]} and {other[row]}) in a light curve."
            )
    counts = np.maximum(lengths[0], 1)
    parents = pa.array(np.repeat(np.arange(len(table)), counts))
    empty = np.repeat(lengths[0] == 0, counts)
    index = pa.array(np.cumsum(~empty) - 1, mask=empty)
    columns = {}
    for field in table.schema:
        if field.name in lists:
            columns[field.name] = pc.list_flatten(table[field.name].combine_chunks()).take(index)
        else:
            columns[field.name] = table[field.name].take(parents)
    return pa.table(columns)


def _identifiers(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_integer(values.type):
        return values.cast(pa.int64())
    return values.cast(pa.large_string())


def _cast(values: Any, kind: pa.DataType, name: str, origin: Path | str) -> Any:
    try:
        return values.cast(kind)
    except pa.ArrowInvalid as error:
        raise InvalidInputError(
            f"{origin}: invalid value in column '{name}': {str(error).splitlines()[0]}."
        ) from error


def _band_numbers(values: pa.ChunkedArray, origin: Path | str) -> pa.ChunkedArray:
    """Convert filter names such as ``zg`` to the numbers 1 (g), 2 (r) and 3 (i)."""
    if not identifiers.is_text(values.type):
        return values
    found = {text: BANDS.get(text, text) for text in pc.unique(values).to_pylist()}
    for text, number in found.items():
        if text is not None and not str(number).isdigit():
            raise InvalidInputError(
                f"{origin}: invalid filter '{text}': expected 1, 2 or 3, or {', '.join(BANDS)}."
            )
    return pa.chunked_array([[found[text] and int(found[text]) for text in values.to_pylist()]])


def _starts(epochs: pa.Table) -> NDArray[np.int64]:
    """Return the index of the first epoch of each light curve in a sorted table."""
    changed = np.ones(len(epochs), bool)
    if len(epochs) > 1:
        filters = epochs["filter"].fill_null(-1)
        same = [
            pc.equal(values.slice(1), values.slice(0, len(values) - 1)).to_numpy()
            for values in (epochs["_id"], filters)
        ]
        changed[1:] = ~(same[0] & same[1])
    return np.flatnonzero(changed)


def _mean_positions(
    ra: NDArray[np.float64], dec: NDArray[np.float64], starts: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean position of each light curve in degrees, or NaN if there is none.

    The mean is correct near RA 0 and at the poles, and is rounded to 1e-9 degrees. A position that
    is the same for all epochs is returned unchanged.
    """
    if not len(starts):
        return ra, dec
    known = np.isfinite(ra) & np.isfinite(dec)
    a, d = np.radians(np.where(known, ra, 0.0)), np.radians(np.where(known, dec, 0.0))
    vectors = np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)
    x, y, z = (np.add.reduceat(np.where(known, vector, 0.0), starts) for vector in vectors)
    none = np.add.reduceat(known.astype(np.int64), starts) == 0
    mean_ra: NDArray[np.float64] = np.round(np.degrees(np.arctan2(y, x)) % 360, 9) % 360
    mean_dec = np.asarray(np.round(np.degrees(np.arctan2(z, np.hypot(x, y))), 9), np.float64)
    constant = np.ones(len(starts), bool)
    for values in (ra, dec):
        constant &= np.minimum.reduceat(values, starts) == np.maximum.reduceat(values, starts)
    mean_ra = np.where(constant, ra[starts], np.where(none, np.nan, mean_ra))
    mean_dec = np.where(constant, dec[starts], np.where(none, np.nan, mean_dec))
    return mean_ra, mean_dec
