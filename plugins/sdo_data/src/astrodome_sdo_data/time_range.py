"""Parse the start and end times that are passed to public functions."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from astrodome import times
from astrodome_solar.times import parse_time


def parse_range(start: Any, end: Any) -> tuple[datetime, datetime]:
    """Convert start and end times to UTC.

    If ``end`` is a string with a date only, the whole day is included. Raises AstrodomeError if a
    time is invalid, or if the end is before the start.
    """
    first, last = parse_time(start), parse_time(end)
    if isinstance(end, str):
        try:
            date.fromisoformat(end.strip())
        except ValueError:
            pass
        else:
            last += timedelta(days=1) - timedelta.resolution
    times.check_order(first, last)
    return first, last
