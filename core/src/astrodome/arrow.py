"""Read data with pyarrow so that the process does not abort when the interpreter exits.

A thread in pyarrow's thread pool may release its input shortly after the read has returned. If
the input is a Python object (an open file, ``BytesIO``, ``bytes``), the thread must acquire the
global interpreter lock (GIL) to do this. While the interpreter shuts down, Python terminates
such a thread, and the process aborts with "terminate called without an active exception".
File paths, and memory allocated by pyarrow, do not require the lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def native_reader(data: bytes | memoryview) -> pa.BufferReader:
    """Copy ``data`` to memory allocated by pyarrow, and return a pyarrow reader for the copy."""
    import pyarrow as pa

    copy = pa.BufferOutputStream()
    copy.write(data)
    return pa.BufferReader(copy.getvalue())


def read_frame(path: str | Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a Parquet file into a DataFrame without creating a Python file object."""
    import pyarrow.parquet as pq

    wanted = None if columns is None else list(columns)
    frame: pd.DataFrame = pq.read_table(path, columns=wanted, use_pandas_metadata=True).to_pandas()
    return frame
