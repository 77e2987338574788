"""Read times from a text file with one time per line, or from a column of a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from astrodome import AstrodomeError, times

COLUMNS = ("timestamp", "time", "t_obs", "date_obs", "date-obs", "datetime", "date", "t_rec")
"""Default names of the column, the preferred one first."""
DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class TimeEntry:
    """A time in a file: the line number, the text, and the UTC time, or None if it is invalid."""

    line: int
    text: str
    time: datetime | None


def read_times(path: Path, column: str = "") -> Iterator[TimeEntry]:
    """Yield the times in a file; empty lines and lines that start with # are skipped.

    The times are in ``column``, or in the first of ``COLUMNS`` that exists, or, in a file without
    a header, in the first column. Raises AstrodomeError if the file or the column does not exist.
    """
    try:
        content = path.read_text("utf-8-sig", errors="replace")
    except FileNotFoundError as error:
        raise AstrodomeError(f"File {path} does not exist.", exit_code=2) from error
    lines = [
        (number, line)
        for number, line in enumerate(content.splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not lines:
        raise AstrodomeError(f"{path} contains no times.", exit_code=2)
    first = lines[0][1]
    delimiter = next((mark for mark in DELIMITERS if mark in first), ",")
    header = [cell.strip().lower() for cell in _split(first, delimiter)]
    if column and column.lower() not in header:
        hint = f"Columns: {', '.join(header)[:200]}"
        raise AstrodomeError(f"{path} has no column '{column}'.", hint, exit_code=2)
    names = [column.lower()] if column else COLUMNS
    index = next((header.index(name) for name in names if name in header), None)
    for number, line in lines if index is None else lines[1:]:
        text = dict(enumerate(_split(line, delimiter))).get(index or 0, "").strip()
        yield TimeEntry(number, text, _parse(text))


def _split(line: str, delimiter: str) -> list[str]:
    # Each line is parsed separately, so that an unbalanced quote affects only one line.
    try:
        return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [""])
    except csv.Error:  # a cell is too long
        return [line[:80]]


def _parse(text: str) -> datetime | None:
    try:
        return times.utc(text)
    except AstrodomeError:
        return None
