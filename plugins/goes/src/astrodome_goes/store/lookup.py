"""The good sample nearest to a time."""

from __future__ import annotations

import numpy as np
from astrodome import AstrodomeError
from numpy.typing import NDArray

from .flux_store import Store
from .samples import DTYPE, Samples, Times

MAX_DIFF = 60.0
"""Seconds between a time and a sample that still answers for it."""

LONGEST = 86400.0
"""The same, at most."""


def nearest(
    store: Store, times: Times, max_diff: float = MAX_DIFF
) -> tuple[Samples, NDArray[np.float64]]:
    """The good sample nearest to each of the UTC times (datetime64[us], shape (N,)).

    Returns N samples and their distances in seconds; the distance is infinite, and
    the sample without meaning, where none lies within ``max_diff`` seconds. Raises
    AstrodomeError when the store is empty or ``max_diff`` is not 0 to 86400.
    """
    if not 0 <= max_diff <= LONGEST:
        raise AstrodomeError(
            f"A sample {max_diff:g} s away does not answer.", "Give 0 to 86400 s.", exit_code=2
        )
    reach = np.timedelta64(round(max_diff * 1e6), "us")
    found = np.zeros(len(times), DTYPE)
    distance = np.full(len(times), np.inf)
    order = np.argsort(times)
    order = order[: len(times) - np.count_nonzero(np.isnat(times))]
    known = times[order]
    months = np.unique(np.r_[known - reach, known + reach].astype("M8[M]"))
    for month in store.indices(months):
        if not len(month):
            continue
        first, last = month.span()
        inside = slice(*np.searchsorted(known, [first - reach, last + reach + 1]))
        wanted, which = known[inside], order[inside]
        index = month.nearest(wanted)
        gap = np.abs(month.times(index) - wanted) / np.timedelta64(1, "s")
        closer = (gap <= max_diff) & (gap < distance[which])
        found[which[closer]] = month.samples(index[closer])
        distance[which[closer]] = gap[closer]
    return found, distance
