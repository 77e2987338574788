"""Cells of tables: exact in a pipe, readable on a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from astrodome import cells, console
from hypothesis import given
from hypothesis import strategies as st


@given(st.floats(allow_nan=False))
def test_a_pipe_gets_every_digit_of_a_number(value: float) -> None:
    assert float(cells.exact(value)) == value
    assert float(cells.exact(np.float64(value))) == value


@given(st.floats(allow_nan=False, width=32))
def test_single_precision_has_the_shortest_exact_text(value: float) -> None:
    text = cells.exact(np.float32(value))
    assert np.float32(text) == np.float32(value)
    assert Decimal(text) == Decimal(np.format_float_scientific(np.float32(value), unique=True))


@given(st.integers())
def test_an_integer_is_never_shortened(value: int) -> None:
    assert cells.exact(value) == cells.column("id", [value])[0] == str(value)


@given(st.text())
def test_a_cell_has_no_tabs_and_no_line_breaks(text: str) -> None:
    assert len(f"{cells.exact(text)}x".splitlines()) == 1 and "\t" not in cells.exact(text)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8))
def test_different_numbers_of_a_column_look_different(values: list[float]) -> None:
    texts = cells.column("flux", values)
    assert len(set(texts)) >= len(set(values))
    for value, text in zip(values, texts, strict=True):
        assert float(text) == pytest.approx(value, rel=5e-6)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("ra", 359.99995, "359.99995"),
        ("dec", -12.000004, "-12.00000"),
        ("target_ra", np.float32(1.5), "1.50000"),
        ("RA", 10.0, "10.00000"),
        ("lon_deg", 0.123456789, "0.12346"),
        ("separation (deg)", 0.1, "0.10000"),
        ("radius", 0.123456789, "0.123457"),
        ("degree", 2.5, "2.5"),
        ("probability", 0.99994, "0.9999"),
        ("prob_rrlyr", 1 / 3, "0.3333"),
        ("flux_W_m2", np.float32(6.6e-5), "6.6e-05"),
        ("jd", 2460000.5, "2460000.50000000"),
        ("MJD", 55719.278472222, "55719.27847222"),
        ("adjacent", 1.5, "1.5"),
        ("counts", 2460000.25, "2460000"),
        ("counts", 123456.5, "123456"),
        ("mean", float("nan"), "nan"),
        ("mean", float("inf"), "inf"),
        ("mean", None, ""),
        ("mean", pd.NA, ""),
        ("time", pd.NaT, ""),
        ("obj_id", 1733500000000297562, "1733500000000297562"),
        ("done", True, "True"),
        ("time", datetime(2011, 6, 7, 6, 41), "2011-06-07T06:41:00"),
        ("time", datetime(2011, 6, 7, 6, 41, 0, 499), "2011-06-07T06:41:00.000"),
        ("time", datetime(2011, 6, 7, 6, 41, 59, 999500), "2011-06-07T06:42:00.000"),
        ("time", datetime.max, "9999-12-31T23:59:59.999"),
        ("values", [1.23456789, 2], "1.23457, 2"),
        ("values", np.array([1.5, 2.5]), "1.5, 2.5"),
        ("range", {"low": 1.23456789}, "low: 1.23457"),
        ("name", "\x1b[31mred\x07", r"\x1b[31mred\x07"),
    ],
)
def test_a_terminal_shows_as_many_digits_as_the_column_needs(
    name: str, value: Any, text: str
) -> None:
    assert cells.column(name, [value]) == [text]


def test_all_values_of_a_column_have_the_same_format() -> None:
    times = [datetime(2011, 6, 7), datetime(2011, 6, 7, 0, 0, 0, 1000)]
    assert cells.column("t", times) == ["2011-06-07T00:00:00.000", "2011-06-07T00:00:00.001"]
    assert cells.column("x", [1.0000001, 1.0000002]) == ["1.0000001", "1.0000002"]
    assert cells.column("x", [1.23456789], ".2e") == ["1.23e+00"]
    assert cells.column("x", [1.5, None], lambda value: f"{value} s") == ["1.5 s", ""]


@pytest.mark.parametrize("value", [1, 1.5, np.int8(1), np.uint16(1), np.float32(1)])
def test_a_number_is_recognized(value: Any) -> None:
    assert cells.is_number(value)


@pytest.mark.parametrize("value", ["1", None, datetime(2011, 6, 7), np.str_("1"), [1]])
def test_other_values_are_not_numbers(value: Any) -> None:
    assert not cells.is_number(value)


def on_a_terminal(show: str) -> str:
    """Return the output of ``console`` on a terminal of 80 columns, from a new process."""
    parent, child = pty.openpty()
    code = f"from astrodome import console; {show}"
    ran = subprocess.Popen(
        [sys.executable, "-c", code], stdout=child, env=os.environ | {"TERM": "xterm"}
    )
    os.close(child)
    output = b""
    try:
        while block := os.read(parent, 4096):
            output += block
    except OSError:  # On Linux, a terminal ends with an error.
        pass
    assert ran.wait() == 0
    os.close(parent)
    return output.decode()


def test_a_table_on_a_terminal_uses_the_formats_of_its_columns() -> None:
    seen = on_a_terminal(
        "row = {'ra': 359.99995, 'flux': 1/3, 'id': 10**18}; "
        "console.show([row], formats={'flux': '.2f'}); console.show_one(row); "
        "console.show([{'text': 'x', 'n': 7}, {'text': 'long', 'n': 12345}])"
    )
    assert seen.count("359.99995") == 2 and seen.count("1000000000000000000") == 2
    assert "0.33 " in seen and "0.333333" in seen
    assert "    7  \r\n" in seen, "numbers are aligned on the right"


def test_columns_in_a_pipe_can_be_cut(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rows = [{"name": "a\tb\n", "ra": 359.99995, "x": None}, {"name": "", "ra": 1 / 3, "x": 2}]
    console.show(rows)
    table = tmp_path / "table.tsv"
    table.write_text(capsys.readouterr().out)
    ran = subprocess.run(["cut", "-f", "2", table], capture_output=True, text=True, check=True)
    assert ran.stdout == "ra\n359.99995\n0.3333333333333333\n"
    read = pd.read_csv(table, sep="\t")
    assert read["ra"].tolist() == [359.99995, 1 / 3] and read["x"].tolist()[1] == 2


def test_one_record_in_a_pipe_is_exact(capsys: pytest.CaptureFixture[str]) -> None:
    console.show_one({"ra": 359.99995, "mean": np.float32(0.1)})
    assert capsys.readouterr().out == "ra\t359.99995\nmean\t0.1\n"
    console.show_one({})
    assert capsys.readouterr().out == ""
