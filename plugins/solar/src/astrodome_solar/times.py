"""Convert times in various formats to UTC. Ambiguous or invalid times are errors."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any, Literal, overload

import numpy as np
from astrodome import AstrodomeError, InvalidInputError, times
from numpy.typing import NDArray

from .library_errors import converted_errors

UTC_SUFFIX = re.compile(r"\s*(?:UTC|Z)$", re.IGNORECASE)
LEAP_SECOND = re.compile(r"T23:59:60")
MORE_SECONDS = re.compile(r":\d\d:[6-9]")
"""Pattern that matches times with 60 or more seconds, which are valid only in a leap second."""


def parse_time(value: Any, scale: str = "utc") -> datetime:
    """Convert a time to a datetime in UTC without a time zone.

    Parameters
    ----------
    value : str, date, datetime, numpy.datetime64, pandas.Timestamp or astropy.time.Time
        Time to convert. A date is the start of the day. A string must be in ISO 8601 format, or
        in another unambiguous format that sunpy supports, for example ``2012/03/04 00:00:34``,
        ``2012.03.04_00:00:34_TAI`` or ``4-Mar-2012 00:00:34.5``. It may end with ``Z`` or ``UTC``.
    scale : str
        Time scale of strings that do not end with ``Z``, ``UTC`` or ``_TAI``, for example ``tai``.

    Returns
    -------
    datetime.datetime
        The time in UTC. A leap second is converted to the start of the next day.

    Raises
    ------
    AstrodomeError
        If the value is not a valid time.

    Examples
    --------
    >>> parse_time("2012.03.04_00:00:34_TAI")
    datetime.datetime(2012, 3, 4, 0, 0)
    >>> parse_time(" 1-Mar-2013 12:00:11.340")
    datetime.datetime(2013, 3, 1, 12, 0, 11, 340000)
    """
    try:
        return _converted(value, scale)
    except (ValueError, TypeError, OverflowError, AstrodomeError) as error:
        raise InvalidInputError(
            f"Invalid time {value!r}: expected ISO 8601, for example 2011-06-07T06:41:00."
        ) from error


@overload
def parse_range(start: Any, end: Any) -> tuple[datetime, datetime]: ...


@overload
def parse_range(
    start: Any, end: Any, *, optional: Literal[True]
) -> tuple[datetime | None, datetime | None]: ...


def parse_range(
    start: Any, end: Any, *, optional: bool = False
) -> tuple[datetime | None, datetime | None]:
    """Convert the start and the end of a time range to UTC.

    Parameters
    ----------
    start, end : time
        Times of any type that :func:`parse_time` accepts. An end without a time of day, such as
        ``"2011-06-07"``, includes the whole day.
    optional : bool
        Whether ``start`` and ``end`` can be None, which is returned unchanged.

    Returns
    -------
    tuple of datetime.datetime
        The first and the last time of the range, both inclusive.

    Raises
    ------
    AstrodomeError
        If a time is invalid, or if the end time is before the start time.

    Examples
    --------
    >>> parse_range("2011-06-07", "2011-06-07")[1]
    datetime.datetime(2011, 6, 7, 23, 59, 59, 999999)
    """
    first = None if optional and start is None else parse_time(start)
    last = None if optional and end is None else parse_time(end)
    if last is not None and _is_date(end):
        last += times.DAY - timedelta.resolution
    times.check_order(first, last)
    return first, last


def to_datetime64(values: Any) -> NDArray[np.datetime64]:
    """Convert one or more times to an array of ``datetime64[us]`` in UTC.

    Parameters
    ----------
    values : time or sequence of times
        One or more times of any type that :func:`parse_time` accepts, including arrays, pandas
        objects and astropy ``Time`` objects.

    Returns
    -------
    numpy.ndarray
        The times, with shape (N,).

    Raises
    ------
    AstrodomeError
        If a value is not a valid time.

    Examples
    --------
    >>> to_datetime64(["2011-06-07T06:41", "2011-06-07T06:42:00.5Z"])
    array(['2011-06-07T06:41:00.000000', '2011-06-07T06:42:00.500000'],
          dtype='datetime64[us]')
    """
    if getattr(values, "tz", None) is not None and hasattr(values, "tz_convert"):
        values = values.tz_convert("UTC").tz_localize(None)  # pandas.DatetimeIndex or Timestamp
    dtype = getattr(values, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind == "M":
        return np.atleast_1d(np.asarray(values, "datetime64[us]"))
    several = isinstance(values, Iterable) and not isinstance(values, str)
    if several and getattr(values, "isscalar", False):  # a scalar astropy Time
        several = False
    each = list(values) if several else [values]
    return np.array([parse_time(value) for value in each], "datetime64[us]")


def _converted(value: Any, scale: str) -> datetime:
    astropy_time = sys.modules.get("astropy.time")
    if astropy_time and isinstance(value, astropy_time.Time):
        return _from_astropy(value)
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[us]").item()
    if type(value) is date:
        return datetime(value.year, value.month, value.day)
    if isinstance(value, datetime) and value == value:  # pandas.NaT is not equal to itself
        return times.naive(datetime.combine(value.date(), value.timetz()))
    if not isinstance(value, str) or not value.strip()[:1].isdigit():
        raise ValueError
    text = value.strip()
    if marked := UTC_SUFFIX.search(text):
        text, scale = text[: marked.start()], "utc"
    if scale == "utc":
        try:
            return times.naive(datetime.fromisoformat(text))
        except ValueError:
            pass
    from sunpy.time import parse_time as sunpy_parse_time

    with converted_errors("Invalid time"):
        time = sunpy_parse_time(text, scale=scale)
    if MORE_SECONDS.search(text) and not LEAP_SECOND.search(_utc_text(time)):
        raise ValueError
    return _from_astropy(time)


def _is_date(value: Any) -> bool:
    """Return whether a time has no time of day."""
    return type(value) is date or (isinstance(value, str) and times.is_date(value))


def _from_astropy(time: Any) -> datetime:
    text = _utc_text(time)
    if LEAP_SECOND.search(text):
        return datetime.fromisoformat(f"{text[:17]}59") + timedelta(seconds=1)
    return datetime.fromisoformat(text)


def _utc_text(time: Any) -> str:
    utc = time.utc.copy("isot")
    utc.precision = 6
    return str(utc.value)
