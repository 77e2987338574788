"""Read and write source tables in CSV, Parquet and HDF5 files."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from astrodome import AstrodomeError, InvalidInputError, files, spreadsheets

from . import datasets, feature_provenance, hdf5_format, identifiers

EXTENSIONS = {
    "csv": ".csv",
    "parquet": ".parquet",
    "parq": ".parquet",
    "pq": ".parquet",
    "h5": ".h5",
    "hdf5": ".h5",
}
"""Mapping from format names, including those in SCoPe, to file extensions."""


def read_table(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a table of sources.

    Parameters
    ----------
    path : path-like
        CSV, TSV, Parquet or HDF5 file, with the file extension of its format. CSV and TSV files
        may be compressed (``.csv.gz``).

    Returns
    -------
    pandas.DataFrame
        All columns except ``dmdt``. Identifiers keep all digits: ``obj_id`` is text, and other
        identifiers are ``Int64`` or text.

    Raises
    ------
    AstrodomeError
        If the file does not exist, is damaged or has no rows.

    Examples
    --------
    >>> import astrodome_ztf_scope as scope
    >>> import pandas as pd
    >>> file = scope.write_table("sources.csv", pd.DataFrame({"obj_id": ["ZTF1"], "ra": [10.5]}))
    >>> scope.read_table(file)
      obj_id    ra
    0   ZTF1  10.5
    """
    file = Path(path).expanduser()
    datasets.require_file(file)
    names = [name for name in datasets.column_names(file) if name != "dmdt"]
    table = datasets.read_dataset(file, names).table
    if file.suffix.lower() == ".csv":
        table = spreadsheets.original_table(table)
    if table.empty:
        raise InvalidInputError(f"{file} has no rows.")
    if "obj_id" in table:
        table["obj_id"] = identifiers.texts(table["obj_id"])
    return table


def write_table(
    path: str | os.PathLike[str], table: pd.DataFrame, metadata: Mapping[str, Any] | None = None
) -> Path:
    """Write a table of sources in the format specified by the file extension.

    An existing file is replaced atomically. Identifiers keep all digits in every format.

    Parameters
    ----------
    path : path-like
        File to write: ``.csv``, ``.parquet``, ``.parq``, ``.pq``, ``.h5`` or ``.hdf5``. HDF5
        requires PyTables.
    table : pandas.DataFrame
        Table to write. Its index is not written.
    metadata : mapping, optional
        Provenance to store in the metadata of a Parquet file. Ignored for other formats.

    Returns
    -------
    pathlib.Path
        Path of the written file.

    Raises
    ------
    AstrodomeError
        If an identifier is a float that is not an exact integer, or if a required library is not
        installed.

    Examples
    --------
    >>> import astrodome_ztf_scope as scope
    >>> import pandas as pd
    >>> scope.write_table("sources.parquet", pd.DataFrame({"obj_id": ["ZTF1"]})).name
    'sources.parquet'
    """
    file = Path(path).expanduser()
    table = identifiers.exact(table, identifiers.ValueOrigin(file))
    if datasets.is_parquet(file):
        import pyarrow as pa

        converted = pa.Table.from_pandas(table, preserve_index=False)
        if about := feature_provenance.read(table):
            known = {**(converted.schema.metadata or {}), **feature_provenance.metadata(about)}
            converted = converted.replace_schema_metadata(known)
        files.write_parquet(file, converted, metadata)
    elif file.suffix == ".csv":
        with files.replacing(file) as part:
            write_csv(part, table)
    else:
        require_writer(file.suffix)
        with files.replacing(file) as part:
            _write_hdf5(part, table)
    return file


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a CSV file that :func:`read_table` reads back without changes.

    Text is quoted if it would otherwise be read as a missing identifier or as a comment.
    """
    quoted = any(
        isinstance(value, str) and (value in identifiers.NOT_A_VALUE or value.startswith("#"))
        for name in table
        if identifiers.is_identifier(name)
        for value in table[name]
    )
    quoting = csv.QUOTE_NONNUMERIC if quoted else csv.QUOTE_MINIMAL
    neutral = spreadsheets.neutral_table(table)
    neutral.to_csv(path, index=False, quoting=quoting, lineterminator="\n")


def file_extension(name: str, extensions: Mapping[str, str] = EXTENSIONS) -> str:
    """Return the file extension for a format, given as a format name or a file extension.

    Raises AstrodomeError if ``extensions`` does not contain the name.
    """
    found = extensions.get(name.lower().lstrip("."))
    if found is None:
        raise InvalidInputError(
            f"Unsupported format '{name}': expected one of {', '.join(extensions)}."
        )
    return found


def writable_extension(name: str) -> str:
    """Return the file extension for an output format: ``.csv``, ``.parquet`` or ``.h5``.

    Raises AstrodomeError if the format is not supported, or if a required library is not installed.
    """
    found = file_extension(name)
    require_writer(found)
    return found


def require_writer(extension: str) -> None:
    """Raise AstrodomeError if the library for writing this file type is not installed."""
    if extension in (".h5", ".hdf5"):
        try:
            import tables  # noqa: F401
        except ImportError as error:
            raise AstrodomeError(
                "Writing HDF5 files requires PyTables.",
                "Run: pip install 'astrodome-ztf-scope[hdf5]', or choose another format, for "
                "example parquet.",
            ) from error


def _write_hdf5(part: Path, table: pd.DataFrame) -> None:
    """Write a table with pandas, under the key ``df``.

    If HDF5 does not support the type of a column, the type is stored in an attribute. Identifier
    columns with missing values are converted to text, so that other programs can read all digits.
    Other integer columns with missing values are converted to floats if all values can be
    represented exactly. Missing values are then NaN.
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
    text = columns.select_dtypes(["object", "string"])  # HDF5 columns have a single type.
    words = {name: identifiers.texts(text[name]) for name in text}
    # The pandas format "table" does not support tables without rows.
    layout: Literal["fixed", "table"] = "fixed" if table.empty else "table"
    with pd.HDFStore(part, mode="w") as store:
        store.put("df", columns.assign(**words), format=layout, nan_rep="", track_times=False)
        attributes = store.get_storer("df").attrs
        setattr(attributes, hdf5_format.TYPES, json.dumps(types))


def _integers(column: pd.Series, identifier: bool) -> Any:
    if not column.hasnans:
        return column.to_numpy(column.dtype.numpy_dtype)
    if not identifier and column.abs().max() <= identifiers.EXACT_FLOAT64:
        return column.to_numpy(np.float64, na_value=np.nan)
    return pd.Series(identifiers.texts(column), index=column.index, dtype=object)
