"""Times that a text file lists: one a line, or a column of a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from astrodome import AstrodomeError, times

NAMES = ("timestamp", "time", "t_obs", "date_obs", "date-obs", "datetime", "date", "t_rec")
"""Headings under which times stand, the preferred first."""
DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class Line:
    """A line of the file: its number from 1 on, what it says, and the UTC time, if it is one."""

    number: int
    text: str
    time: datetime | None


def read(path: Path, column: str = "") -> list[Line]:
    """The times of a file (UTC, ISO 8601), in its order; empty lines and # comments are left out.

    They stand in ``column``, or in the first of the columns ``NAMES``, or, in a file
    without headings, in the first column. Raises AstrodomeError when the file or the
    column is not there.
    """
    try:
        content = path.read_text("utf-8-sig", errors="replace")
    except FileNotFoundError as error:
        raise AstrodomeError(f"There is no file {path}.", exit_code=2) from error
    rows = list(_rows(content))
    if not rows:
        raise AstrodomeError(f"{path} holds no times.", exit_code=2)
    place, headed = _place(path, rows[0][1], column)
    lines = []
    for number, cells in rows[headed:]:
        text = cells[place].strip() if place < len(cells) else ""
        lines.append(Line(number, text, _time(text)))
    return lines


def _rows(content: str) -> Iterator[tuple[int, list[str]]]:
    delimiter = ""
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        delimiter = delimiter or next((mark for mark in DELIMITERS if mark in line), ",")
        try:
            yield number, next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [""])
        except csv.Error:  # a cell beyond all measure
            yield number, [line[:80]]


def _place(path: Path, first: list[str], column: str) -> tuple[int, bool]:
    """Which column holds the times, and whether the first row is a heading."""
    names = [cell.strip().lower() for cell in first]
    if column:
        if column.lower() not in names:
            raise AstrodomeError(
                f"{path} has no column '{column}'.",
                f"It has: {', '.join(first)[:200]}",
                exit_code=2,
            )
        return names.index(column.lower()), True
    found = next((names.index(name) for name in NAMES if name in names), None)
    return (0, False) if found is None else (found, True)


def _time(text: str) -> datetime | None:
    try:
        return times.utc(text)
    except AstrodomeError:
        return None
