"""Read GOES XRS files in parallel, and import their samples into the store."""

from __future__ import annotations

import faulthandler
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import pandas as pd
from astrodome import AstrodomeError, compute

from ..store.flux_store import Store
from .formats import read_file

ReadFile = compute.ItemResult[Path, pd.DataFrame]

CPU_LIMIT = 20.0
"""Maximum CPU time to read a file, in seconds. One day of one-second data takes 1 to 2 seconds."""
BATCH = 2_000_000
"""Number of samples after which the samples in memory are merged into the store."""
EXTENSIONS = (".csv", ".nc", ".fits", ".fits.gz", ".fit")


def import_files(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    store: str | os.PathLike[str] | None = None,
    *,
    satellite: int = 0,
    jobs: int = 0,
    progress: Callable[[], None] = lambda: None,
) -> compute.Outcome:
    """Import files with XRS data into the store.

    Parameters
    ----------
    paths : path or iterable of paths
        NASA FITS files, NOAA netCDF files, sdo-cli CSV files, or folders that contain such files.
    store : Store, str or path-like, optional
        The store, or its folder. The default is the default folder of :class:`Store`.
    satellite : int
        GOES number for files that do not specify the satellite.
    jobs : int
        Number of processes. The default, 0, means one process per CPU.
    progress : callable
        Function that is called without arguments after each file.

    Returns
    -------
    astrodome.compute.Outcome
        ``done`` is the number of imported files. ``failed`` contains the path of each file that
        cannot be read, and an error message. All other files are imported.

    Raises
    ------
    AstrodomeError
        If a folder contains no XRS files.

    Examples
    --------
    >>> import astrodome_goes as goes
    >>> from sunpy.data.test import get_test_filepath
    >>> goes.import_files(get_test_filepath("go1520110607.fits"), "goes")
    Outcome(done=1, skipped=0, failed=[])
    """
    outcome = compute.Outcome()
    waiting: dict[Path, pd.DataFrame] = {}
    for result in read_files(list_files(paths), satellite, jobs):
        if result.value is None:
            outcome.failed.append((str(result.item), result.error))
        else:
            waiting[result.item] = result.value
        if sum(map(len, waiting.values())) >= BATCH:
            _merge(Store(store), waiting, outcome)
        progress()
    _merge(Store(store), waiting, outcome)
    return outcome


def plan_import(
    paths: Iterable[Path],
    satellite: int = 0,
    jobs: int = 0,
    progress: Callable[[], None] = lambda: None,
) -> compute.Plan:
    """Return the files that :func:`import_files` would import. All files are read."""
    plan = compute.Plan()
    for result in read_files(paths, satellite, jobs):
        if result.value is None:
            plan.failed.append((str(result.item), result.error))
        else:
            plan.planned.append(str(result.item))
        progress()
    plan.planned.sort()
    return plan


def _merge(store: Store, waiting: dict[Path, pd.DataFrame], outcome: compute.Outcome) -> None:
    """Merge the samples in memory into the store, and remove them from ``waiting``."""
    if waiting:
        store.merge(pd.concat(waiting.values()), {path.name for path in waiting})
    outcome.done += len(waiting)
    waiting.clear()


def list_files(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Return the paths, with each folder replaced by the sorted paths of the XRS files in it.

    Raises AstrodomeError if a folder contains no XRS files.
    """
    given = [paths] if isinstance(paths, str | os.PathLike) else paths
    found: list[Path] = []
    for path in (Path(path).expanduser() for path in given):
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(p for p in path.rglob("*") if p.name.lower().endswith(EXTENSIONS))
        if not inside:
            raise AstrodomeError(
                f"No XRS files found in {path}.", f"Expected extensions: {', '.join(EXTENSIONS)}."
            )
        found += inside
    return list(dict.fromkeys(found))


def read_files(
    paths: Iterable[Path], satellite: int = 0, jobs: int = 0, cpu_limit: float = CPU_LIMIT
) -> Iterator[ReadFile]:
    """Read files in worker processes, and yield the samples or the error for each file.

    Some damaged files crash the HDF5 library or cause an infinite loop in it. These files are
    reported in the same way as other invalid files. ``cpu_limit`` is the maximum CPU time per
    file, in seconds.
    """
    left = dict.fromkeys(paths)
    read = partial(_read_in_worker, satellite=satellite, cpu_limit=cpu_limit)
    workers = min(jobs or compute.cores(), len(left)) or 1
    while left:
        try:
            for result in compute.map(read, list(left), jobs=workers):
                del left[result.item]
                yield result
        except AstrodomeError:  # A worker process crashed while reading a file.
            for path in list(left)[: 5 * workers]:
                yield _read_alone(read, path)
                del left[path]


def _read_in_worker(path: Path, satellite: int, cpu_limit: float) -> pd.DataFrame:
    faulthandler.disable()
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)  # Suppress messages that libraries print before a crash.
    os.close(null)
    signal.signal(signal.SIGVTALRM, signal.SIG_DFL)  # This signal terminates the process.
    signal.setitimer(signal.ITIMER_VIRTUAL, cpu_limit)
    try:
        return read_file(path, satellite)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _read_alone(read: Callable[[Path], pd.DataFrame], path: Path) -> ReadFile:
    try:
        return next(compute.map(read, [path], jobs=1))
    except AstrodomeError:
        why = f"{path} is damaged: reading it crashed the library or exceeded the time limit."
        return compute.ItemResult(path, error=why)
