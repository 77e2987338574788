"""Share a data set between processes with memory-mapped files, to avoid a copy per process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import feather

from ...tables.datasets import DataSet

TABLE, IMAGES, SOURCES = "table.arrow", "dmdt.npy", "sources.npy"


@dataclass(frozen=True)
class SharedDataSet:
    """A data set in memory-mapped files, with their directory and the original path."""

    folder: Path
    path: Path


def share(data: DataSet, sources: NDArray[np.intp] | None, folder: Path) -> SharedDataSet:
    """Write a data set to ``folder``, with the source number of each row.

    ``sources`` has the shape (N,).
    """
    feather.write_feather(pa.Table.from_pandas(data.table), folder / TABLE, "uncompressed")
    if data.dmdt is not None:
        np.save(folder / IMAGES, data.dmdt)
    if sources is not None:
        np.save(folder / SOURCES, sources)
    return SharedDataSet(folder, data.path)


@lru_cache(maxsize=1)
def attach(shared: SharedDataSet) -> tuple[DataSet, NDArray[np.intp] | None]:
    """Return the data set and the source numbers, which are cached for each process."""
    table = feather.read_table(shared.folder / TABLE, memory_map=True)
    images = _mapped(shared.folder / IMAGES)
    data = DataSet(table.to_pandas(split_blocks=True), images, shared.path)
    return data, _mapped(shared.folder / SOURCES)


def _mapped(path: Path) -> NDArray[Any] | None:
    return np.load(path, mmap_mode="r") if path.exists() else None
