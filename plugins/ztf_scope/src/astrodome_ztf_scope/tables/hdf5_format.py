"""Read HDF5 files that SCoPe wrote with pandas, without executing code from pickles.

The keys in a file are ``df`` (in the pandas format "fixed" or "table"), ``coordinates`` and
``dmdt``. pandas stores text and images as pickles.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from astrodome import AstrodomeError
from numpy.typing import NDArray

from . import dmdt_column, identifiers, safe_pickle
from .identifiers import ValueOrigin

TYPES = "astrodome_types"
"""Attribute of the group ``df`` that contains, as JSON, the types that HDF5 does not support."""


@dataclass
class StoredColumn:
    """The location of a column in an HDF5 file.

    ``data`` is the HDF5 dataset that contains the column. ``field`` is the name of the field in the
    pandas format "table", or an empty string in the pandas format "fixed". ``position`` is the
    index of the column in the field or block. ``items`` contains the rows of a pickled block of
    columns, or is None for other blocks.
    """

    data: h5py.Dataset
    field: str
    position: int
    items: list[Any] | None = None

    def values(self, first: int, end: int) -> Any:
        if self.items is not None:
            rows = self.items[first:end]
            return [row[self.position] if isinstance(row, list) else row for row in rows]
        block = self.data.fields(self.field)[first:end] if self.field else self.data[first:end]
        column = block[:, self.position] if block.ndim == 2 else block
        return _text(column) if column.dtype.kind == "S" else column


def names(path: Path) -> list[str]:
    """Return the column names in ``df``, followed by ``dmdt`` if the file contains images."""
    with h5py.File(path) as file:
        return [*_columns(file, path), *(["dmdt"] if "dmdt" in file else [])]


def blocks(
    path: Path, names: list[str], rows: int, start: int
) -> Iterator[tuple[pa.Table, NDArray[np.float32] | None]]:
    """Yield the columns and dmdt images in chunks of ``rows`` rows, beginning at row ``start``."""
    with h5py.File(path) as file:
        columns = _columns(file, path, set(names))
        images = _images(file, path) if "dmdt" in names else None
        total = _length(file, path)
        types = _types(file)
        if images is not None and len(images) != total:
            raise AstrodomeError(
                f"{path} has {total} rows, but {len(images)} dmdt images: expected one image per "
                "row."
            )
        for first in range(start, total, rows):
            end = min(first + rows, total)
            table = {name: columns[name].values(first, end) for name in names if name != "dmdt"}
            frame = pd.DataFrame(table, index=range(end - first))
            yield (
                _typed(pa.Table.from_pandas(frame, preserve_index=False), types, path, first),
                None if images is None else images[first:end],
            )


def _types(file: h5py.File) -> dict[str, str] | None:
    """Return the pandas types keyed by column name, or None if another program wrote the file."""
    stored = file["df"].attrs.get(TYPES)
    return None if stored is None else dict(json.loads(stored))


def _typed(table: pa.Table, types: dict[str, str] | None, path: Path, first: int) -> pa.Table:
    """Return a table in which integers that were stored as text or floats are restored."""
    for number, field in enumerate(table.schema):
        values = table[field.name]
        if types and types.get(field.name) == "Int64":
            if identifiers.is_text(field.type):
                values = identifiers.from_text(values, field.name, ValueOrigin(path, first))
            values = values.cast(pa.int64())
        elif types is None and _is_text_identifier(field):  # pandas writes missing text as "nan".
            values = pc.if_else(pc.equal(values, "nan"), pa.scalar(None, field.type), values)
        table = table.set_column(number, field.name, values)
    return table


def _is_text_identifier(field: pa.Field) -> bool:
    return identifiers.is_identifier(field.name) and identifiers.is_text(field.type)


def _group(file: h5py.File, path: Path) -> h5py.Group:
    if not isinstance(file.get("df"), h5py.Group):
        raise AstrodomeError(
            f"{path} is not a SCoPe data set: the key 'df' is missing.",
            "Write the table with pandas under the key 'df', or write it to a Parquet file.",
        )
    return file["df"]


def _length(file: h5py.File, path: Path) -> int:
    group = _group(file, path)
    rows = group["table"] if "table" in group else group["axis1"]
    return 0 if "value_type" in rows.attrs else len(rows)  # pandas marks empty arrays.


def _columns(file: h5py.File, path: Path, names: set[str] | None = None) -> dict[str, StoredColumn]:
    """Return the location of each column, keyed by column name.

    A pickled block is read only if it contains at least one of the columns in ``names``.
    """
    group = _group(file, path)
    if "table" in group:
        return _of_table(group, path)
    columns: dict[str, StoredColumn] = {}
    for block in range(int(group.attrs["nblocks"])):
        data = group[f"block{block}_values"]
        found = _text(group[f"block{block}_items"][:])
        needed = names and not names.isdisjoint(found) and _is_pickled(data)
        items = _unpickled(data, path) if needed else None
        columns |= {name: StoredColumn(data, "", i, items) for i, name in enumerate(found)}
    order = _text(group["axis0"][:])
    return {name: columns[name] for name in order}


def _of_table(group: h5py.Group, path: Path) -> dict[str, StoredColumn]:
    data = group["table"]
    columns = {}
    for field in data.dtype.names:
        kind = data.attrs.get(f"{field}_kind")
        if field == "index" or kind is None:
            continue
        for position, name in enumerate(_load(bytes(kind), path)):
            columns[str(name)] = StoredColumn(data, field, position)
    [(_, order)] = _load(bytes(group.attrs["non_index_axes"]), path)
    return {str(name): columns[str(name)] for name in order}


def _images(file: h5py.File, path: Path) -> NDArray[np.float32]:
    """Return all dmdt images, which are stored as a single pickle or as a single array."""
    stored = file["dmdt"]
    data = stored if isinstance(stored, h5py.Dataset) else stored["values"]
    if not _is_pickled(data):
        if data.shape[1:] not in (dmdt_column.SHAPE, (*dmdt_column.SHAPE, 1)):
            raise AstrodomeError(
                f"{path}: the dmdt images have {' x '.join(map(str, data.shape[1:]))} pixels: "
                "expected 26 x 26 pixels."
            )
        images: NDArray[np.float32] = data[:].astype(np.float32).reshape(-1, *dmdt_column.SHAPE)
        return np.nan_to_num(images)
    return dmdt_column.from_objects(_unpickled(data, path), str(path))


def _is_pickled(data: h5py.Dataset) -> bool:
    return "PSEUDOATOM" in data.attrs


def _unpickled(data: h5py.Dataset, path: Path) -> list[Any]:
    return list(_load(data[0].tobytes(), path)) if len(data) else []


def _load(data: bytes, path: Path) -> Any:
    try:
        return safe_pickle.load(data)
    except pickle.UnpicklingError as error:
        raise AstrodomeError(
            f"{path} contains a pickle that cannot be loaded safely: {error}.",
            "If you trust the origin of the file, convert it to Parquet: "
            "pandas.read_hdf(…).to_parquet(…).",
        ) from None


def _text(values: NDArray[np.bytes_]) -> list[str]:
    return [value.decode() for value in values]
