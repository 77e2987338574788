"""Times as people and services write them: UTC, without time zone once they are read."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from .errors import AstrodomeError

LEAP_SECOND = re.compile(r"(:\d\d):60(?:\.\d*)?")


def naive(time: datetime) -> datetime:
    """The time in UTC, without time zone; one that has none is UTC already."""
    return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time


def utc(text: str) -> datetime:
    """The UTC time that a text in ISO 8601 says; made to be the ``parser`` of an option.

    A leap second (23:59:60) becomes the last microsecond before it. Raises AstrodomeError
    when the text is no time.
    """
    try:
        return naive(datetime.fromisoformat(LEAP_SECOND.sub(r"\1:59.999999", text.strip())))
    except (ValueError, OverflowError) as error:  # the latter for a zone at the end of the calendar
        raise AstrodomeError(
            f"'{text}' is no time.", "Write UTC in ISO 8601: 2011-06-07T06:41:00", exit_code=2
        ) from error
