"""Times are UTC, however they are written."""

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
def test_a_time_is_read_as_utc(text: str, said: datetime) -> None:
    assert times.utc(text) == said


@pytest.mark.parametrize("text", ["", "yesterday", "2011-13-01", "0001-01-01T00:00+10:00"])
def test_what_is_no_time_is_one_sentence(text: str) -> None:
    with pytest.raises(AstrodomeError, match="is no time"):
        times.utc(text)
