"""Convert ISO 8601 times to UTC datetimes without a time zone."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from .errors import InvalidInputError

DAY = timedelta(days=1)
LEAP_SECOND = re.compile(r"(:\d\d):60(?:\.\d*)?")


def naive(time: datetime) -> datetime:
    """Convert a time to UTC and remove its time zone.

    Parameters
    ----------
    time
        Time to convert. A time without a time zone is assumed to be in UTC.

    Examples
    --------
    >>> naive(datetime.fromisoformat("2011-06-07T08:41+02:00"))
    datetime.datetime(2011, 6, 7, 6, 41)
    """
    return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time


def utc(text: str) -> datetime:
    """Parse an ISO 8601 time, for example as the ``parser`` of a Typer option.

    Parameters
    ----------
    text
        Time in UTC or with a time zone. A leap second (23:59:60) is converted to the last
        microsecond before it.

    Returns
    -------
    datetime
        The time in UTC without a time zone.

    Raises
    ------
    AstrodomeError
        If the text is not a valid time.

    Examples
    --------
    >>> utc("2011-06-07T06:41Z")
    datetime.datetime(2011, 6, 7, 6, 41)
    """
    try:
        return naive(datetime.fromisoformat(LEAP_SECOND.sub(r"\1:59.999999", text.strip())))
    except (ValueError, OverflowError) as error:  # OverflowError: a time zone in the year 9999
        raise InvalidInputError(
            f"Invalid time '{text}': expected ISO 8601, for example 2011-06-07T06:41:00."
        ) from error


def utc_end(text: str) -> datetime:
    """Parse the end of a time range, for example as the ``parser`` of a Typer option.

    Parameters
    ----------
    text
        ISO 8601 time; see :func:`utc`. A date without a time of day is converted to the last
        microsecond of that day, so that the whole day is included.

    Examples
    --------
    >>> utc_end("2011-06-07")
    datetime.datetime(2011, 6, 7, 23, 59, 59, 999999)
    """
    time = utc(text)
    return time + (DAY - timedelta.resolution) if is_date(text) else time


def is_date(text: str) -> bool:
    """Return whether a text is an ISO 8601 date without a time of day."""
    try:
        date.fromisoformat(text.strip())
    except ValueError:
        return False
    return True


def check_order(start: datetime | None, end: datetime | None) -> None:
    """Raise AstrodomeError if both times are given and ``end`` is before ``start``."""
    if start and end and naive(end) < naive(start):
        raise InvalidInputError(
            f"The end time {naive(end).isoformat()} is before the start time "
            f"{naive(start).isoformat()}.",
            "Correct the order of the times. If you specified only one time, the other one has its "
            "default value.",
        )
