"""Data sets from CSV, Parquet and HDF5 files, whole or streamed with bounded memory.

A row is a light curve: features, labels, ids, and its ``dmdt`` image, which every format
stores in its own way.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from astrodome import AstrodomeError
from numpy.typing import NDArray

from . import csv_format, dmdt_column, hdf5_format, identifiers
from .identifiers import ValueOrigin


@dataclass(frozen=True)
class DataSet:
    """Rows of a data set.

    ``table`` contains all columns except ``dmdt``; its index is the row number in the file,
    counted from 0. ``dmdt`` is float32 (N, 26, 26), with zeros for rows without an image, or None
    if it was not requested or is not in the file. Identifiers, and integers with missing values,
    are nullable integers (Int64) or text.
    """

    table: pd.DataFrame
    dmdt: NDArray[np.float32] | None
    path: Path

    def __len__(self) -> int:
        return len(self.table)

    def take(self, rows: NDArray[np.intp]) -> DataSet:
        """These rows, by position."""
        images = None if self.dmdt is None else self.dmdt[rows]
        return DataSet(self.table.iloc[rows], images, self.path)


Chunk = tuple[pa.Table, NDArray[np.float32] | None]


def read(path: Path, columns: Sequence[str] | None = None) -> DataSet:
    """Read a whole file, or only some ``columns`` of it, which may include ``dmdt``.

    Raises AstrodomeError if the file cannot be read, a column is missing, an identifier is a
    float that lost digits, or the shape of an image is not 26 × 26.
    """
    with _readable(path):
        return _frame(path, *_join(path, list(_chunks(path, columns))), 0)


def batches(
    path: Path,
    columns: Sequence[str] | None = None,
    rows: int = 10_000,
    start: int = 0,
    lost: dict[str, str] | None = None,
) -> Iterator[DataSet]:
    """Yield a file in frames of ``rows`` rows, starting at row ``start``.

    Memory grows with ``rows`` and not with the file, except for HDF5 files of SCoPe, in which
    all images are pickled as one object. Rows are read as in :func:`read`. If ``lost`` is given,
    identifiers that lost digits become missing values, and their columns are added to ``lost``,
    each with a message. Otherwise they are an error.
    """
    with _readable(path):
        held: list[Chunk] = []
        count = 0
        for chunk in _chunks(path, columns, rows, start, lost):
            held.append(chunk)
            count += chunk[0].num_rows
            if count >= rows:
                table, images = _join(path, held)
                for first in range(0, count - rows + 1, rows):
                    yield _frame(path, *_cut(table, images, first, first + rows), start)
                    start += rows
                rest = count - count % rows
                held = [_cut(table, images, rest, count)] if rest < count else []
                count -= rest
        if held:
            yield _frame(path, *_join(path, held), start)


def columns_of(path: Path) -> list[str]:
    """Names of the columns of the file, ``dmdt`` among them if it is there."""
    with _readable(path):
        return _format(path)[0](path)


def is_parquet(path: Path) -> bool:
    """Return whether a file has an extension of Parquet files."""
    return path.suffix.lower() in PARQUET


def is_table(path: Path) -> bool:
    """Return whether a file has an extension of a readable table."""
    return _kind(path) in FORMATS


def _kind(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz")).suffix


def require_file(path: Path) -> None:
    """Raise AstrodomeError with exit code 2 unless the path is a file."""
    if path.is_dir():
        inside = sorted(f for f in path.iterdir() if f.suffix.lower() in FORMATS)
        raise AstrodomeError(
            f"{path} is a directory: expected a file ({', '.join(FORMATS)}).",
            f"It contains {inside[0].name}{' and others' if inside[1:] else ''}." if inside else "",
            exit_code=2,
        )
    if not path.is_file():
        raise AstrodomeError(f"There is no file {path}.", exit_code=2)


def require(wanted: Iterable[str], names: Sequence[str], path: Path) -> None:
    """Raise AstrodomeError for the first of these columns that the file lacks."""
    for name in wanted:
        if name not in names:
            close = difflib.get_close_matches(name, names, 1, 0.7)
            raise AstrodomeError(
                f"{path} has no column '{name}'.",
                f"Did you mean '{close[0]}'?" if close else f"It has {len(names)} columns.",
            )
        if names.count(name) > 1:
            raise AstrodomeError(f"{path} has more than one column '{name}'.")


def _chunks(
    path: Path,
    columns: Sequence[str] | None,
    rows: int = 20_000,
    start: int = 0,
    lost: dict[str, str] | None = None,
) -> Iterator[Chunk]:
    names_of, chunks_of = _format(path)
    names = names_of(path)
    wanted = list(dict.fromkeys(names if columns is None else columns))
    require(wanted, names, path)
    yield from chunks_of(path, wanted, rows, start, lost)


Lost = dict[str, str] | None


def _place(path: Path, first: int, lost: Lost) -> ValueOrigin:
    return ValueOrigin(path, first, lost is not None, lost)


def _csv_chunks(
    path: Path, wanted: list[str], rows: int, start: int, lost: Lost
) -> Iterator[Chunk]:
    def place(first: int) -> ValueOrigin:
        return _place(path, first, lost)

    for table, first in csv_format.chunks(path, wanted, start, place):
        yield _images(table, path, first)


def _parquet_names(path: Path) -> list[str]:
    return list(pq.read_schema(path).names)


def _parquet_chunks(
    path: Path, wanted: list[str], rows: int, start: int, lost: Lost
) -> Iterator[Chunk]:
    # Without these, Arrow reads ahead as much of the file as it likes.
    with pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:
        sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        ends = np.cumsum(sizes)
        group = int(np.searchsorted(ends, start, side="right"))
        first = int(ends[group - 1]) if group else 0
        groups = range(group, len(sizes))
        for batch in file.iter_batches(rows, row_groups=groups, columns=wanted):
            table = pa.Table.from_batches([batch]).select(wanted)
            skip = min(max(start - first, 0), table.num_rows)
            first += table.num_rows
            if skip < table.num_rows:
                number = first - table.num_rows + skip
                part = identifiers.normalize(table.slice(skip), _place(path, number, lost))
                yield _images(part, path, number)


def _hdf5_chunks(
    path: Path, wanted: list[str], rows: int, start: int, lost: Lost
) -> Iterator[Chunk]:
    for table, images in hdf5_format.chunks(path, wanted, rows, start):
        part = identifiers.normalize(table, _place(path, start, lost))
        start += part.num_rows
        yield part, images


Names = Callable[[Path], list[str]]
Chunks = Callable[[Path, list[str], int, int, Lost], Iterator[Chunk]]
PARQUET = (".parquet", ".parq", ".pq")
FORMATS: dict[str, tuple[Names, Chunks]] = {
    ".csv": (csv_format.names, _csv_chunks),
    **dict.fromkeys(PARQUET, (_parquet_names, _parquet_chunks)),
    ".h5": (hdf5_format.names, _hdf5_chunks),
    ".hdf5": (hdf5_format.names, _hdf5_chunks),
    ".tsv": (csv_format.names, _csv_chunks),
}


def _format(path: Path) -> tuple[Names, Chunks]:
    kind = _kind(path)
    if path.is_dir():
        require_file(path)
    if kind not in FORMATS:
        raise AstrodomeError(
            f"{path} is no data set that can be read: its name should end in {', '.join(FORMATS)}."
        )
    require_file(path)
    return FORMATS[kind]


OF_A_DAMAGED_FILE = (RuntimeError, ValueError, LookupError, TypeError, AttributeError)
"""What h5py's objects raise where the file says that one is something else."""


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """What the libraries raise about a file, as one sentence."""
    try:
        yield
    except (pa.ArrowException, OSError, *OF_A_DAMAGED_FILE) as error:
        why = " ".join(str(error).split())[:200]
        raise AstrodomeError(f"{path} cannot be read: {why}") from error


