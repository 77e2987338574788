"""What an upload is asked to do with each row of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from astrodome import AstrodomeError

from ...catalogues import positions
from ...tables import identifiers
from . import photometry
from .labels import Label

MOST_WARNINGS = 3
"""Maximum number of contradicting rows that are listed separately."""


@dataclass(frozen=True)
class Plan:
    """What is wanted of each row; ``radius`` in arcsec, ``latest`` in d (HJD), magnitudes AB."""

    group_ids: tuple[int, ...]
    labels: tuple[Label, ...] = ()
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
    programmes: tuple[int, ...] = photometry.PROGRAMMES
    latest: float | None = None
    limiting_mag: float | None = None
    instrument: str = "ZTF"


@dataclass(frozen=True)
class Row:
    """A row of the table, by its number from 0."""

    number: int
    values: Mapping[str, Any] = field(hash=False)

    @property
    def name(self) -> str:
        return f"row {self.number}"

    @property
    def position(self) -> tuple[float, float]:
        """RA and Dec (deg); raises AstrodomeError when the row has none."""
        ra, dec = (number(self.values.get(key)) for key in ("ra", "dec"))
        if ra is None or dec is None or not (0 <= ra <= 360 and -90 <= dec <= 90):
            raise AstrodomeError("no position: ra and dec in degrees are needed")
        return ra % 360, dec

    @property
    def period(self) -> float | None:
        """The period (d), if it is one."""
        value = number(self.values.get("period"))
        return value if value and value > 0 else None


def rows(
    table: pd.DataFrame, start: int = 0, stop: int | None = None, *, origin: object = "the table"
) -> list[Row]:
    """Return the rows of a table from ``start`` to ``stop``, both included.

    For an invalid coordinate or period, raises an AstrodomeError that names the file
    ``origin``, the column and the row.
    """
    part = table.iloc[start : None if stop is None else stop + 1]
    place = positions.coordinates(table, origin)
    if place is not None:
        ra, dec = (values[start : start + len(part)] for values in place)
        part = part.assign(ra=ra, dec=dec)
    if "period" in part:
        _check_period(table["period"], origin)
    return [Row(start + n, values) for n, values in enumerate(identifiers.to_records(part))]


def _check_period(cells: pd.Series[Any], origin: object) -> None:
    values = pd.to_numeric(cells, errors="coerce")
    given = cells.notna() & (cells.astype(str).str.strip() != "")
    wrong = (given & values.isna()) | ~(values.abs() < np.inf).where(values.notna(), True)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise AstrodomeError(
            f"{origin}: invalid period '{cells.iloc[row]}' in column 'period', row {row}.",
            "Write periods in days as finite numbers with a decimal point. Rows are counted from "
            "0.",
            exit_code=2,
        )


def problems(
    table: pd.DataFrame, wanted: Sequence[Row], plan: Plan, origin: object
) -> Iterator[str]:
    """Yield warnings about rows of the same source with different values.

    Raises AstrodomeError if a column that the plan uses is missing, or if such rows would
    replace the classifications of each other.
    """
    columns = set(table.columns)
    named = plan.use_existing_obj_id and "obj_id" in columns
    if not named and len(positions.columns(list(table.columns))) < 2:
        raise AstrodomeError(
            f"{origin} has no columns 'ra' and 'dec' (deg).",
            "Rename the columns of the coordinates, or add a column obj_id and use "
            "--use-existing-obj-id.",
            exit_code=2,
        )
    options = (
        (plan.use_existing_obj_id, "obj_id", "--use-existing-obj-id"),
        (plan.match_ids, "survey_id", "--match-ids"),
        (plan.post_survey_id, "survey_id", "--post-survey-id"),
    )
    for used, column, option in options:
        if used and column not in columns:
            raise AstrodomeError(
                f"{origin} has no column '{column}', which {option} needs.", exit_code=2
            )
    conflicts = _conflicts(wanted, plan)
    if conflicts and plan.replace_classifications:
        first, row, column = conflicts[0]
        raise AstrodomeError(
            f"{origin}: rows {first} and {row} are the same source with different values in "
            f"column '{column}'; --replace-classifications cannot apply both.",
            "Keep one row for each source. Rows are counted from 0.",
            exit_code=2,
        )
    for first, row, column in conflicts[:MOST_WARNINGS]:
        yield (
            f"{origin}: rows {first} and {row} are the same source with different values in column "
            f"'{column}'; the value that is posted first is kept."
        )
    if len(conflicts) > MOST_WARNINGS:
        yield f"{origin}: {len(conflicts) - MOST_WARNINGS} more rows contradict an earlier row."


def _conflicts(wanted: Sequence[Row], plan: Plan) -> list[tuple[int, int, str]]:
    """Return pairs of rows (earlier, later) of one source with different values in a column."""
    used = ["period", *(label.column for label in plan.labels)]
    seen: dict[Any, Row] = {}
    found = []
    for row in wanted:
        values = row.values
        identity = values.get("obj_id") if plan.use_existing_obj_id else None
        identity = identity or (number(values.get("ra")), number(values.get("dec")))
        if identity == (None, None):
            continue
        first = seen.setdefault(identity, row)
        if first is row:
            continue
        differ = [c for c in used if number(values.get(c)) != number(first.values.get(c))]
        found += [(first.number, row.number, differ[0])] if differ else []
    return found


def number(value: Any) -> float | None:
    """A finite number, or None."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if np.isfinite(found) else None
