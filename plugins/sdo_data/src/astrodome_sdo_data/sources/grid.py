"""Create grids of requested times, and parse pandas offset aliases."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

import pandas as pd
from astrodome import InvalidInputError, times

OLD_ALIASES = {"T": "min", "H": "h", "S": "s"}
"""Mapping from pandas aliases that pandas 3 does not support to the current aliases."""


def time_grid(
    start: datetime, end: datetime, freq: str, wavelength: Sequence[int], cadence: float = 0.0
) -> pd.DataFrame:
    """Return one row for each time from ``start`` to ``end`` (both included) and each wavelength.

    ``freq`` is a pandas offset alias, for example ``6min``, ``1h`` or ``1D``. Raises
    AstrodomeError if ``freq`` is invalid or is not a multiple of ``cadence`` seconds, or if ``end``
    is before ``start``.
    """
    start, end = times.naive(start), times.naive(end)
    times.check_order(start, end)
    step = offset(freq)
    seconds = step.nanos / 1e9 if isinstance(step, pd.offsets.Tick) else 0
    if cadence and seconds % cadence:
        raise InvalidInputError(
            f"Invalid interval '{freq}': the images have a cadence of {cadence / 60:g} min.",
            f"Use a multiple of the cadence, for example {cadence / 60:g}min, 60min or 1D.",
        )
    t_obs = pd.date_range(start, end, freq=step, unit="us")
    unique = list(dict.fromkeys(wavelength))
    index = pd.MultiIndex.from_product([t_obs, unique], names=["t_obs", "wavelength"])
    return index.to_frame(index=False)


def check_wavelengths(source: str, requested: Sequence[int], available: Sequence[int]) -> None:
    """Raise AstrodomeError if the source with the given name lacks a requested wavelength."""
    if unknown := sorted(set(requested) - set(available)):
        raise InvalidInputError(
            f"{source} does not provide images at {', '.join(map(str, unknown))} angstrom.",
            f"Available wavelengths: {', '.join(map(str, sorted(available)))}.",
        )


def offset(freq: str) -> pd.offsets.BaseOffset:
    """Return the pandas offset for an alias.

    Raises AstrodomeError if the alias is invalid or the offset is not positive.
    """
    current = re.sub(r"[THS]$", lambda found: OLD_ALIASES[found[0]], freq.strip())
    try:
        step = pd.tseries.frequencies.to_offset(current)
    except ValueError:
        step = None
    if step is None or step.n <= 0:
        raise InvalidInputError(
            f"Invalid interval '{freq}': expected a number and a unit.",
            "For example: 6min, 1h or 1D. Other pandas offset aliases are also valid.",
        )
    return step


def interval(freq: str) -> timedelta:
    """Convert an offset alias with a fixed duration, such as ``6min`` or ``1D``, to a timedelta."""
    step = offset(freq)
    try:
        duration: timedelta = pd.Timedelta(step).to_pytimedelta()
    except ValueError:
        raise InvalidInputError(
            f"Invalid interval '{freq}': expected a fixed duration.",
            "Use minutes, hours or days, for example 6min, 1h or 30D.",
        ) from None
    return duration
