"""The local store: one Parquet file a month, ``year=2011/month=06/xrs.parquet``.

The rows of a month are in order of time, one row a time, and in each minute of one
satellite and product: see :func:`astrodome_goes.samples.merged`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astrodome import AstrodomeError, files, settings
from numpy.typing import NDArray

from .samples import DTYPE, NO_FLAGS, PRODUCTS, Samples, merged

DIGIT = "[0-9]"
SCHEMA = pa.schema(
    [
        pa.field("timestamp", pa.timestamp("us", "UTC"), False, {"description": "UTC"}),
        pa.field("xrsa", pa.float32(), False, {"unit": "W m-2", "description": "0.5-4 angstrom"}),
        pa.field("xrsb", pa.float32(), False, {"unit": "W m-2", "description": "1-8 angstrom"}),
        pa.field("xrsa_quality", pa.int32(), True, {"description": "0 good, null not given"}),
        pa.field("xrsb_quality", pa.int32(), True, {"description": "0 good, null not given"}),
        pa.field("satellite", pa.uint8(), False, {"description": "GOES number"}),
        pa.field("product", pa.string(), False, {"description": "product of the archive"}),
    ]
)


def default_folder() -> Path:
    """Where the store is unless the user names a folder."""
    return settings.home() / "goes"


@dataclass(frozen=True)
class Store:
    """The samples in one folder. Several processes may read and merge at the same time."""

    folder: Path

    def months(self) -> dict[np.datetime64, Path]:
        """The files by month (datetime64[M]), the earliest first."""
        found = sorted(self.folder.glob(f"year={4 * DIGIT}/month={2 * DIGIT}/xrs.parquet"))
        return {
            np.datetime64(f"{path.parts[-3][5:]}-{path.parts[-2][6:]}", "M"): path for path in found
        }

    def read(self, months: Iterable[np.datetime64] | None = None) -> Iterator[Samples]:
        """The samples month by month; ``months`` (datetime64[M]) chooses, and may be missing.

        Raises AstrodomeError when the store is empty or a file of it is broken.
        """
        stored = self.months()
        if not stored:
            raise AstrodomeError(
                f"There are no GOES data in {self.folder}.",
                f"Bring some there: sdo goes import FILE --store {self.folder}",
            )
        for month in stored if months is None else months:
            if month in stored:
                yield read_month(stored[month])

    def merge(self, samples: Samples, origins: Sequence[str]) -> int:
        """Bring samples in, each month whole or not at all.

        ``origins`` are the names of their files; every month that they change keeps
        them in its metadata. Returns by how many rows the store has grown.
        """
        months = samples["timestamp"].astype("M8[M]")
        grown = 0
        with files.lock(self.folder / ".lock"):
            for folder in self.folder.glob("year=*/month=*"):
                files.sweep(folder)
            for month in np.unique(months):
                year, number = str(month).split("-")
                path = self.folder / f"year={year}" / f"month={number}" / "xrs.parquet"
                old = read_month(path) if path.exists() else np.empty(0, DTYPE)
                new = merged(old, samples[months == month])
                if new.tobytes() != old.tobytes():
                    about = {
                        "instrument": "GOES XRS",
                        "files": sorted({*_origins(path), *origins}),
                        "software": f"astrodome-goes {version('astrodome-goes')}",
                    }
                    files.write_parquet(path, _table(new), about)
                grown += len(new) - len(old)
        return grown


def read_month(path: Path) -> Samples:
    """All of one file of the store."""
    try:
        with pq.ParquetFile(path, read_dictionary=["product"]) as stored:
            table = stored.read().unify_dictionaries().combine_chunks()
        samples = np.empty(table.num_rows, DTYPE)
        for field in SCHEMA:
            column = table[field.name]
            if pa.types.is_dictionary(column.type):
                samples["product"] = _product_numbers(column)
            else:
                same = column if column.type == field.type else column.cast(field.type)
                samples[field.name] = _values(same, DTYPE[field.name])
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        if isinstance(error, OSError) and error.errno:  # the system's, not pyarrow's
            raise
        raise AstrodomeError(
            f"{path} is not a file of the GOES store: {error}.",
            "Delete it and import the files of its month again.",
        ) from error
    return samples


def _values(column: pa.ChunkedArray, dtype: np.dtype) -> NDArray[np.generic]:
    """A numeric column as it lies in memory, nulls as NO_FLAGS.

    pyarrow's own conversion imports pandas, which takes longer than all the rest of
    a look-up.
    """
    if not len(column):
        return np.empty(0, dtype)
    array = column.combine_chunks()
    valid, data = array.buffers()
    inside = slice(array.offset, array.offset + len(array))
    values = np.frombuffer(data, dtype)[inside]
    if not array.null_count:
        return values
    bits = np.unpackbits(np.frombuffer(valid, np.uint8), bitorder="little")[inside]
    return np.where(bits, values, NO_FLAGS)


def _product_numbers(column: pa.ChunkedArray) -> NDArray[np.generic]:
    if not len(column):
        return np.empty(0, np.uint8)
    array = column.combine_chunks()
    numbers = np.array([PRODUCTS.index(name) for name in array.dictionary.to_pylist()], np.uint8)
    return numbers[_values(pa.chunked_array([array.indices]), np.dtype("i4"))]


def _table(samples: Samples) -> pa.Table:
    columns = {name: np.ascontiguousarray(samples[name]) for name in DTYPE.names or ()}
    columns["product"] = np.array(PRODUCTS)[samples["product"]]
    return pa.Table.from_arrays(
        [
            pa.array(columns[field.name], mask=columns[field.name] == NO_FLAGS)
            if field.nullable
            else pa.array(columns[field.name]).cast(field.type)
            for field in SCHEMA
        ],
        schema=SCHEMA,
    )


def _origins(path: Path) -> list[str]:
    if not path.exists():
        return []
    about = pq.read_metadata(path).metadata or {}
    return list(json.loads(about.get(b"astrodome", b"{}")).get("files", []))
