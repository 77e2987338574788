"""Read and write the Parquet file for one month."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astrodome import AstrodomeError, files
from numpy.typing import NDArray

from .products import PRODUCTS

if TYPE_CHECKING:
    import pandas as pd

QUALITY = {"description": "0 if the sample is good, null if the source file has no quality flags"}
SCHEMA = pa.schema(
    [
        pa.field("timestamp", pa.timestamp("us", "UTC"), False, {"description": "UTC"}),
        pa.field("xrsa", pa.float32(), False, {"unit": "W m-2", "description": "0.5-4 angstrom"}),
        pa.field("xrsb", pa.float32(), False, {"unit": "W m-2", "description": "1-8 angstrom"}),
        pa.field("xrsa_quality", pa.int32(), True, QUALITY),
        pa.field("xrsb_quality", pa.int32(), True, QUALITY),
        pa.field("satellite", pa.uint8(), False, {"description": "GOES number, 0 if unknown"}),
        pa.field("product", pa.string(), False, {"description": "name of the data product"}),
    ]
)
READ_SCHEMA = SCHEMA.set(6, pa.field("product", pa.dictionary(pa.int32(), pa.string()), False))
RECORD = np.dtype(
    [
        ("timestamp", "M8[us]"),
        ("xrsa", "f4"),
        ("xrsb", "f4"),
        ("xrsb_quality", "i4"),  # -1 if the source file has no quality flags
        ("satellite", "u1"),
        ("product", "u1"),  # index in PRODUCTS
    ]
)
"""Structured dtype of a sample, used for lookups."""
ENCODINGS = {
    "timestamp": "DELTA_BINARY_PACKED",
    "xrsa": "BYTE_STREAM_SPLIT",
    "xrsb": "BYTE_STREAM_SPLIT",
}
"""Column encodings that halve the file size of one-minute averages.

All other columns use dictionary encoding.
"""


def read_month(path: Path) -> pd.DataFrame:
    """Return the samples in a Parquet file.

    Raises AstrodomeError if the file is damaged.
    """
    import pandas as pd

    from .sample_table import DTYPES

    samples = _read(path).to_pandas(types_mapper={pa.int32(): pd.Int32Dtype()}.get)
    samples["timestamp"] = samples["timestamp"].dt.tz_localize(None)
    return samples.astype(DTYPES)


def read_good_records(path: Path) -> NDArray[np.void]:
    """Return the samples with positive ``xrsb`` and no quality flag, with dtype ``RECORD``.

    The selection is the same as in :func:`.sample_table.good`. pandas is not used, because
    importing it takes longer than a lookup. Raises AstrodomeError if the file is damaged.
    """
    table = _read(path)
    records = np.empty(table.num_rows, RECORD)
    for name in ("timestamp", "xrsa", "xrsb", "xrsb_quality", "satellite"):
        records[name] = _values(table[name].combine_chunks(), RECORD[name])
    product = table["product"].combine_chunks()
    codes = np.array([PRODUCTS.index(name) for name in product.dictionary.to_pylist()], "u1")
    records["product"] = codes[_values(product.indices, np.dtype("i4"))]
    return records[(records["xrsb"] > 0) & (records["xrsb_quality"] <= 0)]


def _read(path: Path) -> pa.Table:
    try:
        with pq.ParquetFile(path, read_dictionary=["product"]) as stored:
            table = stored.read().select(SCHEMA.names).unify_dictionaries()
        return table if table.schema.equals(READ_SCHEMA) else table.cast(READ_SCHEMA)
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        if isinstance(error, OSError) and error.errno:  # raised by the operating system
            raise
        raise _damaged(path, error) from error


def _values(array: pa.Array, dtype: np.dtype) -> NDArray[Any]:
    """Return the values of a pyarrow array as a NumPy array, with nulls replaced by -1."""
    start = array.offset * dtype.itemsize
    values = np.frombuffer(array.buffers()[1], dtype, len(array), start)
    if not array.null_count:
        return values
    return np.where(np.from_dlpack(array.is_null().cast(pa.uint8())), -1, values)


def write_month(path: Path, samples: pd.DataFrame, source_files: Iterable[str]) -> None:
    """Write the samples of a month, and the names of their source files as metadata."""
    # pyarrow keeps NaN in NumPy arrays, but converts it to null in a Series.
    columns = {**samples, "xrsa": samples["xrsa"].to_numpy(), "xrsb": samples["xrsb"].to_numpy()}
    arrays = [pa.array(columns[field.name]).cast(field.type) for field in SCHEMA]
    about = {
        "instrument": "GOES XRS",
        "files": sorted(source_files),
        "software": f"astrodome-goes {version('astrodome-goes')}",
    }
    files.write_parquet(
        path,
        pa.Table.from_arrays(arrays, schema=SCHEMA),
        about,
        use_dictionary=[name for name in SCHEMA.names if name not in ENCODINGS],
        column_encoding=ENCODINGS,
    )


def read_source_files(path: Path) -> frozenset[str]:
    """Return the names of the source files in the metadata of a Parquet file.

    If the file does not exist, the result is empty. Raises AstrodomeError if the file is damaged.
    """
    try:
        about = pq.read_metadata(path).metadata or {}
        return frozenset(json.loads(about.get(b"astrodome", b"{}")).get("files", []))
    except FileNotFoundError:
        return frozenset()
    except (pa.ArrowException, ValueError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> AstrodomeError:
    return AstrodomeError(
        f"{path} is damaged or does not contain GOES samples: {error}.",
        "Delete the file, and import or download the data for this month again.",
    )
