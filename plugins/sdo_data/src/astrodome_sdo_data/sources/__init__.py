"""Archives of solar images: a module each, and what they share.

Every archive keeps the protocol ``astrodome_solar.protocols.ImageSource`` and is registered in
``plugin``. :mod:`.host` is how they talk to a server; :func:`grid` the rows of those that are asked
for times, not searched.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

import pandas as pd
from astrodome import AstrodomeError, times

OLD_ALIASES = {"T": "min", "H": "h", "S": "s"}
"""How pandas wrote minutes, hours and seconds before its version 3."""


def grid(
    start: datetime, end: datetime, freq: str, wavelength: Sequence[int], cadence: float = 0.0
) -> pd.DataFrame:
    """A row for each time from ``start`` to ``end`` (UTC, both included) and each wavelength.

    ``freq`` is a pandas offset alias such as ``6min``, ``1h`` or ``1D``. Raises
    AstrodomeError when it is none, when it is no multiple of the ``cadence`` (s) of the
    archive, and when ``end`` comes before ``start``.
    """
    start, end = times.naive(start), times.naive(end)
    times.check_order(start, end)
    step = _step(freq)
    seconds = getattr(step, "nanos", 0) / 1e9 if isinstance(step, pd.offsets.Tick) else 0
    if cadence and seconds % cadence:
        raise AstrodomeError(
            f"'{freq}' is no multiple of the archive's cadence of {cadence / 60:g} min.",
            f"Give a --freq such as {cadence / 60:g}min, 60min or 1D.",
            exit_code=2,
        )
    moments = pd.date_range(start, end, freq=step, unit="us")
    each = pd.MultiIndex.from_product(
        [moments, list(dict.fromkeys(wavelength))], names=["t_obs", "wavelength"]
    )
    return each.to_frame(index=False)


def _step(freq: str) -> pd.offsets.BaseOffset:
    spelled = re.sub(r"[THS]$", lambda found: OLD_ALIASES[found[0]], freq.strip())
    try:
        step = pd.tseries.frequencies.to_offset(spelled)
    except ValueError:
        step = None
    if step is None or step.n <= 0:
        raise AstrodomeError(
            f"'{freq}' is no interval of time.", "Give one such as 6min, 60min or 1D.", exit_code=2
        )
    return step
