"""Parse the start and end of a time range."""

from __future__ import annotations

from typing import Any

import numpy as np
from astrodome_solar.times import parse_range


def time_range(start: Any, end: Any) -> tuple[np.datetime64 | None, np.datetime64 | None]:
    """Return the result of ``parse_range`` with dtype ``datetime64[us]``."""
    first, last = parse_range(start, end, optional=True)
    return (
        None if first is None else np.datetime64(first, "us"),
        None if last is None else np.datetime64(last, "us"),
    )
