"""Read data sets from CSV, Parquet and HDF5 files, as a whole or in chunks of rows.

Each row in a data set describes a light curve: its features, labels, identifiers and ``dmdt``
image. How the image is stored depends on the file format.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from astrodome import AstrodomeError, InvalidInputError, errors
from numpy.typing import NDArray

from . import csv_format, dmdt_column, feature_provenance, hdf5_format, identifiers
from .identifiers import ValueOrigin

IN_MEMORY = Path("the table")
"""Placeholder path for data sets that were not read from a file, used in error messages."""


@dataclass(frozen=True, eq=False)
class DataSet:
    """A data set, with one row per light curve.

    Attributes
    ----------
    table : pandas.DataFrame
        All columns except ``dmdt``. The index is the zero-based row number in the file. Identifiers
        are nullable integers (Int64) or text. Integer columns with missing values are Int64.
    dmdt : numpy.ndarray or None
        Images with shape (N, 26, 26) and dtype float32, or None if the images were not requested or
        do not exist. If a row has no image, all its pixels are 0.
    path : pathlib.Path
        File from which the data set was read.
    """

    table: pd.DataFrame
    dmdt: NDArray[np.float32] | None
    path: Path = IN_MEMORY

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        images = "without images" if self.dmdt is None else "with images"
        return f"DataSet({len(self)} rows, {self.table.shape[1]} columns, {images})"

    def take(self, rows: NDArray[np.intp]) -> DataSet:
        """Return a data set that contains only the rows at the given positions."""
        images = None if self.dmdt is None else self.dmdt[rows]
        return DataSet(self.table.iloc[rows], images, self.path)


Block = tuple[pa.Table, NDArray[np.float32] | None]


def read_dataset(path: str | os.PathLike[str], columns: Sequence[str] | None = None) -> DataSet:
    """Read a data set from a file.

    Parameters
    ----------
    path : path-like
        CSV, TSV, Parquet or HDF5 file.
    columns : sequence of str, optional
        Columns to read, which may include ``dmdt``. By default, all columns are read.

    Returns
    -------
    DataSet

    Raises
    ------
    AstrodomeError
        If the file cannot be read, a column is missing, an identifier was stored as a float and
        lost digits, or an image does not have the shape (26, 26).

    Examples
    --------
    >>> import astrodome_ztf_scope as scope
    >>> data = scope.read_dataset("dataset.parquet", ["ztf_id", "variable", "dmdt"])
    >>> len(data), data.dmdt.shape[1:]
    (600, (26, 26))
    """
    file = Path(path).expanduser()
    with _readable(file):
        return _dataset(file, *_join(file, list(_blocks(file, columns))), 0)


def as_dataset(data: DataSet | pd.DataFrame | str | os.PathLike[str]) -> DataSet:
    """Convert a table to a data set, or read a data set from a file.

    If a table has a column ``dmdt``, its cells must be arrays with shape (26, 26) or None.
    """
    if isinstance(data, DataSet):
        return data
    if not isinstance(data, pd.DataFrame):
        return read_dataset(data)
    table = data.reset_index(drop=True)
    if "dmdt" not in table:
        return DataSet(table, None)
    images = dmdt_column.from_objects(table["dmdt"].tolist(), str(IN_MEMORY))
    return DataSet(table.drop(columns="dmdt"), images)


def read_batches(
    path: Path,
    columns: Sequence[str] | None = None,
    rows: int = 10_000,
    start: int = 0,
    lost: dict[str, str] | None = None,
) -> Iterator[DataSet]:
    """Read a file in chunks, and yield a data set with at most ``rows`` rows for each chunk.

    Reading begins at row ``start``. Memory usage depends on ``rows`` and not on the file size,
    except for SCoPe's HDF5 files, in which all images are pickled as a single object. Rows are read
    as in :func:`read_dataset`. If ``lost`` is given, identifiers that lost digits are converted to
    missing values, and a message for each affected column is added to ``lost``. Otherwise,
    AstrodomeError is raised.
    """
    with _readable(path):
        for table, images in _blocks(path, columns, rows, start, lost):
            for first in range(0, table.num_rows, rows):
                yield _dataset(path, *_cut(table, images, first, first + rows), start + first)
            start += table.num_rows


def read_tables(path: Path, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
    """Read columns of a file in chunks, and yield an Arrow table for each chunk.

    A chunk of a Parquet or HDF5 file has at most ``rows`` rows. Identifiers are integers or text.
    """
    with _readable(path):
        for table, _ in _blocks(path, columns, rows):
            yield table


def parquet_schema(path: Path) -> pa.Schema:
    """Return the schema of a Parquet file. Raises AstrodomeError if the file is damaged."""
    with _readable(path):
        return pq.read_schema(path)


def column_names(path: Path) -> list[str]:
    """Return the column names in a file, including ``dmdt`` if the file contains images."""
    with _readable(path):
        return _format(path)[0](path)


def is_parquet(path: Path) -> bool:
    """Return whether a path has a Parquet file extension."""
    return path.suffix.lower() in PARQUET


def is_table(path: Path) -> bool:
    """Return whether a path has a supported table file extension, optionally followed by .gz."""
    return _extension(path) in FORMATS


def _extension(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz")).suffix


def require_file(path: Path) -> None:
    """Raise AstrodomeError with exit code 2 if the path is not an existing file."""
    if path.is_dir():
        inside = sorted(f for f in path.iterdir() if f.suffix.lower() in FORMATS)
        raise InvalidInputError(
            f"{path} is a directory: expected a file ({', '.join(FORMATS)}).",
            f"The directory contains {inside[0].name}{' and other files' if inside[1:] else ''}."
            if inside
            else "",
        )
    if not path.is_file():
        raise errors.not_found(path, exit_code=2)


def require_columns(required: Iterable[str], names: Sequence[str], path: Path) -> None:
    """Raise AstrodomeError if a required column is missing in a file or occurs more than once."""
    for name in required:
        if name not in names:
            listed = f"{', '.join(map(str, names[:10]))}{', …' if len(names) > 10 else '.'}"
            raise AstrodomeError(
                f"{path} has no column '{name}'.",
                errors.similar(name, names, 0.7).strip() or f"Existing columns: {listed}",
            )
        if names.count(name) > 1:
            raise AstrodomeError(f"{path} has more than one column with the name '{name}'.")


def _blocks(
    path: Path,
    columns: Sequence[str] | None,
    rows: int = 20_000,
    start: int = 0,
    lost: dict[str, str] | None = None,
) -> Iterator[Block]:
    names_of, blocks_of = _format(path)
    names = names_of(path)
    selected = list(dict.fromkeys(names if columns is None else columns))
    require_columns(selected, names, path)
    yield from blocks_of(path, selected, rows, start, lost)


Lost = dict[str, str] | None


def _csv_blocks(
    path: Path, columns: list[str], rows: int, start: int, lost: Lost
) -> Iterator[Block]:
    for table, first in csv_format.blocks(path, columns, start, lost):
        yield _with_images(table, path, first)


def _parquet_names(path: Path) -> list[str]:
    return list(pq.read_schema(path).names)


def _parquet_blocks(
    path: Path, columns: list[str], rows: int, start: int, lost: Lost
) -> Iterator[Block]:
    # Limit the amount of data that Arrow reads ahead.
    with pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:
        sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        ends = np.cumsum(sizes)
        group = int(np.searchsorted(ends, start, side="right"))
        first = int(ends[group - 1]) if group else 0
        groups = range(group, len(sizes))
        for batch in file.iter_batches(rows, row_groups=groups, columns=columns):
            table = pa.Table.from_batches([batch]).select(columns)
            skip = min(max(start - first, 0), table.num_rows)
            first += table.num_rows
            if skip < table.num_rows:
                number = first - table.num_rows + skip
                part = identifiers.normalize(table.slice(skip), ValueOrigin(path, number, lost))
                yield _with_images(part, path, number)


def _hdf5_blocks(
    path: Path, columns: list[str], rows: int, start: int, lost: Lost
) -> Iterator[Block]:
    for table, images in hdf5_format.blocks(path, columns, rows, start):
        part = identifiers.normalize(table, ValueOrigin(path, start, lost))
        start += part.num_rows
        yield part, images


Names = Callable[[Path], list[str]]
Blocks = Callable[[Path, list[str], int, int, Lost], Iterator[Block]]
PARQUET = (".parquet", ".parq", ".pq")
FORMATS: dict[str, tuple[Names, Blocks]] = {
    ".csv": (csv_format.names, _csv_blocks),
    **dict.fromkeys(PARQUET, (_parquet_names, _parquet_blocks)),
    ".h5": (hdf5_format.names, _hdf5_blocks),
    ".hdf5": (hdf5_format.names, _hdf5_blocks),
    ".tsv": (csv_format.names, _csv_blocks),
}


def _format(path: Path) -> tuple[Names, Blocks]:
    extension = _extension(path)
    if path.is_dir():
        require_file(path)
    if extension not in FORMATS:
        raise AstrodomeError(
            f"Unsupported file extension in '{path}': expected one of {', '.join(FORMATS)}."
        )
    require_file(path)
    return FORMATS[extension]


DAMAGED_FILE_ERRORS = (RuntimeError, ValueError, LookupError, TypeError, AttributeError)
"""Exceptions that h5py raises for damaged files, in addition to OSError."""


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Raise AstrodomeError instead of the exceptions that libraries raise while a file is read."""
    try:
        yield
    except (pa.ArrowException, OSError, *DAMAGED_FILE_ERRORS) as error:
        reason = " ".join(str(error).split())[:200]
        raise AstrodomeError(f"{path} cannot be read: {reason}") from error


