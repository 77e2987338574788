"""Times are parsed as UTC."""

from __future__ import annotations

from datetime import datetime

import pytest
from astrodome import AstrodomeError, times


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2011-06-07T06:41:00", datetime(2011, 6, 7, 6, 41)),
        (" 2011-06-07 ", datetime(2011, 6, 7)),
        ("2011-06-07T08:41+02:00", datetime(2011, 6, 7, 6, 41)),
        ("2016-12-31T23:59:60", datetime(2016, 12, 31, 23, 59, 59, 999999)),
        ("2016-12-31 23:59:60.5Z", datetime(2016, 12, 31, 23, 59, 59, 999999)),
    ],
)
def test_a_time_is_parsed_as_utc(text: str, said: datetime) -> None:
    assert times.utc(text) == said


@pytest.mark.parametrize("text", ["", "yesterday", "2011-13-01", "0001-01-01T00:00+10:00"])
def test_an_invalid_time_is_an_error(text: str) -> None:
    with pytest.raises(AstrodomeError, match="Invalid time"):
        times.utc(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2011-06-07", datetime(2011, 6, 7, 23, 59, 59, 999999)),
        (" 20110607 ", datetime(2011, 6, 7, 23, 59, 59, 999999)),
        ("2011-06-07T00:00", datetime(2011, 6, 7)),
        ("2011-06-07 06:41", datetime(2011, 6, 7, 6, 41)),
        ("9999-12-31", datetime.max),
    ],
)
def test_an_end_that_is_a_date_includes_the_day(text: str, said: datetime) -> None:
    assert times.utc_end(text) == said


def test_an_invalid_end_is_reported_like_an_invalid_start() -> None:
    with pytest.raises(AstrodomeError, match="Invalid time '2011-06-31'"):
        times.utc_end("2011-06-31")


def test_only_an_end_before_the_start_is_an_error() -> None:
    early, late = datetime(2011, 6, 7), datetime(2011, 6, 7, 0, 0, 0, 1)
    for start, end in ((early, late), (early, early), (None, early), (late, None), (None, None)):
        times.check_order(start, end)
    with pytest.raises(AstrodomeError, match=r"2011-06-07T00:00:00 is before the start") as error:
        times.check_order(late, early)
    assert error.value.exit_code == 2
