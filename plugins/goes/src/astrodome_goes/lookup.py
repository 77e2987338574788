"""The good sample nearest to a time."""

from __future__ import annotations

import numpy as np
from astrodome import AstrodomeError
from numpy.typing import NDArray

from .samples import DTYPE, Samples, Times, good
from .store import Store

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
    known = times[~np.isnat(times)]
    for month in store.read(np.unique(np.r_[known - reach, known + reach].astype("M8[M]"))):
        usable = month[good(month)]
        if not len(usable):
            continue
        samples = np.ascontiguousarray(usable["timestamp"])
        which = np.flatnonzero((times >= samples[0] - reach) & (times <= samples[-1] + reach))
        index = _closest(samples, times[which])
        gap = np.abs(samples[index] - times[which]) / np.timedelta64(1, "s")
        closer = (gap <= max_diff) & (gap < distance[which])
        found[which[closer]] = usable[index[closer]]
        distance[which[closer]] = gap[closer]
    return found, distance


def _closest(samples: Times, times: Times) -> NDArray[np.intp]:
    """Indices of the samples (in order, at least one) that are nearest to the times."""
    after = np.searchsorted(samples, times).clip(0, len(samples) - 1)
    before = (after - 1).clip(0)
    return np.where(times - samples[before] <= np.abs(samples[after] - times), before, after)
