"""Download data month by month: find the files, download and read them, and store the samples.

The store records the names of the files from which the samples were read. These files are not
downloaded again.
"""

from __future__ import annotations

import itertools
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from astrodome import AstrodomeError, InvalidInputError, compute, files, settings, times
from astrodome_solar.times import to_datetime64

from ..settings import GoesSettings
from ..store.flux_store import Store
from .client import RESOLUTIONS, ArchiveClient, RemoteFile
from .importing import read_files

ATTEMPTS = 3
"""Maximum number of attempts to download a file."""
PAUSE = 0.5
"""Delay before the second attempt, in seconds. The delay doubles with each further attempt."""
MAX_FAILURES = 4
"""Number of consecutive failed months after which the remaining months are not requested."""
NO_FILES = "the archives contain no files for this month"


@dataclass
class DownloadOutcome(compute.Outcome):
    """Result of a download.

    ``done`` and ``skipped`` are the numbers of downloaded and skipped months. ``failed`` contains
    the name of each incomplete month, and an error message. ``missing`` contains the days for which
    the archives have no file.
    """

    missing: list[date] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        days = [day.isoformat() for day in self.missing]
        return {**super().as_dict(), "days_without_file": days}


def download(
    start: Any,
    end: Any,
    store: str | os.PathLike[str] | None = None,
    *,
    satellite: int = 0,
    resolution: str = "1m",
    jobs: int = 5,
    progress: Callable[[int], None] = lambda days: None,
) -> DownloadOutcome:
    """Download data from the NASA and NOAA archives into the store.

    Files that the store already contains are skipped. Several processes may download into the
    same store at the same time.

    Parameters
    ----------
    start, end : str, date, datetime, numpy.datetime64, pandas.Timestamp or astropy Time
        First and last day (UTC), both included.
    store : Store, str or path-like, optional
        The store, or its folder. The default is the default folder of :class:`Store`.
    satellite : int
        GOES number of the satellite. The default, 0, selects the highest-numbered satellite with
        data on each day.
    resolution : {"1m", "1s"}
        ``"1m"`` selects one-minute averages, and ``"1s"`` selects all samples. The time between
        two samples is 1 second, or 2 to 3 seconds for GOES 15 and earlier satellites. Data before
        March 2001 are only available with one sample every 3 seconds.
    jobs : int
        Number of simultaneous downloads.
    progress : callable
        Function that is called after each month with the number of requested days in that month.

    Returns
    -------
    DownloadOutcome
        ``done`` is the number of downloaded months, and ``skipped`` is the number of months that
        were already complete. ``failed`` contains the name of each incomplete month, and an error
        message. ``missing`` contains the days for which the archives have no file.

    Raises
    ------
    AstrodomeError
        If an argument is invalid.

    Examples
    --------
    >>> import astrodome_goes as goes
    >>> outcome = goes.download("2015-06-01", "2015-06-30", "goes")  # doctest: +SKIP
    >>> outcome.done, outcome.failed  # doctest: +SKIP
    (1, [])
    """
    months = _months(start, end, resolution)
    client = ArchiveClient(settings.section("goes", GoesSettings))
    task = _Task(Store(store), client, satellite, resolution, jobs)
    failures = 0
    for name, month in months:
        if failures >= MAX_FAILURES:
            reason = f"skipped because the previous {MAX_FAILURES} months failed"
            task.outcome.failed.append((name, reason))
            continue
        with files.lock(task.folder(name).with_suffix(".lock")):
            failures = 0 if task.download_month(name, month) else failures + 1
        progress(len(month))
    return task.outcome


def plan_download(
    start: Any,
    end: Any,
    store: str | os.PathLike[str] | None = None,
    *,
    satellite: int = 0,
    resolution: str = "1m",
    progress: Callable[[int], None] = lambda days: None,
) -> compute.Plan:
    """Return the files that :func:`download` would download, without changing the store.

    The parameters are the same as for :func:`download`. Only the file lists of the archives are
    requested. ``skipped`` is the number of files that the store already contains.
    """
    client = ArchiveClient(settings.section("goes", GoesSettings))
    plan, opened = compute.Plan(), Store(store)
    for name, month in _months(start, end, resolution):
        try:
            found = choose_files(client, month, satellite, resolution)
        except AstrodomeError as error:
            plan.failed.append((name, error.message))
            if len(plan.failed) >= MAX_FAILURES:
                raise
            continue
        if not found:
            plan.failed.append((name, NO_FILES))
        stored = opened.source_files(name)
        new = [file.name for file in found if file.name not in stored]
        plan.planned += new
        plan.skipped += len(found) - len(new)
        progress(len(month))
    return plan


