"""Run the tasks in ``older_goes.py`` with ``astrodome_goes``."""

from typing import Any

import numpy as np
from astrodome_goes import Store, flux_at
from serve import serve


def flux(folder: str, times: list[str]) -> Any:
    """Look up each time with a separate library call. As in sdo-cli, times are strings."""
    store = Store(folder)
    return lambda: check([flux_at(store, text)[0] for text in times])


def flux_in_one_call(folder: str, times: list[str]) -> Any:
    requested = np.array(times, "M8[us]")
    return lambda: check(flux_at(Store(folder), requested))


def check(found: Any) -> None:
    if not np.isfinite(found).all():
        raise RuntimeError("No sample found for some times.")


serve({"flux": flux, "flux_in_one_call": flux_in_one_call})
