"""Tables of sources in CSV, Parquet and HDF5 files."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from astrodome import AstrodomeError, files, spreadsheets

from . import datasets, hdf5_format, identifiers

ENDINGS = {
    "csv": ".csv",
    "parquet": ".parquet",
    "parq": ".parquet",
    "pq": ".parquet",
    "h5": ".h5",
    "hdf5": ".h5",
}
EXACT = 2**53
"""The largest integer up to which a float64 represents every integer exactly."""


def read(path: Path) -> pd.DataFrame:
    """A table of sources, all columns but images; ``obj_id`` as text.

    Raises AstrodomeError when it cannot be read or has no rows.
    """
    datasets.require_file(path)
    names = [name for name in datasets.columns_of(path) if name != "dmdt"]
    table = datasets.read(path, names).table
    if path.suffix.lower() == ".csv":
        table = spreadsheets.original_table(table)
    if table.empty:
        raise AstrodomeError(f"{path} has no rows.")
    if "obj_id" in table:
        table["obj_id"] = identifiers.texts(table["obj_id"])
    return table


def write(path: Path, table: pd.DataFrame, about: Mapping[str, Any] | None = None) -> Path:
    """Write a table in the format of the file extension; the file is replaced atomically.

    ``about`` is stored in the metadata of Parquet files. Identifiers keep all digits in every
    format.
    """
    table = identifiers.exact(table, identifiers.ValueOrigin(path))
    if datasets.is_parquet(path):
        import pyarrow as pa

        files.write_parquet(path, pa.Table.from_pandas(table, preserve_index=False), about)
    elif path.suffix == ".csv":
        with files.replacing(path) as part:
            write_csv(part, table)
    else:
        require_writer(path.suffix)
        with files.replacing(path) as part:
            _write_hdf5(part, table)
    return path


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a CSV file that :func:`read` reads back exactly.

    Text is quoted if it would otherwise be read as a missing identifier or as a comment.
    """
    quoted = any(
        isinstance(value, str) and (value in identifiers.NOT_A_VALUE or value.startswith("#"))
        for name in table
        if identifiers.is_identifier(name)
        for value in table[name]
    )
    how = csv.QUOTE_NONNUMERIC if quoted else csv.QUOTE_MINIMAL
    neutral = spreadsheets.neutral_table(table)
    neutral.to_csv(path, index=False, quoting=how, lineterminator="\n")


def ending(name: str) -> str:
    """Return the file extension of an output format: csv, parquet or h5.

    The names of SCoPe for these formats are accepted, too. Raises AstrodomeError for any other
    format, and if the library that writes the format is missing.
    """
    found = ENDINGS.get(name.lower().lstrip("."))
    if found is None:
        raise AstrodomeError(f"'{name}' is no format: csv, parquet or h5.", exit_code=2)
    require_writer(found)
    return found


def require_writer(ending: str) -> None:
    """Raise AstrodomeError if the library that writes files with this extension is missing."""
    if ending in (".h5", ".hdf5"):
        try:
            import tables  # noqa: F401
        except ImportError as error:
            raise AstrodomeError(
                "Writing HDF5 files requires PyTables.",
                "pip install 'astrodome-ztf-scope[hdf5]', or choose the format parquet.",
            ) from error


def _write_hdf5(part: Path, table: pd.DataFrame) -> None:
    """Write the table ``df`` as pandas does, with the types that HDF5 does not support beside it.

    Identifiers with missing values become text, so that other readers keep all digits. Other
    integers with missing values become floats with NaN, if all of them are exact.
    """
    part.unlink()
    types: dict[str, str] = {}
    plain: dict[str, Any] = {}
    for name in table:
        column = table[name]
        if pd.api.types.is_integer_dtype(column) and not isinstance(column.dtype, np.dtype):
            plain[name] = _integers(column, identifiers.is_identifier(name))
            types[str(name)] = "Int64"
    columns = table.assign(**plain)
    text = columns.select_dtypes(["object", "string"])  # The kind must be uniform in HDF5.
    words = {name: identifiers.texts(text[name]) for name in text}
    layout: Literal["fixed", "table"] = "fixed" if table.empty else "table"
    with pd.HDFStore(part, mode="w") as store:  # The layout "table" writes nothing without rows.
        store.put("df", columns.assign(**words), format=layout, nan_rep="", track_times=False)
        attributes = store.get_storer("df").attrs
        setattr(attributes, hdf5_format.TYPES, json.dumps(types))


def _integers(column: pd.Series, identifier: bool) -> Any:
    if not column.hasnans:
        return column.to_numpy(column.dtype.numpy_dtype)
    if not identifier and column.abs().max() <= EXACT:
        return column.to_numpy(np.float64, na_value=np.nan)
    return pd.Series(identifiers.texts(column), index=column.index, dtype=object)
