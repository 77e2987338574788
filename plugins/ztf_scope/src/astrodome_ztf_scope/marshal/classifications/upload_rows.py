"""Define the rows and options of an upload, and validate them before any request is sent."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from astrodome import AstrodomeError, InvalidInputError

from ...catalogues import positions
from ...tables import identifiers
from .labels import LabelColumn
from .photometry import PROGRAMS

logger = logging.getLogger(__name__)

MAX_WARNINGS = 3
"""Maximum number of conflicting rows that are reported individually."""
PERIOD = "period"
NO_PERIOD = "none"
"""Value of ``period_column`` that disables the upload of periods."""


@dataclass(frozen=True)
class UploadOptions:
    """Options that determine what is uploaded for each row.

    ``threshold`` is the minimum probability of the uploaded classes. ``radius`` is the maximum
    separation between the position in a row and its source, in arcsec. ``max_hjd`` is the
    maximum heliocentric Julian date of the uploaded epochs. ``limiting_mag`` is the limiting AB
    magnitude.
    ``plots`` can contain ``time series`` and ``phase-folded``.
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
    """A row of the uploaded table.

    ``number`` is the row number, counted from 0. ``values`` contains the cells, keyed by column.
    """

    number: int
    values: Mapping[str, Any] = field(hash=False)

    @property
    def name(self) -> str:
        return f"row {self.number}"

    @property
    def position(self) -> tuple[float, float]:
        """Right ascension and declination in degrees.

        Raises AstrodomeError if the row has no valid position.
        """
        ra, dec = (identifiers.number(self.values.get(key)) for key in ("ra", "dec"))
        if ra is None or dec is None:
            raise AstrodomeError("The row has no position: ra and dec (deg) are required.")
        return ra % 360, dec

    @property
    def period(self) -> float | None:
        """The period in days, or None if it is missing."""
        return identifiers.number(self.values.get(PERIOD))


def prepare(
    table: pd.DataFrame,
    options: UploadOptions,
    period_column: str = "",
    start: int = 0,
    stop: int | None = None,
    *,
    origin: object = "The table",
    warn: Callable[[str], object] = logger.warning,
) -> list[UploadRow]:
    """Return the rows from ``start`` to ``stop`` (inclusive), counted from 0.

    The periods (in days) are read from the column ``period_column`` or, if this argument is an
    empty string, from the column ``period``. If ``period_column`` is ``"none"``, no periods are
    uploaded. ``warn`` is called with a message for each row that contradicts an earlier row of the
    same source. Raises AstrodomeError if a column is missing or contains invalid values. The error
    message contains the file name (``origin``), the column and the first invalid row.
    """
    _check_columns(table, options, origin)
    table = _with_period(table, period_column, origin)
    if PERIOD not in table and period_column != NO_PERIOD:
        warn("No periods are uploaded, because the table has no column 'period'.")
    part = table.iloc[start : None if stop is None else stop + 1]
    coordinates = positions.coordinates(table, origin)
    if coordinates is not None:
        ra, dec = (values[start : start + len(part)] for values in coordinates)
        part = part.assign(ra=ra, dec=dec)
    if PERIOD in part:
        _check_period(table[PERIOD], origin)
    rows = [UploadRow(start + n, values) for n, values in enumerate(identifiers.to_records(part))]
    _check_conflicts(rows, options, origin, warn)
    return rows


def _check_columns(table: pd.DataFrame, options: UploadOptions, origin: object) -> None:
    named = options.use_existing_obj_id and "obj_id" in table
    if not named and len(positions.columns(list(table.columns))) < 2:
        raise InvalidInputError(
            f"{origin} has no columns 'ra' and 'dec' (deg).",
            "Rename the coordinate columns, or add the column obj_id and specify "
            "use_existing_obj_id.",
        )
    columns = {"use_existing_obj_id": "obj_id", "match_ids": "survey_id"}
    columns["post_survey_id"] = "survey_id"
    for name, column in columns.items():
        if getattr(options, name) and column not in table:
            raise InvalidInputError(
                f"{origin} has no column '{column}', which the option {name} requires."
            )


def _with_period(table: pd.DataFrame, column: str, origin: object) -> pd.DataFrame:
    """Copy the periods from ``column`` to the column ``period``.

    Raises AstrodomeError if the column does not exist, or if ``column`` is an empty string and the
    table contains only periods from individual period-finding algorithms, for example
    ``period_ELS``.
    """
    if column == NO_PERIOD:
        return table.drop(columns=PERIOD, errors="ignore")
    numeric = table.select_dtypes("number")
    known = [str(name) for name in numeric if re.match(rf"{PERIOD}(_|$)", str(name))]
    if column and column not in table:
        raise InvalidInputError(
            f"{origin} has no column '{column}'.",
            f"Available period columns: {', '.join(known) or 'none'}.",
        )
    if column:
        return table.assign(**{PERIOD: table[column]})
    if PERIOD not in table and known:
        raise InvalidInputError(
            f"{origin} has no column 'period'. Available period columns: {', '.join(known)}.",
            "Specify one of these columns as period_column, or 'none' to upload no periods.",
        )
    return table


def _check_period(cells: pd.Series[Any], origin: object) -> None:
    given = cells.notna() & (cells.astype(str).str.strip() != "")
    values = pd.to_numeric(cells, errors="coerce").astype(np.float64)
    wrong = given & ~values.between(0, np.inf, inclusive="neither")
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InvalidInputError(
            f"{origin}: invalid period '{cells.iloc[row]}' in column 'period', row {row}: expected "
            "a finite number greater than 0.",
            "Write periods in days, with a decimal point. Leave the cell empty if the period is "
            "unknown. Rows are counted from 0.",
        )


def _check_conflicts(
    rows: Sequence[UploadRow], options: UploadOptions, origin: object, warn: Callable[[str], object]
) -> None:
    """Warn about rows that belong to the same source but contain different values.

    Raises AstrodomeError if these rows would replace each other's classifications.
    """
    used = [PERIOD, *(label.column for label in options.labels)]
    seen: dict[Any, tuple[int, dict[str, float | None]]] = {}
    conflicts = []
    for row in rows:
        values = {n: identifiers.number(row.values.get(n)) for n in ("ra", "dec", *used)}
        identity = options.use_existing_obj_id and row.values.get("obj_id")
        identity = identity or (values["ra"], values["dec"])
        first, known = seen.setdefault(identity, (row.number, values))
        differ = [column for column in used if values[column] != known[column]]
        if differ and identity != (None, None):
            conflicts.append(
                f"{origin}: rows {first} and {row.number} belong to the same source but have "
                f"different values in column '{differ[0]}'"
            )
    if conflicts and options.replace_classifications:
        raise InvalidInputError(
            f"{conflicts[0]}; only one of them can be uploaded with replace_classifications.",
            "Keep one row for each source. Rows are counted from 0.",
        )
    for conflict in conflicts[:MAX_WARNINGS]:
        warn(f"{conflict}; the value that is uploaded first is kept.")
    if len(conflicts) > MAX_WARNINGS:
        more = len(conflicts) - MAX_WARNINGS
        warn(f"{origin}: {more} more rows contradict an earlier row of the same source.")