def _with_images(table: pa.Table, path: Path, first: int) -> Block:
    """Separate the column ``dmdt`` from a table, and return the other columns and the images."""
    if "dmdt" not in table.column_names:
        return table, None
    images = dmdt_column.from_arrow(table["dmdt"], str(path), first)
    return table.drop_columns("dmdt"), images


def _join(path: Path, blocks: list[Block]) -> Block:
    if not blocks:
        raise InvalidInputError(f"{path} has no rows.")
    if len(blocks) == 1:
        return blocks[0]
    schema = identifiers.unify_schemas([table.schema for table, _ in blocks])
    images = [images for _, images in blocks if images is not None]
    table = pa.concat_tables([table.cast(schema) for table, _ in blocks])
    return table, np.concatenate(images) if images else None


def _cut(table: pa.Table, images: NDArray[np.float32] | None, first: int, end: int) -> Block:
    return table.slice(first, end - first), None if images is None else images[first:end]


def _dataset(
    path: Path, table: pa.Table, images: NDArray[np.float32] | None, first: int
) -> DataSet:
    frame = identifiers.to_pandas(table)
    frame.index = pd.RangeIndex(first, first + len(frame))
    if about := feature_provenance.read(path) if is_parquet(path) else {}:
        frame.attrs[feature_provenance.KEY] = json.dumps(about)
    return DataSet(frame, images, path)
