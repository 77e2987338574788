"""Which column of a table holds the periods to upload."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from astrodome import AstrodomeError

PERIOD = "period"
NONE = "none"


def with_period(table: pd.DataFrame, column: str, path: Path) -> pd.DataFrame:
    """Return the table with the chosen periods (d) in the column ``period``.

    Without ``column`` these are those of the column ``period``; a table that has only the periods
    of named searches, as ``period_ELS``, needs a choice. ``none`` uploads no period.
    Raises AstrodomeError, exit code 2, for a column that does not exist.
    """
    searches = [
        name
        for name in table
        if str(name).startswith(f"{PERIOD}_") and pd.api.types.is_numeric_dtype(table[name])
    ]
    if column == NONE:
        return table.drop(columns=PERIOD, errors="ignore")
    if column and column not in table:
        known = [*([PERIOD] if PERIOD in table else []), *searches]
        raise AstrodomeError(
            f"{path} has no column '{column}'.",
            f"Columns of periods: {', '.join(map(str, known)) or 'none'}.",
            exit_code=2,
        )
    if column:
        return table.assign(**{PERIOD: table[column]})
    if PERIOD not in table and searches:
        raise AstrodomeError(
            f"{path} has no column 'period', but {', '.join(map(str, searches))}.",
            f"Choose one: --period-column {searches[0]}, or --period-column none.",
            exit_code=2,
        )
    return table
