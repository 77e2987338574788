"""One month of the store as a Parquet file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astrodome import AstrodomeError, files
from numpy.typing import NDArray

from .samples import DTYPE, NO_FLAGS, PRODUCTS, Samples

SCHEMA = pa.schema(
    [
        pa.field("timestamp", pa.timestamp("us", "UTC"), False, {"description": "UTC"}),
        pa.field("xrsa", pa.float32(), False, {"unit": "W m-2", "description": "0.5-4 angstrom"}),
        pa.field("xrsb", pa.float32(), False, {"unit": "W m-2", "description": "1-8 angstrom"}),
        pa.field("xrsa_quality", pa.int32(), True, {"description": "0 good, null not given"}),
        pa.field("xrsb_quality", pa.int32(), True, {"description": "0 good, null not given"}),
        pa.field("satellite", pa.uint8(), False, {"description": "GOES number, 0 not known"}),
        pa.field("product", pa.string(), False, {"description": "product of the archive"}),
    ]
)
ENCODINGS = {
    "timestamp": "DELTA_BINARY_PACKED",
    "xrsa": "BYTE_STREAM_SPLIT",
    "xrsb": "BYTE_STREAM_SPLIT",
}
"""They halve a month of minutes; the other columns take dictionaries."""


def read_month(path: Path) -> Samples:
    """Return all samples of one file of the store.

    Raises AstrodomeError when the file is broken.
    """
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
            "Delete it and import or download its month again.",
        ) from error
    return samples


def write_month(path: Path, samples: Samples, origins: Iterable[str]) -> None:
    """Write a month, with the names of the files that its samples come from."""
    columns = {name: np.ascontiguousarray(samples[name]) for name in DTYPE.names or ()}
    columns["product"] = np.array(PRODUCTS)[samples["product"]]
    arrays = [
        pa.array(columns[field.name], mask=columns[field.name] == NO_FLAGS)
        if field.nullable
        else pa.array(columns[field.name]).cast(field.type)
        for field in SCHEMA
    ]
    about = {
        "instrument": "GOES XRS",
        "files": sorted(origins),
        "software": f"astrodome-goes {version('astrodome-goes')}",
    }
    files.write_parquet(
        path,
        pa.Table.from_arrays(arrays, schema=SCHEMA),
        about,
        use_dictionary=[name for name in SCHEMA.names if name not in ENCODINGS],
        column_encoding=ENCODINGS,
    )


def origins_of(path: Path) -> frozenset[str]:
    """The names of the files that the samples of a month come from.

    Raises AstrodomeError when the month's file is broken.
    """
    try:
        about = pq.read_metadata(path).metadata or {}
        return frozenset(json.loads(about.get(b"astrodome", b"{}")).get("files", []))
    except FileNotFoundError:
        return frozenset()
    except (pa.ArrowException, ValueError) as error:
        raise AstrodomeError(
            f"{path} is not a file of the GOES store: {error}.",
            "Delete it and import or download its month again.",
        ) from error


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
    found: NDArray[np.uint8] = numbers[_values(pa.chunked_array([array.indices]), np.dtype("i4"))]
    return found
