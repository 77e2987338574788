"""Output in a pipe, as JSON and on a terminal."""

from __future__ import annotations

import contextlib
import io
import json
import re
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest
from astrodome import AstrodomeError, compute, console
from astrodome.errors import reason


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


def test_a_pipe_gets_one_line_per_row(capsys: pytest.CaptureFixture[str]) -> None:
    console.show([{"name": "two\nlines", "n": 1.23456}, {"name": "b", "n": None}])
    assert capsys.readouterr().out == "name\tn\ntwo lines\t1.23456\nb\t\n"


def test_an_empty_table_is_an_empty_array_or_no_output(capsys: pytest.CaptureFixture[str]) -> None:
    console.show([])
    console.show([], as_json=True)
    assert capsys.readouterr().out == "[]\n"


def test_failed_items_are_listed_and_the_exit_status_is_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    outcome = compute.Outcome(done=2, failed=[("a.jpeg", "truncated")])
    with pytest.raises(SystemExit) as left:
        console.finish(outcome, "resized", "images")
    assert left.value.code == 1
    assert capsys.readouterr().err == "  failed  a.jpeg: truncated\n2 images resized, 1 failed.\n"


def test_the_hint_of_several_failed_items_is_printed_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    closed, cut = (
        reason(AstrodomeError(text, "Download the file again."))
        for text in ("The image is empty", "The image is truncated.")
    )
    outcome = compute.Outcome(done=1, failed=[("a", closed), ("b", cut), ("c", "unknown")])
    with pytest.raises(SystemExit):
        console.finish(outcome, "written", "patches")
    assert capsys.readouterr().err.splitlines() == [
        "  failed  a: The image is empty.",
        "  failed  b: The image is truncated.",
        "  failed  c: unknown",
        "Hint: Download the file again.",
        "1 patch written, 3 failed.",
    ]


def test_the_exit_status_without_failures_is_0(capsys: pytest.CaptureFixture[str]) -> None:
    console.finish(compute.Outcome(done=2), "resized", "images", as_json=True)
    assert json.loads(capsys.readouterr().out) == {"done": 2, "skipped": 0, "failed": []}


def test_progress_prints_nothing_if_no_stream_is_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with console.progress("resize", 3) as bar:
        bar.advance(3)
    assert capsys.readouterr() == ("", "")
    assert bar.count == 3


@pytest.mark.parametrize(("total", "of"), [(90, " of 90"), (None, "")])
def test_progress_outside_a_terminal_prints_a_line_after_more_than_30_seconds(
    total: int | None,
    of: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = 100.0
    monkeypatch.setattr(console, "time", SimpleNamespace(monotonic=lambda: now))
    with console.progress("Looking", total, "stars") as bar:
        now = 130.0
        bar.advance(10)
        assert capsys.readouterr().err == ""
        now = 140.0
        bar.advance(10, "Vega")
        assert capsys.readouterr().err == f"Looking: 20{of} stars, 0.5/s Vega\n"
        now = 170.0
        bar.advance()
        assert capsys.readouterr().err == ""
        now = 200.0
        bar.advance(9)
    assert capsys.readouterr().err == f"Looking: 30{of} stars, 0.3/s Vega\n"


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, width: int, **options: object) -> list[str]:
    """Print a table with columns of 6, 8 and 10 characters, and return its lines."""
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    rows = [{"number": "1", "position": "p" * 8, "empty": None, "identifier": "i" * 10}]
    with contextlib.redirect_stdout(Terminal()) as out:
        console.show(rows, columns=("number", "position", "empty", "identifier"), **options)
    shown = re.sub(r"\x1b\[[\d;]*m", "", out.getvalue())
    return [line.strip() for line in shown.splitlines() if line.strip()]


OPTIONAL = (("identifier",), ("position", "empty"), ("empty",))


def test_a_terminal_shows_as_many_optional_columns_as_fit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def names(width: int) -> list[str]:
        return on_a_terminal(monkeypatch, width, optional=OPTIONAL)[0].split()

    whole = 6 + 8 + 5 + 10 + 3 * 4 + 1
    assert names(whole) == ["number", "position", "empty", "identifier"]
    assert capsys.readouterr().err == ""
    assert names(whole - 1) == ["number", "position", "identifier"], "without values: the first"
    assert capsys.readouterr().err == (
        "Columns hidden because the terminal is too narrow: empty. "
        "Pipe the output or use --json to get all columns.\n"
    )
    assert names(whole - 5 - 3) == ["number", "position", "identifier"]
    assert names(whole - 5 - 3 - 1) == ["number", "position"]
    assert "narrow: empty, identifier." in capsys.readouterr().err
    assert names(6 + 8 + 2 * 3 + 1) == ["number", "position"]
    assert names(6 + 8 + 2 * 3) == ["number"], "columns of a group are hidden together"


