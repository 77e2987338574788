"""An index of the good samples of a month.

Beside the Parquet file of each month, ``.lookup`` contains its good samples as a NumPy array
(``.npy`` format), which lookups map into memory. It has the modification time of the Parquet
file; if the two differ, it is written again. It may be deleted at any time.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import numpy as np
from astrodome import files
from numpy.typing import NDArray

RECORD = np.dtype(
    [
        ("timestamp", "M8[us]"),
        ("xrsa", "f4"),
        ("xrsb", "f4"),
        ("xrsb_quality", "i1"),  # 0, or -1 if the file has no flags
        ("satellite", "u1"),
        ("product", "u1"),  # index in PRODUCTS
    ]
)


def open_index(path: Path) -> NDArray[np.void]:
    """Return the good samples in the Parquet file of a month, as records sorted by time.

    The index is written if it is missing or outdated, unless the folder is read-only.
    """
    index = path.with_name(".lookup")
    modified = path.stat().st_mtime_ns
    with suppress(OSError, ValueError, EOFError):
        if index.stat().st_mtime_ns == modified:
            samples: NDArray[np.void] = np.load(index, mmap_mode="r")
            if samples.dtype == RECORD:
                return samples
    samples = _read_good_samples(path)
    with suppress(OSError), files.replacing(index, sync=False) as part:
        with part.open("wb") as content:
            np.save(content, samples)
        os.utime(part, ns=(modified, modified))
    return samples


def _read_good_samples(path: Path) -> NDArray[np.void]:
    from .parquet import read_month
    from .sample_table import good

    table = read_month(path)
    table = table[good(table)].assign(product=table["product"].cat.codes)
    table["xrsb_quality"] = table["xrsb_quality"].fillna(-1)
    samples = np.empty(len(table), RECORD)
    for name in RECORD.names or ():
        samples[name] = table[name]
    return samples
