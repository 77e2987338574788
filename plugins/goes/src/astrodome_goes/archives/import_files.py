"""From files of the archives into the store: read on every core, merged in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from astrodome import AstrodomeError, compute

from ..store.flux_store import Store
from ..store.samples import Samples
from .workers import read_all

BATCH = 2_000_000
"""Rows that are read before the months they belong to are written."""


ENDINGS = (".csv", ".nc", ".fits", ".fits.gz", ".fit")
"""Of the files that are taken from a folder."""


def expanded(paths: Iterable[Path]) -> list[Path]:
    """The paths, with each folder replaced by the files in it and below, in order of names.

    Raises AstrodomeError for a folder without any.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(p for p in path.rglob("*") if p.name.lower().endswith(ENDINGS))
        if not inside:
            raise AstrodomeError(
                f"The folder {path} holds no XRS files.", f"They end in {', '.join(ENDINGS)}."
            )
        found += inside
    return list(dict.fromkeys(found))


def ingest(
    store: Store,
    paths: Sequence[Path],
    satellite: int = 0,
    jobs: int = 0,
    progress: Callable[[], None] = lambda: None,
) -> compute.Outcome:
    """Bring files into the store; one that cannot be read is named and stops no other.

    A file counts as done once its samples are stored: after a kill, the same call
    finishes the work.
    """
    outcome = compute.Outcome()
    waiting: list[tuple[str, Samples]] = []

    def store_waiting() -> None:
        if waiting:
            store.merge(
                np.concatenate([part for _, part in waiting]), [name for name, _ in waiting]
            )
        outcome.done += len(waiting)
        waiting.clear()

    for read in read_all(paths, satellite, jobs):
        if read.value is None:
            outcome.failed.append((str(read.item), read.error))
        else:
            waiting.append((read.item.name, read.value))
            if sum(len(part) for _, part in waiting) >= BATCH:
                store_waiting()
        progress()
    store_waiting()
    return outcome
