"""A data set in memory that several processes look at without a copy each."""

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
class MappedDataSet:
    """Where :func:`share` put a frame, and the file that it was read from."""

    folder: Path
    path: Path


def share(frame: DataSet, sources: NDArray[np.intp] | None, folder: Path) -> MappedDataSet:
    """Write a frame, and the source (N,) of each row, as files that can be mapped into memory."""
    feather.write_feather(pa.Table.from_pandas(frame.table), folder / TABLE, "uncompressed")
    if frame.dmdt is not None:
        np.save(folder / IMAGES, frame.dmdt)
    if sources is not None:
        np.save(folder / SOURCES, sources)
    return MappedDataSet(folder, frame.path)


@lru_cache(maxsize=1)
def attach(shared: MappedDataSet) -> tuple[DataSet, NDArray[np.intp] | None]:
    """The frame and the sources; read once a process."""
    table = feather.read_table(shared.folder / TABLE, memory_map=True)
    return (
        DataSet(table.to_pandas(split_blocks=True), _mapped(shared.folder / IMAGES), shared.path),
        _mapped(shared.folder / SOURCES),
    )


def _mapped(path: Path) -> NDArray[Any] | None:
    return np.load(path, mmap_mode="r") if path.exists() else None