def test_columns_that_are_not_optional_are_always_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = on_a_terminal(monkeypatch, 30, optional=(("number",),))
    assert not any("num" in line for line in lines)
    assert "".join(lines).count("p") >= 8 and "".join(lines).count("i") >= 10


@pytest.mark.parametrize(("width", "whole"), [(200, True), (49, True), (36, False), (20, False)])
def test_times_and_ids_are_not_split_if_sentences_can_be(
    monkeypatch: pytest.MonkeyPatch, width: int, whole: bool
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    row = {"begun": "2026-01-01T00:00:00", "id": "ZTFJ0000-0000", "said": "a long answer " * 9}
    with contextlib.redirect_stdout(Terminal()) as out:
        console.show([row, row | {"said": "a-word-that-is-too-long-for-it"}])
    shown = re.sub(r"\x1b\[[\d;]*m", "", out.getvalue())
    assert (row["begun"] in shown and row["id"] in shown) == whole
    assert max(map(len, shown.splitlines())) <= width
    assert sum(shown.count(letter) for letter in "wxyz") >= 9 + 1, "nothing is cut off"


def test_a_pipe_has_all_columns_whatever_its_width(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "10")
    console.show([{"number": 1, "identifier": "i" * 99}], optional=OPTIONAL)
    assert capsys.readouterr() == (f"number\tidentifier\n1\t{'i' * 99}\n", "")


def test_a_summary_counts_finished_skipped_and_failed_items(
    capsys: pytest.CaptureFixture[str],
) -> None:
    console.finish(compute.Outcome(done=3, skipped=1), "resized", "images")
    assert capsys.readouterr().err == "3 images resized, 1 skipped.\n"
    with pytest.raises(SystemExit):
        console.finish(
            compute.Outcome(done=0, skipped=2, failed=[("a", "b"), ("c", "d")]),
            "resized", "images", as_json=True,
        )  # fmt: skip
    told = capsys.readouterr()
    assert json.loads(told.out) == {
        "done": 0,
        "skipped": 2,
        "failed": [{"name": "a", "reason": "b"}, {"name": "c", "reason": "d"}],
    }
    assert told.err == "  failed  a: b\n  failed  c: d\n"


def test_an_error_is_printed_with_its_hint(capsys: pytest.CaptureFixture[str]) -> None:
    console.error(AstrodomeError("The dome is closed.", "Open it."))
    console.warn("It rains.")
    console.note("Later.")
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == ("Error: The dome is closed.\nHint: Open it.\nWarning: It rains.\nLater.\n")


@pytest.mark.parametrize(
    ("total", "resumes", "sentence"),
    [
        (9, True, "Interrupted after 2 of 9 stars. Run the same command again to resume."),
        (None, True, "Interrupted after 2 stars. Run the same command again to resume."),
        (
            9,
            False,
            "Interrupted after 2 of 9 stars. "
            "Run the same command again to start from the beginning.",
        ),
    ],
)
def test_the_message_of_an_interruption_contains_the_progress(
    total: int | None, resumes: bool, sentence: str
) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        console.progress("Looking", total, "stars", resumes=resumes) as bar,
    ):
        bar.advance()
        bar.advance(1, "Vega")
        raise KeyboardInterrupt
    assert console.interruption() == sentence


def test_columns_and_header_are_those_that_were_requested(
    capsys: pytest.CaptureFixture[str],
) -> None:
    console.show([{"a": 1, "b": 2}, {"a": 3, "c": 4}], columns=("c", "a"))
    assert capsys.readouterr().out == "c\ta\n\t1\n4\t3\n"
    console.show([{"a": 1, "b": 2}], header=False)
    assert capsys.readouterr().out == "1\t2\n"
    console.show([], columns=("a", "b"))
    assert capsys.readouterr().out == "a\tb\n"


def test_a_plan_names_each_item_and_exits_with_status_1_if_one_cannot_be_processed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan = compute.Plan(["a", "b"], ["c"], skipped=3)
    console.show_plan(plan, "written", "files")
    shown = capsys.readouterr()
    assert shown.out == "a\nb\ndelete c\n"
    text = (
        "Dry run: 2 files would be written, 1 would be deleted, 3 skipped. Nothing was changed.\n"
    )
    assert shown.err == text
    plan.failed.append(("d", "damaged"))
    with pytest.raises(SystemExit) as left:
        console.show_plan(plan, "written", "files", as_json=True)
    shown = capsys.readouterr()
    assert left.value.code == 1 and "d: damaged" in shown.err
    assert json.loads(shown.out) == {
        "dry_run": True,
        "planned": ["a", "b"],
        "deleted": ["c"],
        "skipped": 3,
        "failed": [{"name": "d", "reason": "damaged"}],
    }
