"""The tasks of ``older_goes.py`` with the library of ``sdo goes``."""

import time

import numpy as np
from astrodome_goes import Store, flux_at
from serve import serve


def flux(folder: str, times: list[str]) -> float:
    wanted = np.array(times, "M8[us]")
    started = time.perf_counter()
    found = flux_at(Store(folder), wanted)
    taken = time.perf_counter() - started
    if not np.isfinite(found).all():
        raise RuntimeError("No sample found for some times.")
    return taken


def flux_one_by_one(folder: str, times: list[str]) -> float:
    """Call the library once for each time, given as text, like sdo-cli."""
    store = Store(folder)
    started = time.perf_counter()
    found = [flux_at(store, text)[0] for text in times]
    taken = time.perf_counter() - started
    if not np.isfinite(found).all():
        raise RuntimeError("No sample found for some times.")
    return taken


serve({"flux": flux, "flux_one_by_one": flux_one_by_one})
