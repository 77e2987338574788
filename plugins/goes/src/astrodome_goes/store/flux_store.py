"""The local store: one Parquet file a month, ``year=2011/month=06/xrs.parquet``.

The rows of a month are in order of time, one row a time, and in each minute of one
satellite and product: see :func:`astrodome_goes.store.samples.merged`. Beside each file lies
an index for look-ups, derived from it (:mod:`astrodome_goes.store.lookup_index`).

pyarrow is imported where Parquet is read or written: it would take most of the time of
a look-up, which needs none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astrodome import AstrodomeError, files, settings

from . import lookup_index
from .samples import DTYPE, Samples, merged

DIGIT = "[0-9]"


def default_folder() -> Path:
    """Where the store is unless the user names a folder: setting ``goes.store``, or ``--home``."""
    given, _ = settings.current().values("goes").get("store", (None, ""))
    return Path(str(given)).expanduser() if given else settings.home() / "goes"


@dataclass(frozen=True)
class Store:
    """The samples in one folder. Several processes may read and merge at the same time."""

    folder: Path

    def path(self, month: np.datetime64) -> Path:
        """Where the file of a month (datetime64[M]) is, or would be."""
        year, number = str(month.astype("M8[M]")).split("-")
        return self.folder / f"year={year}" / f"month={number}" / "xrs.parquet"

    def months(self) -> dict[np.datetime64, Path]:
        """The files by month (datetime64[M]), the earliest first."""
        found = sorted(self.folder.glob(f"year={4 * DIGIT}/month={2 * DIGIT}/xrs.parquet"))
        return {
            np.datetime64(f"{path.parts[-3][5:]}-{path.parts[-2][6:]}", "M"): path for path in found
        }

    def filled(self) -> dict[np.datetime64, Path]:
        """:meth:`months`, of which there are some; raises AstrodomeError for an empty store."""
        if stored := self.months():
            return stored
        older = self.folder / "goes_cache"
        bring = (
            f"Import what the older tool left there: sdo goes import {older}"
            if older.is_dir()
            else "Bring some there with sdo goes download, or: sdo goes import FILE"
        )
        raise AstrodomeError(
            f"There are no GOES data in {self.folder}.", f"{bring} --store {self.folder}"
        )

    def read(self, months: Iterable[np.datetime64] | None = None) -> Iterator[Samples]:
        """The samples month by month; ``months`` (datetime64[M]) chooses, and may be missing.

        Raises AstrodomeError when the store is empty or a file of it is broken.
        """
        from .parquet import read_month

        stored = self.filled()
        for month in stored if months is None else months:
            if month in stored:
                yield read_month(stored[month])

    def within(
        self, start: np.datetime64 | None = None, end: np.datetime64 | None = None
    ) -> Iterator[Samples]:
        """The samples in start <= timestamp <= end (UTC), month by month, none of them empty.

        Raises AstrodomeError when the store is empty or a file of it is broken.
        """
        lowest = np.datetime64("0000", "M") if start is None else start.astype("M8[M]")
        highest = np.datetime64("9999", "M") if end is None else end.astype("M8[M]")
        for samples in self.read(m for m in self.filled() if lowest <= m <= highest):
            times = samples["timestamp"]
            low = 0 if start is None else int(np.searchsorted(times, start))
            high = len(times) if end is None else int(np.searchsorted(times, end, "right"))
            if low < high:
                yield samples[low:high]

    def window(
        self, start: np.datetime64 | None = None, end: np.datetime64 | None = None
    ) -> Samples:
        """:meth:`within` as one array; raises AstrodomeError when there is no sample."""
        parts = list(self.within(start, end))
        if not parts:
            raise AstrodomeError(
                f"There are no GOES data between these times in {self.folder}.",
                "sdo goes info shows what there is.",
            )
        return np.concatenate(parts)

    def indices(self, months: Iterable[np.datetime64]) -> Iterator[lookup_index.Index]:
        """The good samples of these months (datetime64[M]), of those that are stored.

        Raises AstrodomeError when the store is empty or a file of it is broken.
        """
        nothing = True
        for month in months:
            path = self.path(month)
            if path.exists():
                nothing = False
                yield lookup_index.opened(path)
        if nothing:
            self.filled()

    def merge(self, samples: Samples, origins: Sequence[str]) -> int:
        """Bring samples in, each month whole or not at all.

        ``origins`` are the names of their files; every month that they reach keeps
        them in its metadata. Returns by how many rows the store has grown.
        """
        from .parquet import origins_of, read_month, write_month

        months = samples["timestamp"].astype("M8[M]")
        grown = 0
        with files.lock(self.folder / ".lock"):
            for folder in self.folder.glob("year=*/month=*"):
                files.sweep(folder)
            for month in np.unique(months):
                path = self.path(month)
                old = read_month(path) if path.exists() else np.empty(0, DTYPE)
                known = origins_of(path)
                new = merged(old, samples[months == month])
                if new.tobytes() != old.tobytes() or not known.issuperset(origins):
                    write_month(path, new, known.union(origins))
                # An earlier run may have been killed before it wrote the index.
                lookup_index.opened(path)
                grown += len(new) - len(old)
        return grown

    def derive(self, month: np.datetime64) -> None:
        """Write the lookup index of a month (datetime64[M]) if it is missing or out of date."""
        path = self.path(month)
        if path.exists():
            lookup_index.opened(path)

    def origins(self, month: np.datetime64) -> frozenset[str]:
        """The names of the files that the samples of a month (datetime64[M]) come from."""
        from .parquet import origins_of

        return origins_of(self.path(month))
