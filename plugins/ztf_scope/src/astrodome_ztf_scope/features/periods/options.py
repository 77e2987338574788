"""Options and results of the period search. This module does not import numba."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from astrodome.errors import InvalidInputError
from numpy.typing import NDArray

Array = NDArray[np.float64]

ALGORITHMS = ("LS", "CE", "AOV", "FPW", "MHF", "BLS", "MHAOV")
"""Names of the period-finding algorithms."""


@dataclass(frozen=True)
class SearchOptions:
    """Options of the period search.

    Parameters
    ----------
    algorithms
        Names of the algorithms, see :data:`ALGORITHMS`.
    max_frequency
        Maximum frequency, in 1/d.
    samples_per_peak
        Number of grid frequencies per 1/baseline.
    top_n
        Number of periods per algorithm.
    full_grid
        Whether to evaluate all frequencies of the grid. By default, every fourth frequency and the
        surroundings of the best of them are evaluated.
    mask_aliases
        Whether to skip the frequency bands in which the observing schedule causes false periods.
    min_frequency
        Minimum frequency, in 1/d. None means 2/baseline.

    Raises
    ------
    InvalidInputError
        If an algorithm is unknown or listed twice, or if a number is not positive.
    """

    algorithms: tuple[str, ...] = ("LS", "CE", "AOV")
    max_frequency: float = 48.0
    samples_per_peak: float = 10
    top_n: int = 10
    full_grid: bool = False
    mask_aliases: bool = True
    min_frequency: float | None = None

    def __post_init__(self) -> None:
        check_algorithms(self.algorithms)
        for name in ("max_frequency", "samples_per_peak", "top_n", "min_frequency"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise InvalidInputError(f"Invalid {name} {value!r}: expected a positive number.")
        if self.top_n != int(self.top_n):
            raise InvalidInputError(f"Invalid top_n {self.top_n!r}: expected an integer.")
        if self.min_frequency is not None and self.min_frequency >= self.max_frequency:
            raise InvalidInputError(
                f"Invalid min_frequency {self.min_frequency:g}: it must be less than "
                f"max_frequency ({self.max_frequency:g}).",
                "Both frequencies are in 1/d.",
            )


def check_algorithms(names: Sequence[str]) -> None:
    """Raise InvalidInputError if a name is unknown or repeated, or if there is no name."""
    valid = f"Valid algorithms: {', '.join(ALGORITHMS)}."
    if isinstance(names, str) or not names:
        raise InvalidInputError(
            f"Invalid algorithms {names!r}: expected at least one name in a tuple.", valid
        )
    for name in names:
        if name not in ALGORITHMS:
            gpu = name[1:] if name[:1] == "E" and name[1:] in ALGORITHMS else ""
            hint = f"Use {gpu}, which SCoPe calls {name} on GPUs. {valid}" if gpu else valid
            raise InvalidInputError(f"Unknown period-finding algorithm {name!r}.", hint)
    if len(set(names)) < len(names):
        raise InvalidInputError(f"Invalid algorithms {', '.join(names)}: a name is repeated.")


@dataclass(frozen=True)
class Peaks:
    """The best periods that one algorithm found in a light curve, in decreasing significance.

    If there are fewer peaks than requested, the remaining elements of all arrays are NaN.

    Parameters
    ----------
    period
        Periods in days, shape (N,).
    value
        Periodogram values at the periods, shape (N,).
    significance
        ``abs(mean - value) / std`` with the mean and the standard deviation of the periodogram,
        shape (N,).
    log10_fap
        Decimal logarithm of the false-alarm probability, shape (N,): the probability that a
        constant star has such a high peak. It is finite for every peak. 0.5 to 0.9 percent of
        simulated constant stars have a value below -2, and 4.5 to 6.5 percent have one below -1.
    mean, std
        Mean and standard deviation of the periodogram.
    """

    period: Array
    value: Array
    significance: Array
    log10_fap: Array
    mean: float = math.nan
    std: float = math.nan