def _months(start: Any, end: Any, resolution: str) -> list[tuple[str, list[date]]]:
    """Return the name and the requested days of each month. Raise an error for invalid input."""
    if resolution not in RESOLUTIONS:
        raise InvalidInputError(
            f"Invalid resolution '{resolution}': expected {' or '.join(RESOLUTIONS)}."
        )
    first, last = (to_datetime64(time)[0] for time in (start, end))
    times.check_order(first.item(), last.item())
    days = np.arange(first.astype("M8[D]"), last.astype("M8[D]") + 1).tolist()
    by_month = itertools.groupby(days, lambda day: f"{day:%Y-%m}")
    return [(name, list(group)) for name, group in by_month]


@dataclass
class _Task:
    store: Store
    client: ArchiveClient
    satellite: int
    resolution: str
    jobs: int
    outcome: DownloadOutcome = field(default_factory=DownloadOutcome)

    def folder(self, month: str) -> Path:
        """Return the temporary folder for the files of a month.

        The folder is deleted when the month has been downloaded.
        """
        return self.store.folder / ".files" / month

    def download_month(self, name: str, days: list[date]) -> bool:
        """Download the given days of a month, and return whether the archives responded."""
        try:
            found = choose_files(self.client, days, self.satellite, self.resolution)
            stored = self.store.source_files(name)
            wanted = {file.name: file for file in found if file.name not in stored}
            samples, reasons = self._fetch(wanted, self.folder(name))
            if samples:
                self.store.merge(pd.concat(samples.values()), list(samples))
        except AstrodomeError as error:
            self.outcome.failed.append((name, error.message))
            return False
        shutil.rmtree(self.folder(name), ignore_errors=True)
        if reasons:
            each = "; ".join(f"{file}: {why.rstrip('.')}" for file, why in reasons.items())
            summary = f"{len(reasons)} of {len(found)} files could not be downloaded"
            self.outcome.failed.append((name, f"{summary}: {each}"))
        elif not found:
            self.outcome.failed.append((name, NO_FILES))
        else:
            self.outcome.missing += sorted(set(days) - {file.day for file in found})
            self.outcome.done += bool(wanted)
            self.outcome.skipped += not wanted
        return True

    def _fetch(
        self, wanted: dict[str, RemoteFile], folder: Path
    ) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
        """Download and read files, and return the samples and the reasons for failures.

        Both are returned as dictionaries, keyed by file name. Valid files from an interrupted run
        are reused. A file that cannot be read, for example a web page instead of data, is deleted
        and downloaded again.
        """
        samples: dict[str, pd.DataFrame] = {}
        reasons: dict[str, str] = {}
        for attempt in range(ATTEMPTS + 1):
            missing = [file for name, file in wanted.items() if name not in samples]
            if not missing:
                break
            if attempt:  # The first iteration only reads files from an interrupted run.
                time.sleep(PAUSE * 2 ** (attempt - 2) if attempt > 1 else 0)
                reasons |= self.client.fetch(missing, folder, self.jobs)
            paths = [folder / file.name for file in missing]
            for result in read_files([path for path in paths if path.exists()]):
                name = result.item.name
                if result.value is None:
                    reasons[name] = result.error
                    result.item.unlink(missing_ok=True)
                else:
                    samples[name] = result.value
                    reasons.pop(name, None)
        return samples, reasons


def choose_files(
    client: ArchiveClient, days: list[date], satellite: int, resolution: str
) -> list[RemoteFile]:
    """Return one file for each day with data, in chronological order.

    All ``days`` must be in the same month. If ``satellite`` is 0, the file from the
    highest-numbered satellite is selected for each day. Satellites are searched in descending
    order until a file is found for every day. Raises AstrodomeError if an archive does not
    respond.
    """
    chosen: dict[date, RemoteFile] = {}
    for number in client.satellites(days[0], days[-1]):
        if satellite and number not in (0, satellite):
            continue
        for found in client.find(days[0], number, resolution):
            if found.day not in days or (satellite and found.satellite != satellite):
                continue
            if found.day not in chosen or found.satellite > chosen[found.day].satellite:
                chosen[found.day] = found
        if chosen.keys() >= set(days):
            break
    return [chosen[day] for day in sorted(chosen)]
