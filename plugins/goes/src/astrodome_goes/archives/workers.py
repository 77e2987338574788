"""Many files at once, each read in a process that it may take down with it.

Some broken files make the HDF5 library write where it must not, which ends the process, or turn
in a circle for ever; such a file is named like any other that cannot be read, and the others
are read all the same.
"""

from __future__ import annotations

import faulthandler
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from astrodome import AstrodomeError, compute

from ..store.samples import Samples
from . import formats

LONGEST = 20.0
"""Seconds of processor that a file may take; a day of all samples takes one or two."""

Read = compute.ItemResult[Path, Samples]


def read_all(
    paths: Iterable[Path], satellite: int = 0, jobs: int = 0, longest: float = LONGEST
) -> Iterator[Read]:
    """The samples of each file, or the reason why there are none, in any order.

    ``satellite`` is the GOES number for files that do not say it, ``jobs`` the number of
    processes (0: one a core), ``longest`` the seconds of processor that a file may take.
    """
    left = dict.fromkeys(paths)
    reader = partial(_read, satellite=satellite, longest=longest)
    workers = min(jobs or compute.cores(), len(left)) or 1
    while left:
        try:
            for read in compute.map(reader, list(left), jobs=workers):
                del left[read.item]
                yield read
        except AstrodomeError:  # a process died, with one of the files that were next
            for path in list(left)[: 5 * workers]:
                yield _alone(reader, path)
                del left[path]


def _read(path: Path, satellite: int, longest: float) -> Samples:
    """Read a file in a worker, whose error output nobody needs: the last words of a crash."""
    faulthandler.disable()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    signal.signal(signal.SIGVTALRM, signal.SIG_DFL)  # which ends the process
    signal.setitimer(signal.ITIMER_VIRTUAL, longest)
    try:
        return formats.read(path, satellite)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _alone(reader: Callable[[Path], Samples], path: Path) -> Read:
    try:
        return next(compute.map(reader, [path], jobs=1))
    except AstrodomeError:
        return compute.ItemResult(
            path, error=f"{path} is broken: it cannot be read in time or without a crash."
        )
