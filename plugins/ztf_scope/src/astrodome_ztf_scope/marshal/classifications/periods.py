"""Select the column with the periods to upload."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from astrodome import AstrodomeError

PERIOD = "period"
NONE = "none"


def with_period(table: pd.DataFrame, column: str, path: Path) -> pd.DataFrame:
    """Return the table with the chosen periods (d) in the column ``period``.

    The default is the column ``period``. For ``none``, no period is uploaded. Raises
    AstrodomeError with exit code 2 if the column does not exist, or if ``column`` is empty and the
    table only has periods of named searches, for example ``period_ELS``.
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
            f"Columns with periods: {', '.join(map(str, known)) or 'none'}.",
            exit_code=2,
        )
    if column:
        return table.assign(**{PERIOD: table[column]})
    if PERIOD not in table and searches:
        raise AstrodomeError(
            f"{path} has no column 'period', but the columns {', '.join(map(str, searches))}.",
            f"Choose one: --period-column {searches[0]}, or --period-column none.",
            exit_code=2,
        )
    return table
