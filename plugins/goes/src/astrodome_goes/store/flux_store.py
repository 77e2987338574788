"""The local store: one Parquet file per month, for example ``year=2011/month=06/xrs.parquet``.

The rows in a file are sorted by time, and each time occurs only once. All rows within a minute
come from the same satellite and product.

pandas is imported only where it is needed, because importing it takes longer than a lookup.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from astrodome import AstrodomeError, files, settings

if TYPE_CHECKING:
    import pandas as pd

DIGIT = "[0-9]"


def default_folder() -> Path:
    """Return the folder in the setting ``goes.store``, or the default folder of the store."""
    configured = None
    if settings.current().values("goes"):  # Otherwise, the model need not be imported.
        from ..settings import GoesSettings

        configured = settings.section("goes", GoesSettings).store
    return configured.expanduser() if configured else settings.home() / "goes"


class Store(os.PathLike[str]):
    """A folder with GOES XRS samples. Several processes can read and write it at the same time.

    Parameters
    ----------
    folder : str, path-like or Store, optional
        Folder of the store, which does not have to exist. The default is the folder in the
        setting ``goes.store`` or, if it is not set, the folder ``goes`` in the ``--home`` folder.

    Examples
    --------
    >>> import astrodome_goes as goes
    >>> goes.Store("~/goes").folder.name
    'goes'
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        self.folder = default_folder() if folder is None else Path(folder).expanduser()

    def __fspath__(self) -> str:
        return str(self.folder)

    def __repr__(self) -> str:
        return f"Store({str(self.folder)!r})"

    def path(self, month: str) -> Path:
        """Return the path of the Parquet file for a month, which is given as ``2011-06``."""
        year, number = month.split("-")
        return self.folder / f"year={year}" / f"month={number}" / "xrs.parquet"

    def months(self) -> dict[str, Path]:
        """Return the paths of the existing Parquet files, keyed and sorted by month."""
        found = sorted(self.folder.glob(f"year={4 * DIGIT}/month={2 * DIGIT}/xrs.parquet"))
        return {f"{path.parts[-3][5:]}-{path.parts[-2][6:]}": path for path in found}

    def require_data(self) -> dict[str, Path]:
        """Return the result of :meth:`months`. Raises AstrodomeError if the store is empty."""
        if stored := self.months():
            return stored
        csv_files = self.folder / "goes_cache"
        source = csv_files if csv_files.is_dir() else "FILE"
        raise AstrodomeError(
            f"The GOES store {self.folder} contains no data.",
            f"Use 'sdo goes download --store {self.folder}' or "
            f"'sdo goes import {source} --store {self.folder}' to add data.",
        )

    def read(
        self, start: datetime | None = None, end: datetime | None = None
    ) -> Iterator[pd.DataFrame]:
        """Yield one table per month with the samples from ``start`` to ``end`` (UTC, inclusive).

        Raises AstrodomeError if the store is empty or a file is damaged.
        """
        from .parquet import read_month

        months = self.require_data()
        for month in months:
            if str(start or "")[:7] <= month <= str(end or datetime.max)[:7]:
                samples = read_month(months[month])
                times = samples["timestamp"]
                first = times.searchsorted(start or datetime.min)
                last = times.searchsorted(end or datetime.max, "right")
                if first < last:
                    yield samples[first:last]

    def merge(self, samples: pd.DataFrame, source_files: Iterable[str]) -> None:
        """Merge samples into the store. The file for each month is replaced atomically.

        The names of the source files are stored in the metadata of the file for each month.
        """
        from .parquet import read_month, read_source_files, write_month
        from .sample_table import merge

        with files.lock(self.folder / ".lock"):
            for folder in self.folder.glob("year=*/month=*"):
                files.sweep(folder)
            for month, new in samples.groupby(samples["timestamp"].dt.to_period("M")):
                path = self.path(str(month))
                old = read_month(path) if path.exists() else new[:0]
                names = read_source_files(path)
                merged = merge(old, new)
                if not merged.equals(old) or not names.issuperset(source_files):
                    write_month(path, merged, names.union(source_files))

    def source_files(self, month: str) -> frozenset[str]:
        """Return the names of the source files that were merged into the given month."""
        from .parquet import read_source_files

        return read_source_files(self.path(month))
