"""Read times from a text file with one time per line, or from a column of a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from astrodome import AstrodomeError, InvalidInputError, errors, times

COLUMNS = ("timestamp", "time", "t_obs", "date_obs", "date-obs", "datetime", "date", "t_rec")
"""Default names of the column that contains the times, in order of preference."""
DELIMITERS = ",;\t|"


def read_times(path: Path, column: str = "") -> Iterator[tuple[int, str, datetime | None]]:
    """Yield (line number, text, UTC time) for each time in a file.

    The UTC time is None if the text is not a valid time. The times are read from ``column``. By
    default, they are read from the first existing column in ``COLUMNS`` or, if the file has no
    header, from the first column. Empty lines and lines that start with # are skipped. Raises
    AstrodomeError if the file or the column does not exist.
    """
    try:
        content = path.read_text("utf-8-sig", errors="replace").splitlines()
    except FileNotFoundError as error:
        raise errors.not_found(path, exit_code=2) from error
    lines = [(n, line) for n, line in enumerate(content, 1) if line.partition("#")[0].strip()]
    if not lines:
        raise InvalidInputError(
            f"{path} contains no times.",
            "Specify a file with one time per line, or a CSV file with a column of times.",
        )
    delimiter = next((mark for mark in DELIMITERS if mark in lines[0][1]), ",")
    # Each line is parsed separately, so that an unbalanced quote affects only one line.
    rows = [(number, _cells(line, delimiter)) for number, line in lines]
    header = [cell.lower() for cell in rows[0][1]]
    if column and column.lower() not in header:
        hint = f"Existing columns: {', '.join(header)[:200]}"
        raise InvalidInputError(f"{path} has no column '{column}'.", hint)
    names = [column.lower()] if column else COLUMNS
    name = next((name for name in names if name in header), "")
    index = header.index(name) if name else 0
    for number, cells in rows[1:] if name else rows:
        text = cells[index] if index < len(cells) else ""
        yield number, text, _parse(text)


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
        return [cell.strip() for cell in cells]
    except csv.Error:  # a cell is too long
        return [line[:80]]


def _parse(text: str) -> datetime | None:
    try:
        return times.utc(text)
    except AstrodomeError:
        return None
