"""The rows of an upload, their options, and the validation before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from astrodome import AstrodomeError

from ...catalogues import positions
from ...tables import identifiers
from .labels import LabelColumn
from .photometry import PROGRAMS

MAX_WARNINGS = 3
"""Maximum number of contradicting rows that are listed separately."""
PERIOD = "period"
NO_PERIOD = "none"
"""Value of ``period_column`` for an upload without periods."""


@dataclass(frozen=True)
class UploadOptions:
    """What is uploaded for each row.

    ``threshold`` is the minimum probability of a class, ``radius`` the maximum separation between
    a row and its source in arcsec, ``max_hjd`` the last epoch (HJD, days), and ``limiting_mag`` an
    AB magnitude. ``plots`` are ``time series`` and ``phase-folded``.
    """

    group_ids: tuple[int, ...]
    labels: tuple[LabelColumn, ...] = ()
    comment: str = ""
    threshold: float = 0.0
    origin: str = "SCoPe"
    ml: bool = True
    upvote: bool = False
    check_labelled_box: bool = False
    replace_classifications: bool = False
    radius: float = 2.0
    skip_phot: bool = False
    use_existing_obj_id: bool = False
    match_ids: bool = False
    post_survey_id: bool = False
    survey_id_origin: str = "SCoPe_xmatch"
    plots: tuple[str, ...] = ()
    plot_folder: str = ""
    programs: tuple[int, ...] = PROGRAMS
    max_hjd: float | None = None
    limiting_mag: float | None = None
    instrument: str = "ZTF"


@dataclass(frozen=True)
class UploadRow:
    """A row of the table; ``number`` is counted from 0."""

    number: int
    values: Mapping[str, Any] = field(hash=False)

    @property
    def name(self) -> str:
        return f"row {self.number}"

    @property
    def position(self) -> tuple[float, float]:
        """RA and Dec in degrees; raises AstrodomeError if the row has none."""
        ra, dec = (number(self.values.get(key)) for key in ("ra", "dec"))
        if ra is None or dec is None or not (0 <= ra <= 360 and -90 <= dec <= 90):
            raise AstrodomeError("The row has no position: ra and dec (deg) are required.")
        return ra % 360, dec

    @property
    def period(self) -> float | None:
        """The period in days, or None if it is missing or not positive."""
        value = number(self.values.get(PERIOD))
        return value if value and value > 0 else None


def with_period(table: pd.DataFrame, column: str, origin: object) -> pd.DataFrame:
    """Return the table with the periods (d) of ``column`` in the column ``period``.

    The default is the column ``period``; for ``none``, no period is uploaded. Raises AstrodomeError
    if the column does not exist, or if ``column`` is empty and the table only has periods of named
    searches, for example ``period_ELS``.
    """
    searches = [
        str(name)
        for name in table
        if str(name).startswith(f"{PERIOD}_") and pd.api.types.is_numeric_dtype(table[name])
    ]
    if column == NO_PERIOD:
        return table.drop(columns=PERIOD, errors="ignore")
    if column and column not in table:
        known = [*([PERIOD] if PERIOD in table else []), *searches]
        raise AstrodomeError(
            f"{origin} has no column '{column}'.",
            f"Columns with periods: {', '.join(known) or 'none'}.",
            exit_code=2,
        )
    if column:
        return table.assign(**{PERIOD: table[column]})
    if PERIOD not in table and searches:
        raise AstrodomeError(
            f"{origin} has no column 'period', but the columns {', '.join(searches)}.",
            f"Choose one: --period-column {searches[0]}, or --period-column none.",
            exit_code=2,
        )
    return table


def read_rows(
    table: pd.DataFrame, start: int = 0, stop: int | None = None, *, origin: object = "The table"
) -> list[UploadRow]:
    """Return the rows of a table from ``start`` to ``stop``, both included.

    For an invalid coordinate or period, raises an AstrodomeError that names the file
    ``origin``, the column and the row.
    """
    part = table.iloc[start : None if stop is None else stop + 1]
    coordinates = positions.coordinates(table, origin)
    if coordinates is not None:
        ra, dec = (values[start : start + len(part)] for values in coordinates)
        part = part.assign(ra=ra, dec=dec)
    if PERIOD in part:
        _check_period(table[PERIOD], origin)
    return [UploadRow(start + n, values) for n, values in enumerate(identifiers.to_records(part))]


def _check_period(cells: pd.Series[Any], origin: object) -> None:
    given = cells.notna() & (cells.astype(str).str.strip() != "")
    wrong = given & ~np.isfinite(pd.to_numeric(cells, errors="coerce").astype(np.float64))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise AstrodomeError(
            f"{origin}: invalid period '{cells.iloc[row]}' in column 'period', row {row}.",
            "Write periods in days as finite numbers with a decimal point. Rows are counted from "
            "0.",
            exit_code=2,
        )


def check_columns(table: pd.DataFrame, options: UploadOptions, origin: object) -> None:
    """Raise AstrodomeError if a column that the options require is missing."""
    named = options.use_existing_obj_id and "obj_id" in table
    if not named and len(positions.columns(list(table.columns))) < 2:
        raise AstrodomeError(
            f"{origin} has no columns 'ra' and 'dec' (deg).",
            "Rename the columns of the coordinates, or add a column obj_id and use "
            "--use-existing-obj-id.",
            exit_code=2,
        )
    for used, column, option in (
        (options.use_existing_obj_id, "obj_id", "--use-existing-obj-id"),
        (options.match_ids, "survey_id", "--match-ids"),
        (options.post_survey_id, "survey_id", "--post-survey-id"),
    ):
        if used and column not in table:
            raise AstrodomeError(
                f"{origin} has no column '{column}', which {option} requires.", exit_code=2
            )


def check_conflicts(
    rows: Sequence[UploadRow],
    options: UploadOptions,
    origin: object,
    notify: Callable[[str], object],
) -> None:
    """Call ``notify`` for rows of the same source with different values.

    Raises AstrodomeError if such rows would replace the classifications of each other.
    """
    used = [PERIOD, *(label.column for label in options.labels)]
    first_rows: dict[Any, UploadRow] = {}
    conflicts = []
    for row in rows:
        values = row.values
        identity = values.get("obj_id") if options.use_existing_obj_id else None
        identity = identity or (number(values.get("ra")), number(values.get("dec")))
        first = first_rows.setdefault(identity, row)
        differ = [c for c in used if number(values.get(c)) != number(first.values.get(c))]
        if differ and identity != (None, None):
            conflicts.append(
                f"{origin}: rows {first.number} and {row.number} are the same source with "
                f"different values in column '{differ[0]}'"
            )
    if conflicts and options.replace_classifications:
        raise AstrodomeError(
            f"{conflicts[0]}; --replace-classifications cannot apply both.",
            "Keep one row for each source. Rows are counted from 0.",
            exit_code=2,
        )
    for conflict in conflicts[:MAX_WARNINGS]:
        notify(f"{conflict}; the value that is uploaded first is kept.")
    if len(conflicts) > MAX_WARNINGS:
        notify(f"{origin}: {len(conflicts) - MAX_WARNINGS} more rows contradict an earlier row.")


def number(value: Any) -> float | None:
    """Return a finite number, or None."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if np.isfinite(found) else None
