"""The tasks as astrodome's library for ``sdo goes`` does them; the twin of ``older_goes.py``."""

import time
from pathlib import Path

import numpy as np
from astrodome_goes.source import GoesFlux
from serve import serve


def flux(folder: str, times: list[str]) -> float:
    wanted = np.array(times, "M8[us]")
    started = time.perf_counter()
    found = GoesFlux(Path(folder)).flux_at(wanted)
    taken = time.perf_counter() - started
    if not np.isfinite(found).all():
        raise RuntimeError("Some times were not found.")
    return taken


def flux_one_by_one(folder: str, times: list[str]) -> float:
    """Call the library once for each time, given as text, like sdo-cli."""
    source = GoesFlux(Path(folder))
    started = time.perf_counter()
    found = [source.flux_at(text)[0] for text in times]
    taken = time.perf_counter() - started
    if not np.isfinite(found).all():
        raise RuntimeError("Some times were not found.")
    return taken


serve({"flux": flux, "flux_one_by_one": flux_one_by_one})
