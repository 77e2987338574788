"""Collect the trial periods of a source."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from .classes import PeriodPrior

TOLERANCE = 0.01
"""Relative difference below which two trial periods are the same."""


def trial_periods(
    current: float, listed: Iterable[float], prior: PeriodPrior
) -> NDArray[np.float64]:
    """Return the different trial periods in the range of the class, in days.

    The first ones are the current period, its double and its half, then the listed periods in their
    order.
    """
    found: list[float] = []
    logs = np.empty(0)
    for period in (current, 2 * current, current / 2, *listed):
        period = float(period)
        if period > 0 and prior.contains(period):
            near = np.abs(logs - np.log(period)) < np.log1p(TOLERANCE)
            if not near.any():
                found.append(period)
                logs = np.append(logs, np.log(period))
    return np.array(found)
