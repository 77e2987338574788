"""Parsing of times in ISO 8601; the results are in UTC and have no time zone."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from .errors import AstrodomeError

DAY = timedelta(days=1)
LEAP_SECOND = re.compile(r"(:\d\d):60(?:\.\d*)?")


def naive(time: datetime) -> datetime:
    """Return a time in UTC without a time zone.

    Parameters
    ----------
    time
        A time; without a time zone, it is UTC already.

    Examples
    --------
    >>> naive(datetime.fromisoformat("2011-06-07T08:41+02:00"))
    datetime.datetime(2011, 6, 7, 6, 41)
    """
    return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time


def utc(text: str) -> datetime:
    """Parse a time in ISO 8601; use it as the ``parser`` of an option.

    Parameters
    ----------
    text
        Time in UTC, or with a time zone. A leap second (23:59:60) becomes the last microsecond
        before it.

    Returns
    -------
    datetime
        The time in UTC, without a time zone.

    Raises
    ------
    AstrodomeError
        If the text is invalid.

    Examples
    --------
    >>> utc("2011-06-07T06:41Z")
    datetime.datetime(2011, 6, 7, 6, 41)
    """
    try:
        return naive(datetime.fromisoformat(LEAP_SECOND.sub(r"\1:59.999999", text.strip())))
    except (ValueError, OverflowError) as error:  # OverflowError: a time zone in the year 9999
        raise AstrodomeError(
            f"Invalid time '{text}': expected ISO 8601, for example 2011-06-07T06:41:00.",
            exit_code=2,
        ) from error


def utc_end(text: str) -> datetime:
    """Parse the end of a time range; use it as the ``parser`` of an option.

    Parameters
    ----------
    text
        Time in ISO 8601; see :func:`utc`. A date without a time of day means the last microsecond
        of that day, so that the whole day is included.

    Examples
    --------
    >>> utc_end("2011-06-07")
    datetime.datetime(2011, 6, 7, 23, 59, 59, 999999)
    """
    time = utc(text)
    try:
        date.fromisoformat(text.strip())
    except ValueError:
        return time
    return time + (DAY - timedelta.resolution)


def check_order(start: datetime | None, end: datetime | None) -> None:
    """Raise AstrodomeError if both times are given and the end is before the start."""
    if start and end and naive(end) < naive(start):
        raise AstrodomeError(
            f"The end {naive(end).isoformat()} is before the start {naive(start).isoformat()}.",
            "Swap --start and --end, or pass both: an omitted option has its default value.",
            exit_code=2,
        )