def _images(table: pa.Table, path: Path, first: int) -> Chunk:
    if "dmdt" not in table.column_names:
        return table, None
    images = dmdt_column.from_arrow(table["dmdt"], str(path), first)
    return table.drop_columns("dmdt"), images


def _join(path: Path, chunks: list[Chunk]) -> Chunk:
    if not chunks:
        raise AstrodomeError(f"{path} has no rows.")
    if len(chunks) == 1:
        return chunks[0]
    tables = [table for table, _ in chunks]
    for name in _mixed(tables):  # text, of which a feature or a label names the row later
        tables = [
            t.set_column(i, name, t[i].cast(pa.large_string())) for t, i in _places(tables, name)
        ]
    table = pa.concat_tables(tables, promote_options="permissive")
    images = [images for _, images in chunks if images is not None]
    return table, np.concatenate(images) if images else None


def _mixed(tables: list[pa.Table]) -> list[str]:
    """Columns that hold text in one block and something else in another."""
    kinds = [
        (name, {table.field(name).type for table in tables} - {pa.null()})
        for name in tables[0].column_names
    ]
    return [n for n, found in kinds if any(map(identifiers.is_text, found)) and len(found) > 1]


def _places(tables: list[pa.Table], name: str) -> list[tuple[pa.Table, int]]:
    return [(table, table.column_names.index(name)) for table in tables]


def _cut(table: pa.Table, images: NDArray[np.float32] | None, first: int, end: int) -> Chunk:
    return table.slice(first, end - first), None if images is None else images[first:end]


def _frame(path: Path, table: pa.Table, images: NDArray[np.float32] | None, first: int) -> DataSet:
    frame = identifiers.to_pandas(table)
    frame.index = pd.RangeIndex(first, first + len(frame))
    return DataSet(frame, images, path)
