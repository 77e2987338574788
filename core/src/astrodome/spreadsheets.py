"""Text cells of CSV files that a spreadsheet must not take for formulas.

Spreadsheet programs run a cell that begins with ``=``, ``+``, ``-`` or ``@`` as a formula. An
apostrophe in front of the text prevents this, and is not shown.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""How a text begins that needs an apostrophe, or has some already."""
NUMBER = re.compile(r"[+-]([\d.:\s]+|[\d.]+[eE][+-]?\d+|inf|nan)")
"""Signed numbers, also sexagesimal ones: no formula."""


def neutral(value: Any) -> Any:
    """Return a cell as it is written: text that may be a formula gets an apostrophe in front."""
    if isinstance(value, str) and FORMULA.match(value) and not NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def original(value: Any) -> Any:
    """Return the cell that :func:`neutral` was given."""
    if isinstance(value, str) and value.startswith("'") and FORMULA.match(value):
        return value[1:]
    return value


def neutral_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return a copy of a table with :func:`neutral` text cells and column names."""
    return _applied(table, neutral)


def original_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return a copy of a table with :func:`original` text cells and column names."""
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
