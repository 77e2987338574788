"""Prevent spreadsheet programs from interpreting text cells in CSV files as formulas.

Spreadsheet programs interpret a cell that starts with ``=``, ``+``, ``-`` or ``@`` as a formula.
An apostrophe before the text prevents this.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""Pattern for the start of a formula, which may already be preceded by apostrophes."""
NUMBER = re.compile(r"[+-]([\d.:\s]+|[\d.]+[eE][+-]?\d+|inf|nan)")
"""Signed numbers, including sexagesimal numbers, which need no apostrophe."""


def neutral(value: Any) -> Any:
    """Return a cell value, with an apostrophe before text that may be interpreted as a formula.

    Examples
    --------
    >>> neutral("=1+1"), neutral("-12:30:05.2"), neutral("star")
    ("'=1+1", '-12:30:05.2', 'star')
    """
    if isinstance(value, str) and FORMULA.match(value) and not NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def original(value: Any) -> Any:
    """Return the original value of a cell that was written with :func:`neutral`.

    Examples
    --------
    >>> original("'=1+1")
    '=1+1'
    """
    if isinstance(value, str) and value.startswith("'") and FORMULA.match(value):
        return value[1:]
    return value


def neutral_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return a copy of a table with :func:`neutral` applied to text cells and column names."""
    return _applied(table, neutral)


def original_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return a copy of a table with :func:`original` applied to text cells and column names."""
    return _applied(table, original)


def _applied(table: pd.DataFrame, function: Any) -> pd.DataFrame:
    result = table.copy(deep=False)
    for place, (_, cells) in enumerate(table.items()):
        if cells.dtype == object or str(cells.dtype) in ("str", "string", "category"):
            changed = [function(value) for value in cells]
            if any(new is not old for new, old in zip(changed, cells, strict=True)):
                result.isetitem(place, changed)
    result.columns = [function(name) for name in table.columns]
    return result
