"""Many files at once, each read in a process that it may take down with it.

Some broken files make the HDF5 library write where it must not, which ends the process; such a
file is named like any other that cannot be read, and the others are read all the same.
"""

from __future__ import annotations

import faulthandler
import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from astrodome import AstrodomeError, compute

from . import archive
from .samples import Samples

Read = compute.Done[Path, Samples]


def read_all(paths: Iterable[Path], satellite: int = 0, jobs: int = 0) -> Iterator[Read]:
    """The samples of each file, or the reason why there are none, in any order.

    ``satellite`` is the GOES number for files that do not say it, ``jobs`` the number of
    processes (0: one a core).
    """
    left = dict.fromkeys(paths)
    reader = partial(_read, satellite=satellite)
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


def _read(path: Path, satellite: int) -> Samples:
    """Read a file in a worker, whose error output nobody needs: the last words of a crash."""
    faulthandler.disable()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    return archive.read(path, satellite)


def _alone(reader: Callable[[Path], Samples], path: Path) -> Read:
    try:
        return next(compute.map(reader, [path], jobs=1))
    except AstrodomeError:
        return compute.Done(path, error=f"{path} is broken: the library that reads it crashes.")
