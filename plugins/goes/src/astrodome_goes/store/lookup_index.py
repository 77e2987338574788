"""The derived index of a month: its good samples, small and ready to be searched.

``.lookup`` beside the month's Parquet file holds a line of JSON and then the columns as
they lie in memory, so that a look-up maps the file and touches a few of its pages. Times are
counts of the largest unit that they share: a month of minutes takes 11 bytes a sample. The
line names the Parquet file's size and time; when they differ, the index is made anew.
It can be deleted at any time.
"""

from __future__ import annotations

import json
import mmap
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astrodome import files
from numpy.typing import NDArray

from .samples import DTYPE, Samples, Times, good

NAME = ".lookup"
VERSION = 1
ALIGNMENT = 64
SMALL = (np.uint16, np.uint32, np.int64)
"""Types of the counts; the first that holds them all serves."""
ORIGIN = ["xrsa_quality", "xrsb_quality", "satellite", "product"]
"""What few combinations of a month share."""


@dataclass(frozen=True)
class Index:
    """The good samples of a month, in order of time."""

    start: int
    """Microseconds from 1970 (UTC) to the first sample."""
    unit: int
    """Microseconds that a count stands for."""
    counts: NDArray[np.integer]
    xrsa: NDArray[np.float32]
    xrsb: NDArray[np.float32]
    origin: NDArray[np.integer]
    """Which of ``origins`` a sample has."""
    origins: NDArray[np.void]
    """Records of the fields ``ORIGIN``."""

    def __len__(self) -> int:
        return len(self.counts)

    def times(self, which: NDArray[np.intp]) -> Times:
        """The times of these samples, datetime64[us]."""
        since = self.counts[which].astype(np.int64) * self.unit + self.start
        return since.view("M8[us]")

    def span(self) -> Times:
        """The times of the first and of the last sample."""
        return self.times(np.array([0, len(self) - 1]))

    def nearest(self, times: Times) -> NDArray[np.intp]:
        """Indices of the samples (there is at least one) that are nearest to the times."""
        wanted = -((self.start - times.view(np.int64)) // self.unit)  # rounded up
        counts = wanted.clip(0, int(self.counts[-1])).astype(self.counts.dtype)
        after = np.searchsorted(self.counts, counts).clip(0, len(self) - 1)
        before = (after - 1).clip(0)
        earlier = times - self.times(before) <= np.abs(self.times(after) - times)
        return np.where(earlier, before, after)

    def samples(self, which: NDArray[np.intp]) -> Samples:
        """These samples as records."""
        found = np.empty(len(which), DTYPE)
        found["timestamp"] = self.times(which)
        found["xrsa"], found["xrsb"] = self.xrsa[which], self.xrsb[which]
        about = self.origins[self.origin[which]]
        for name in ORIGIN:
            found[name] = about[name]
        return found


def opened(path: Path) -> Index:
    """The index of a month's file, made anew unless it is there and fresh.

    Where the folder cannot be written, it lives in memory only. Raises AstrodomeError when
    the month's file is broken.
    """
    beside = path.with_name(NAME)
    if (found := _read(beside, _stamp(path.stat()))) is not None:
        return found
    from .parquet import read_month  # pyarrow, which a fresh index does without

    # If another process replaces the file meanwhile, the older stamp makes the index outdated.
    stamp = _stamp(path.stat())
    made = _made(read_month(path))
    with suppress(OSError):
        _write(beside, stamp, made)
    return made


def _stamp(status: os.stat_result) -> list[int]:
    return [status.st_mtime_ns, status.st_size, status.st_ino]


def _made(samples: Samples) -> Index:
    usable = samples[good(samples)]
    times = np.ascontiguousarray(usable["timestamp"]).view(np.int64)
    start = int(times[0]) if len(times) else 0
    since = times - start
    unit = int(np.gcd.reduce(since)) or 1
    last = int(since[-1]) // unit if len(since) else 0
    small = next(kind for kind in SMALL if last <= np.iinfo(kind).max)
    origins, origin = _origins(usable)
    return Index(
        start,
        unit,
        (since // unit).astype(small),
        np.ascontiguousarray(usable["xrsa"]),
        np.ascontiguousarray(usable["xrsb"]),
        origin.astype(np.uint8 if len(origins) < 256 else np.uint32),
        origins,
    )


def _origins(samples: Samples) -> tuple[NDArray[np.void], NDArray[np.intp]]:
    """The different records of the fields ``ORIGIN``, and which of them each sample has."""
    key = np.zeros(len(samples), np.int64)
    for name in ORIGIN:
        key = (key << 16) + (samples[name].astype(np.int64) & 0xFFFF)  # flags have 16 bits
    _, first, which = np.unique(key, return_index=True, return_inverse=True)
    origins = np.empty(len(first), [(name, DTYPE[name]) for name in ORIGIN])
    for name in ORIGIN:
        origins[name] = samples[name][first]
    return origins, which


def _write(path: Path, stamp: list[int], made: Index) -> None:
    columns = (made.counts, made.xrsa, made.xrsb, made.origin)
    about = {
        "version": VERSION,
        "of": stamp,
        "start": made.start,
        "unit": made.unit,
        "length": len(made),
        "types": [column.dtype.str for column in columns],
        "origins": made.origins.tolist(),
    }
    with files.replacing(path, sync=False) as part, part.open("wb") as content:
        content.write(json.dumps(about).encode() + b"\n")
        for column in columns:
            content.write(bytes(-content.tell() % ALIGNMENT))
            content.write(column.data)


def _read(path: Path, stamp: list[int]) -> Index | None:
    """What the file holds, if it is an index of the month's file as it is now."""
    try:
        with path.open("rb") as content:
            about = json.loads(content.readline())
            if about["version"] != VERSION or about["of"] != stamp:
                return None
            place, data = content.tell(), mmap.mmap(content.fileno(), 0, access=mmap.ACCESS_READ)
        columns = []
        for kind in about["types"]:
            place += -place % ALIGNMENT
            columns.append(np.frombuffer(data, kind, about["length"], place))
            place += columns[-1].nbytes
        origins = np.array(
            [tuple(row) for row in about["origins"]], [(name, DTYPE[name]) for name in ORIGIN]
        )
        counts, xrsa, xrsb, origin = columns
        return Index(about["start"], about["unit"], counts, xrsa, xrsb, origin, origins)
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not there, or not ours
