"""Tables of sources in CSV, Parquet and HDF5 files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from astrodome import AstrodomeError, files, spreadsheets

from .dataset import reading

ENDINGS = {"csv": ".csv", "parquet": ".parquet", "parq": ".parquet", "h5": ".h5", "hdf5": ".h5"}


def read(path: Path) -> pd.DataFrame:
    """A table of sources, all columns but images; ``obj_id`` as text.

    Raises AstrodomeError when it cannot be read or has no rows.
    """
    if not path.is_file():
        raise AstrodomeError(f"There is no file {path}.", exit_code=2)
    names = [name for name in reading.columns_of(path) if name != "dmdt"]
    table = reading.read(path, names).table
    if path.suffix.lower() == ".csv":
        table = spreadsheets.original_table(table)
    if table.empty:
        raise AstrodomeError(f"{path} has no rows.")
    if "obj_id" in table:
        table["obj_id"] = [_text(value) for value in table["obj_id"]]
    return table


def write(path: Path, table: pd.DataFrame, about: Mapping[str, Any] | None = None) -> Path:
    """Write a table in the format that the name says; the file appears whole or not at all.

    ``about`` goes into the metadata of Parquet.
    """
    if path.suffix == ".parquet":
        import pyarrow as pa

        files.write_parquet(path, pa.Table.from_pandas(table, preserve_index=False), about)
    elif path.suffix == ".csv":
        with files.replacing(path) as part:
            spreadsheets.neutral_table(table).to_csv(part, index=False)
    else:
        with files.replacing(path) as part:
            _write_hdf5(part, table)
    return path


def ending(name: str) -> str:
    """The ending of a format: ``csv``, ``parquet`` or ``h5``, in the spellings of SCoPe."""
    found = ENDINGS.get(name.lower().lstrip("."))
    if found is None:
        raise AstrodomeError(f"'{name}' is no format: csv, parquet or h5.", exit_code=2)
    return found


def _write_hdf5(part: Path, table: pd.DataFrame) -> None:
    try:
        import tables  # noqa: F401
    except ImportError as error:
        raise AstrodomeError(
            "HDF5 files are written with PyTables.",
            "pip install 'astrodome-ztf-scope[hdf5]', or ask for parquet.",
        ) from error
    part.unlink()
    text = table.select_dtypes(["object", "string"])  # which has to be of one kind there
    plain = {name: ["" if _none(x) else str(x) for x in text[name]] for name in text}
    table.assign(**plain).to_hdf(part, key="df", mode="w", format="table")


def _text(value: Any) -> str:
    """An id as text, also when it was read as a number."""
    if _none(value):
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _none(value: Any) -> bool:
    return value is None or value is pd.NA or bool(value != value)
