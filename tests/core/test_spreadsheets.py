"""Spreadsheets do not run text cells of CSV files as formulas; cells are read back unchanged."""

from __future__ import annotations

import io

import pandas as pd
import pytest
from astrodome.spreadsheets import neutral, neutral_table, original, original_table
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    "cell", ["=1+1", "=cmd", "+A1", "-A1", "-2+3+cmd|' /C calc'!A0", "@SUM", "\t=1", "\r=1", "-"]
)
def test_text_that_may_be_a_formula_gets_an_apostrophe(cell: str) -> None:
    assert neutral(cell) == f"'{cell}" and original(neutral(cell)) == cell


@pytest.mark.parametrize(
    "cell", ["-1.5", "+3", "-1e-5", "+2.5E+10", "-inf", "-05:12:33.1", "-05 12 33", "RR Lyrae"]
)
def test_numbers_and_plain_text_are_not_changed(cell: str) -> None:
    assert neutral(cell) == cell and original(cell) == cell


@pytest.mark.parametrize("cell", [None, -1.5, 7, True, "", "'", "'quoted'", "a=b"])
def test_other_cells_are_not_changed(cell: object) -> None:
    assert neutral(cell) == cell and original(cell) == cell


@given(st.text(alphabet="=+-@\t'1.5eA: |", max_size=8) | st.text())
def test_every_text_is_read_back_unchanged(text: str) -> None:
    assert original(neutral(text)) == text


@given(
    st.lists(st.text("=+-@'A1 .\t,\"", min_size=1, max_size=6).filter(str.strip), min_size=1),
    st.lists(st.sampled_from(["=x", "-y", "name", "'=z"]), min_size=1, max_size=3, unique=True),
)
def test_a_table_is_unchanged_after_writing_and_reading(cells: list[str], names: list[str]) -> None:
    table = pd.DataFrame(dict.fromkeys(names, cells))
    text = neutral_table(table).to_csv(index=False)
    read = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    pd.testing.assert_frame_equal(original_table(read), table, check_dtype=False)
    assert list(table) == names and list(table[names[0]]) == cells
