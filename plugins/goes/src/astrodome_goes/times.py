"""Parse the start and end of a time range."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from astrodome import times
from astrodome_solar.times import to_datetime64

DATE = re.compile(r"\s*\d{4}-\d\d-\d\d\s*")


def time_range(start: Any, end: Any) -> tuple[np.datetime64 | None, np.datetime64 | None]:
    """Return the start and end of a time range as UTC times with dtype ``datetime64[us]``.

    A time that is not given is returned as None. If ``end`` is a date string without a time, such
    as ``"2011-06-07"``, the whole day is included. Raises AstrodomeError if a time is invalid or
    ``end`` is before ``start``.
    """
    first = None if start is None else to_datetime64(start)[0]
    last = None if end is None else to_datetime64(end)[0]
    if last is not None and isinstance(end, str) and DATE.fullmatch(end):
        last += np.timedelta64(86_400_000_000 - 1, "us")
    times.check_order(first and first.item(), last and last.item())
    return first, last
