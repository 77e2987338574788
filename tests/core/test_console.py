"""What a pipe, a program and a person get."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pytest
from astrodome import compute, console


def test_json_is_one_valid_document(capsys: pytest.CaptureFixture[str]) -> None:
    row = {
        "time": datetime(2011, 6, 7, 6, 41, tzinfo=UTC),
        "xrsb": np.float32(2.5),
        "bad": float("nan"),
        "path": np.array([1, 2]),
    }
    console.show([row], as_json=True)
    assert json.loads(capsys.readouterr().out) == [
        {"time": "2011-06-07T06:41:00+00:00", "xrsb": 2.5, "bad": None, "path": [1, 2]}
    ]


def test_a_pipe_gets_one_line_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    console.show([{"name": "two\nlines", "n": 1.23456}, {"name": "b", "n": None}])
    assert capsys.readouterr().out == "name\tn\ntwo lines\t1.235\nb\t\n"


def test_nothing_to_show_is_an_empty_array_or_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    console.show([])
    console.show([], as_json=True)
    assert capsys.readouterr().out == "[]\n"


def test_failed_items_are_named_and_leave_with_one(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = compute.Outcome(done=2, failed=[("a.jpeg", "truncated")])
    with pytest.raises(SystemExit) as left:
        console.finish(outcome, "resized", "images")
    assert left.value.code == 1
    assert capsys.readouterr().err == "  failed  a.jpeg: truncated\n2 images resized, 1 failed.\n"


def test_all_done_leaves_with_zero(capsys: pytest.CaptureFixture[str]) -> None:
    console.finish(compute.Outcome(done=2), "resized", "images", as_json=True)
    assert json.loads(capsys.readouterr().out) == {"done": 2, "skipped": 0, "failed": []}


def test_progress_is_silent_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with console.progress("resize", 3) as bar:
        bar.advance(3)
    assert capsys.readouterr() == ("", "")
    assert bar.count == 3
