"""Sort epochs in files by light curve, with memory usage that does not depend on the file sizes.

The files are read in chunks. If the epochs do not fit into one bucket, they are distributed to
several buckets by ranges of the identifier, which are stored in temporary files. Each bucket is
then sorted, and its light curves are written to a Parquet file with one row per light curve.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from astrodome import files
from numpy.typing import NDArray

from ...catalogues import epochs

BUCKET = 500_000
"""Approximate number of epochs in a bucket."""
MOST_BUCKETS = 256
"""Maximum number of buckets, because each bucket is an open file while it is written."""
STRIDE = 1000
"""Interval, in epochs, at which identifiers are sampled to determine the ranges."""


@dataclass
class PartitionSummary:
    """Result of sorting.

    ``light_curves`` contains the number of light curves in each bucket, ``without_identifier`` is
    the number of epochs without an identifier, and ``flagged`` is True if any epoch has a quality
    flag, even if the flag is 0.
    """

    light_curves: list[int] = field(default_factory=list)
    without_identifier: int = 0
    flagged: bool = False


class _Survey:
    """A first pass over the epochs, which counts them and samples their identifiers.

    ``tables`` contains the epochs if they fit into one bucket; otherwise, it is None.
    """

    def __init__(self) -> None:
        self.total = 0
        self.text = False
        self.samples: list[Any] = []
        self.tables: list[pa.Table] | None = []

    def add(self, table: pa.Table) -> None:
        self.text |= not pa.types.is_integer(table["_id"].type)
        self.samples += table["_id"].take(pa.array(np.arange(0, len(table), STRIDE))).to_pylist()
        self.total += len(table)
        if self.total > BUCKET:
            self.tables = None
        if self.tables is not None:
            self.tables.append(table)

    def boundaries(self) -> list[Any]:
        """Return the identifiers at which a new bucket begins."""
        count = min(-(-self.total // BUCKET), MOST_BUCKETS)
        samples = sorted(map(str, self.samples) if self.text else self.samples)
        chosen = (samples[len(samples) * number // count] for number in range(1, count))
        return list(dict.fromkeys(chosen))


def partition(paths: Sequence[Path], folder: Path, rows: int) -> PartitionSummary:
    """Sort the epochs in files, and write the light curves to one file per bucket.

    ``rows`` is the number of light curves in each row group of these files.
    """
    summary, survey = PartitionSummary(), _Survey()
    for table in _known_epochs(paths, summary):
        survey.add(table)
    if survey.tables is not None:
        buckets = [_concatenated(survey.tables, survey.text)]
        return write_buckets(buckets, folder, rows, summary)
    boundaries = survey.boundaries()
    temporary = [folder / f"epochs-{number:04d}.arrow" for number in range(len(boundaries) + 1)]
    _distribute(_known_epochs(paths, PartitionSummary()), boundaries, temporary, survey.text)
    return write_buckets(map(_read_and_delete, temporary), folder, rows, summary)


def write_buckets(
    buckets: Iterable[pa.Table], folder: Path, rows: int, summary: PartitionSummary | None = None
) -> PartitionSummary:
    """Write the light curves in each bucket to a Parquet file with row groups of ``rows`` rows."""
    summary = summary or PartitionSummary()
    for number, bucket in enumerate(buckets):
        curves = epochs.group(bucket)
        summary.light_curves.append(len(curves))
        summary.flagged |= bucket["catflags"].null_count < len(bucket)
        with files.replacing(_path(folder, number), sync=False) as part:
            pq.write_table(curves, part, compression="zstd", row_group_size=rows)
    return summary


def read_chunk(folder: Path, summary: PartitionSummary, number: int, rows: int) -> pa.Table:
    """Return a row group of the files that :func:`write_buckets` wrote, counted over all files."""
    for bucket, count in enumerate(summary.light_curves):
        groups = -(-count // rows)
        if number < groups:
            with pq.ParquetFile(_path(folder, bucket)) as file:
                return file.read_row_group(number)
        number -= groups
    raise IndexError(number)


def find(folder: Path, ids: Sequence[str]) -> pa.Table:
    """Return the light curves with the given identifiers from the files in a folder.

    Only row groups whose range of identifiers contains one of them are read.
    """
    found = [epochs.group(epochs.empty())]
    for path in sorted(folder.glob("bucket-*.parquet")):
        with pq.ParquetFile(path) as file:
            kind = file.schema_arrow.field("_id").type
            integers = pa.types.is_integer(kind)
            wanted = sorted(int(one) for one in ids if one.isdigit()) if integers else sorted(ids)
            groups = [
                number
                for number in range(file.num_row_groups)
                if _overlaps(file.metadata.row_group(number).column(0).statistics, wanted)
            ]
            table = file.read_row_groups(groups)
        found.append(table.filter(pc.is_in(table["_id"], pa.array(wanted, kind))))
    return pa.concat_tables(found[1:] or found)


def read_positions(folder: Path) -> tuple[list[str], NDArray[np.float64], NDArray[np.float64]]:
    """Return the identifiers of all light curves, and their mean positions in degrees or NaN."""
    tables = [epochs.group(epochs.empty()).select(["ra", "dec"])]
    ids: list[str] = []
    for path in sorted(folder.glob("bucket-*.parquet")):
        table = pq.read_table(path, columns=["_id", "ra", "dec"])
        ids += map(str, table["_id"].to_pylist())
        tables.append(table.select(["ra", "dec"]))
    places = pa.concat_tables(tables)
    ra, dec = (places[name].to_numpy().astype(np.float64) for name in ("ra", "dec"))
    return ids, ra, dec


def _overlaps(statistics: Any, wanted: Sequence[Any]) -> bool:
    """Return whether the range of a column contains one of the sorted values, or is unknown."""
    if statistics is None or not statistics.has_min_max:
        return True
    first = bisect_left(wanted, statistics.min)
    return first < len(wanted) and bool(wanted[first] <= statistics.max)


def _path(folder: Path, bucket: int) -> Path:
    return folder / f"bucket-{bucket:04d}.parquet"


def _known_epochs(paths: Sequence[Path], summary: PartitionSummary) -> Iterator[pa.Table]:
    """Yield the epochs that have an identifier, and count the other epochs."""
    for path in paths:
        for table in epochs.read(path):
            summary.without_identifier += table["_id"].null_count
            yield table.filter(table["_id"].is_valid()) if table["_id"].null_count else table


def _concatenated(tables: Sequence[pa.Table], text: bool) -> pa.Table:
    return pa.concat_tables([_typed(table, text) for table in tables] or [epochs.empty()])


def _typed(table: pa.Table, text: bool) -> pa.Table:
    """Convert the identifiers to text if some files contain text."""
    return table.set_column(0, "_id", table["_id"].cast(pa.large_string())) if text else table


def _distribute(
    tables: Iterable[pa.Table], boundaries: Sequence[Any], paths: Sequence[Path], text: bool
) -> None:
    """Append each epoch to the file for the range that contains its identifier."""
    with ExitStack() as stack:
        writers: dict[int, Any] = {}
        for number, path in enumerate(paths):
            schema = _typed(epochs.empty(), text).schema
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            sink = pa.ipc.new_stream(stack.enter_context(path.open("wb")), schema, options=options)
            writers[number] = stack.enter_context(sink)
        for table in tables:
            table = _typed(table, text)
            buckets = _buckets(table["_id"], boundaries)
            for number in np.unique(buckets):
                writers[int(number)].write_table(table.filter(pa.array(buckets == number)))


def _buckets(ids: pa.ChunkedArray, boundaries: Sequence[Any]) -> NDArray[np.intp]:
    """Return the number of the bucket for each identifier."""
    known = ids.dictionary_encode().unify_dictionaries().combine_chunks()
    values = known.dictionary.to_pylist()
    numbers = np.searchsorted(np.array(boundaries, object), np.array(values, object), side="right")
    return np.asarray(numbers[known.indices.to_numpy()], np.intp)


def _read_and_delete(path: Path) -> pa.Table:
    with pa.OSFile(str(path)) as source:
        table = pa.ipc.open_stream(source).read_all()
    path.unlink()
    return table
