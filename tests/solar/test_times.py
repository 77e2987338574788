"""Times of headers, services and users, converted to UTC."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from astrodome import AstrodomeError
from astrodome_solar import parse_range, parse_time, to_datetime64
from astropy.time import Time

NOON = datetime(2013, 3, 1, 12, 0, 11, 340_000)


@pytest.mark.parametrize(
    "text",
    [
        "2013-03-01T12:00:11.34",
        "2013-03-01 12:00:11.340",
        "2013-03-01T12:00:11.34Z",
        "2013-03-01T12:00:11.34 UTC",
        "2013-03-01T14:00:11.34+02:00",
        " 1-Mar-2013 12:00:11.340",
        "1-Mar-2013 12:00:11.340 UTC",
        "2013/03/01T12:00:11.34",
        "2013.03.01_12:00:46.340_TAI",
    ],
)
def test_unambiguous_texts_are_converted(text: str) -> None:
    assert parse_time(text) == NOON


@pytest.mark.parametrize(
    "text",
    [
        *("UNKNOWN", "now", "", "   ", "N/A", "2013", "2456352.5", "0", "nan", "today"),
        *("1-Mar-13 12:00:11", "01-03-2013 12:00", "2013-02-30T00:00:00", "2013-03-01T25:00"),
        *("0000-00-00T00:00:00", "2013-03-01T12:00:61", "yesterday UTC", "Z"),
    ],
)
def test_other_texts_are_errors_that_contain_the_value(text: str) -> None:
    with pytest.raises(AstrodomeError) as failed:
        parse_time(text)
    assert f"Invalid time {text!r}: expected ISO 8601" in failed.value.message


@pytest.mark.parametrize(
    "value",
    [
        NOON,
        NOON.replace(tzinfo=timezone.utc),  # noqa: UP017
        NOON.replace(hour=14).replace(tzinfo=timezone(timedelta(hours=2))),
        np.datetime64("2013-03-01T12:00:11.340"),
        np.datetime64("2013-03-01T12:00:11.340000123"),
        pd.Timestamp("2013-03-01T12:00:11.340000123"),
        pd.Timestamp("2013-03-01T14:00:11.34", tz="Europe/Helsinki"),
        Time("2013-03-01T12:00:11.34"),
        Time("2013-03-01T12:00:46.34", scale="tai"),
        Time("2013-03-01T12:00:11.3399996"),
        Time("2013-03-01T12:00:11.3400004"),
    ],
)
def test_objects_of_all_libraries_are_converted(value: object) -> None:
    found = parse_time(value)
    assert found == NOON and type(found) is datetime


@pytest.mark.parametrize("value", [None, 2013, 1.5, pd.NaT, np.datetime64("NaT"), b"2013-03-01"])
def test_other_objects_are_errors(value: object) -> None:
    with pytest.raises(AstrodomeError, match="Invalid time"):
        parse_time(value)


def test_a_leap_second_becomes_the_first_moment_of_the_next_day() -> None:
    midnight = datetime(2012, 7, 1)
    assert parse_time("2012-06-30T23:59:60.34") == midnight
    assert parse_time(Time("2012-06-30T23:59:60.34")) == midnight
    assert parse_time("2012-06-30T23:59:59.999") == midnight - timedelta(milliseconds=1)
    assert parse_time("2012-07-01T00:00:34.5", scale="tai") == midnight


def test_a_time_scale_applies_to_texts_without_one() -> None:
    assert parse_time("2013-03-01T12:00:46.34", scale="tai") == NOON
    assert parse_time("2013-03-01T12:00:11.34Z", scale="tai") == NOON
    assert parse_time("2013.03.01_12:00:46.34_TAI", scale="utc") == NOON


@pytest.mark.parametrize(
    "values",
    [
        ["2013-03-01T12:00:11.34", "2013-03-01T12:01:11.34Z"],
        np.array(["2013-03-01T12:00:11.34", "2013-03-01T12:01:11.34"], "datetime64[ms]"),
        pd.DatetimeIndex(["2013-03-01T12:00:11.34", "2013-03-01T12:01:11.34"]),
        pd.DatetimeIndex(["2013-03-01T12:00:11.34", "2013-03-01T12:01:11.34"], tz="UTC"),
        pd.Series(pd.to_datetime(["2013-03-01T12:00:11.34", "2013-03-01T12:01:11.34"])),
        pd.Series(pd.to_datetime(["2013-03-01T12:00:11.34Z", "2013-03-01T12:01:11.34Z"])),
        Time(["2013-03-01T12:00:11.34", "2013-03-01T12:01:11.34"]),
        (NOON, NOON + timedelta(minutes=1)),
    ],
)
def test_several_times_become_an_array(values: object) -> None:
    found = to_datetime64(values)
    assert found.dtype == "datetime64[us]"
    assert found.tolist() == [NOON, NOON + timedelta(minutes=1)]


@pytest.mark.parametrize("value", ["2013-03-01T12:00:11.34", NOON, Time(NOON), pd.Timestamp(NOON)])
def test_one_time_becomes_an_array_with_one_element(value: object) -> None:
    assert to_datetime64(value).tolist() == [NOON]


@pytest.mark.parametrize("end", ["2011-06-07", " 20110607 ", date(2011, 6, 7)])
def test_an_end_without_a_time_of_day_includes_the_day(end: object) -> None:
    last = datetime(2011, 6, 7, 23, 59, 59, 999999)
    assert parse_range("2011-06-01", end) == (datetime(2011, 6, 1), last)
    assert parse_range(date(2011, 6, 7), end) == (datetime(2011, 6, 7), last)
    with pytest.raises(AstrodomeError, match="is before the start"):
        parse_range("2011-06-08", end)


def test_an_end_with_a_time_of_day_is_exact() -> None:
    for end in ("2011-06-07T00:00", datetime(2011, 6, 7), np.datetime64("2011-06-07T00:00")):
        assert parse_range("2011-06-07", end) == (datetime(2011, 6, 7), datetime(2011, 6, 7))


def test_only_an_optional_limit_can_be_omitted() -> None:
    assert parse_range(None, None, optional=True) == (None, None)
    assert parse_range("2011-06-07", None, optional=True) == (datetime(2011, 6, 7), None)
    with pytest.raises(AstrodomeError, match="Invalid time None"):
        parse_range("2011-06-07", None)
