"""Start and end of a time range."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from astrodome import times
from astrodome_solar.times import to_datetime64

DATE = re.compile(r"\s*\d{4}-\d\d-\d\d\s*")


def time_range(start: Any, end: Any) -> tuple[np.datetime64 | None, np.datetime64 | None]:
    """Return the start and the end of a time range (datetime64[us], UTC), or None if not given.

    An end without a time of day, such as ``"2011-06-07"``, includes the whole day. Raises
    AstrodomeError if a time is invalid or the end is before the start.
    """
    first = None if start is None else to_datetime64(start)[0]
    last = None if end is None else to_datetime64(end)[0]
    if last is not None and isinstance(end, str) and DATE.fullmatch(end):
        last += np.timedelta64(86_400_000_000 - 1, "us")
    times.check_order(first and first.item(), last and last.item())
    return first, last
