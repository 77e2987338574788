"""Collect the trial periods of a source."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from .classes import PeriodPrior

RESOLUTION = 0.2
"""Trial frequencies are different if they differ by this fraction of 1 / baseline."""
RELATIVES = (1, 2, 1 / 2, 3, 1 / 3, 4, 1 / 4, 1 / 5, 3 / 2, 2 / 3, 2 / 5)
"""Multiples of the best periods that are also tried."""
BEST = 4
"""Number of periods whose multiples are tried."""
YEAR = 365.25
"""Period of the seasons in days, which cause aliases of the best periods."""


def trial_periods(
    current: float, listed: Iterable[float], prior: PeriodPrior, baseline: float
) -> NDArray[np.float64]:
    """Return the different trial periods in the range of the class, in days.

    These are the current period, its multiples and aliases, the listed periods, and the multiples
    of the first ones. Two periods are the same if the periodogram of a light curve with the given
    baseline, in days, does not resolve them.
    """
    best = [period for period in (current, *listed) if period > 0]
    multiples = [factor * period for period in best[:BEST] for factor in RELATIVES]
    aliases = [1 / (1 / period + n / YEAR) for period in best[:1] for n in (-1, 1) if period < YEAR]
    tried = [*multiples[: len(RELATIVES)], *aliases, *best, *multiples]
    periods = np.array(tried, np.float64)
    periods = periods[(periods >= prior.shortest) & (periods <= prior.longest)]
    if not len(periods):
        return periods
    cells = np.round(baseline / periods / RESOLUTION)
    first = np.sort(np.unique(cells, return_index=True)[1])
    return np.asarray(periods[first], np.float64)
