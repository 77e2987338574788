"""Read the sources to vet from a table, with their scores, features and light curves."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from astrodome import AstrodomeError

from ..catalogues import positions, source_light_curves
from ..features.inspection import InspectedLightCurve, prepare_light_curves
from ..tables import identifiers, table_io
from .sorted_light_curves import SortedLightCurves

SCORE = re.compile(r"(?P<tag>.+)_(?:dnn|xgb)")
PERIODS = ("period_refined", "period")
"""Columns with the period that is shown, in order of precedence."""
KNOWN = {"ra", "dec", *PERIODS, "field", "ccd", "quad", "filter"}
"""Numeric columns that are neither features nor scores."""


@dataclass(frozen=True)
class Candidate:
    """A source to vet.

    ``ra`` and ``dec`` are in degrees. ``period`` is in days, and ``period_column`` is the column
    that contains it. ``scores`` maps each label to its score. ``number`` is the row number in the
    table, counted from 0.
    """

    number: int
    name: str
    ra: float | None
    dec: float | None
    period: float | None
    period_column: str
    scores: Mapping[str, float]
    features: Mapping[str, float]
    identifiers: Mapping[str, str]


@dataclass(frozen=True)
class Candidates:
    """The sources to vet, the available labels, and the catalogue that provides the light curves.

    ``rows`` are the sources in ``table``. ``catalogue`` is a catalogue, light curves in files, or
    None. ``radius`` is the maximum separation between a source and its light curves, in arcsec.
    """

    rows: Sequence[Candidate]
    labels: Sequence[str]
    table: pd.DataFrame
    catalogue: Any = None
    radius: float = 2.0

    def page(self, number: int, factor: float = 1.0) -> dict[str, Any]:
        """Return the data that the vetting page shows for the source in row ``number``.

        The light curves are folded at the period multiplied by ``factor``.
        """
        from . import vetting_figures

        row = self.rows[number]
        curves, problem = self.light_curves(number)
        period = None if row.period is None else row.period * factor
        return {
            **asdict(row),
            "curves": [{"band": one.band, "epochs": int(one.used.sum())} for one in curves],
            "figures": vetting_figures.draw(curves, period),
            "problem": problem,
        }

    def light_curves(self, number: int) -> tuple[list[InspectedLightCurve], str]:
        """Return the light curves of a source, sorted by band.

        The second value is the reason if no light curves are available, otherwise an empty string.
        """
        row = self.rows[number]
        if self.catalogue is None:
            return [], "neither light-curve files nor a catalogue are specified"
        try:
            ids = self._ids(row)
            table = source_light_curves.from_catalogue(self.catalogue, ids)
        except AstrodomeError as error:
            return [], error.message
        if not len(table):
            in_files = isinstance(self.catalogue, SortedLightCurves)
            return [], f"not found in the {'light-curve files' if in_files else 'catalogue'}"
        curves = prepare_light_curves(table)
        return curves, "" if curves else "no epoch can be used"

    def _ids(self, row: Candidate) -> list[Any]:
        """Return the identifiers of the light curves of a source.

        The identifier in the table is used only if the source or the light curves have no position.
        """
        located = row.ra is not None and row.dec is not None
        if isinstance(self.catalogue, SortedLightCurves):
            located = located and self.catalogue.has_positions
        if located:
            near = self.catalogue.cone("sources", row.ra, row.dec, self.radius, ("_id",))[0]
            return [one["_id"] for one in near]
        columns = [self.table[name] for name in ("_id", "ztf_id") if name in self.table]
        own = [column.iloc[row.number] for column in columns]
        return [value for value in own if not identifiers.is_missing(value)][:1]


def read(
    path: Path, labels: Sequence[str] = (), catalogue: Any = None, radius: float = 2.0
) -> Candidates:
    """Read the sources to vet from a table.

    The score columns are ``<tag>_dnn``, ``<tag>_xgb`` and the columns named in ``labels``. The
    labels that can be selected are ``labels`` or, if it is empty, the tags of the score columns.
    ``catalogue`` is a catalogue or :class:`SortedLightCurves`. ``radius`` is the maximum separation
    between a source and its light curves, in arcsec.

    Raises AstrodomeError if ``labels`` is empty and the table has no score columns.
    """
    table = table_io.read_table(path)
    place = positions.coordinates(table, path)
    if place is not None:
        table = table.assign(ra=place[0], dec=place[1])
    numeric = [name for name in table if pd.api.types.is_numeric_dtype(table[name])]
    scores: dict[str, list[str]] = {}
    for name in numeric:
        match = SCORE.fullmatch(str(name))
        tag = match["tag"] if match else str(name) if name in labels else ""
        if tag:
            scores.setdefault(tag, []).append(str(name))
    chosen = list(labels) or list(scores)
    if not chosen:
        raise AstrodomeError(
            f"{path} has no score columns such as 'vnv_xgb', and no labels are specified.",
            "Specify the labels that can be selected, for example --label 'RR Lyrae' --label "
            "bogus, or add score columns to the table.",
        )
    used = {column for columns in scores.values() for column in columns} | KNOWN
    ids = [str(name) for name in table if identifiers.is_identifier(name)]
    features = [str(name) for name in numeric if name not in used and name not in ids]
    rows = []
    for number, values in enumerate(identifiers.to_records(table)):
        known = {name: text for name in ids if (text := identifiers.text(values[name]))}
        names = (known[key] for key in ("obj_id", "name", "_id", "ztf_id") if key in known)
        numbers = {name: identifiers.number(value) for name, value in values.items()}
        ra, dec = numbers.get("ra"), numbers.get("dec")
        column = next((key for key in PERIODS if numbers.get(key) is not None), "")
        own = {tag: max(numbers[c] or 0.0 for c in columns) for tag, columns in scores.items()}
        shown = {name: numbers.get(name) for name in (*features, *PERIODS) if name != column}
        others = {name: value for name, value in shown.items() if value is not None}
        name = next(names, f"row {number}")
        period = numbers.get(column)
        rows.append(Candidate(number, name, ra, dec, period, column, own, others, known))
    return Candidates(rows, chosen, table, catalogue, radius)
