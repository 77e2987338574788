"""Group the rows of a feature table by source, and collect their classes and periods."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from astrodome import AstrodomeError
from numpy.typing import NDArray

from ...catalogues import epochs, positions
from ...tables import datasets, identifiers
from ..periods.options import ALGORITHMS
from .source_classes import ClassDecision, SourceClasses

SAME_SOURCE = 2.0
"""Rows whose positions differ by at most this number of arcseconds belong to the same source."""
RANKED = re.compile(r"period_(\d+)_\w+")
"""Names of the columns with the best periods of an algorithm, for example ``period_1_LS``."""
OTHERS = re.compile(
    rf"period_(E?({'|'.join(ALGORITHMS)})_?)+|best_(agree|consensus)_period|family_best_period"
)


@dataclass(frozen=True)
class TableSource:
    """The light curves of one source in a feature table.

    Attributes
    ----------
    rows : tuple of int
        Row numbers in the feature table.
    ids : tuple of str
        Identifiers of the light curves.
    decision : ClassDecision
        Class of the source.
    periods : tuple of float
        Current periods in days of the light curves, the preferred one first. It may be empty.
    listed : tuple of float
        Best periods of all algorithms, in the order of their ranks.
    """

    rows: tuple[int, ...]
    ids: tuple[str, ...]
    decision: ClassDecision
    periods: tuple[float, ...] = ()
    listed: tuple[float, ...] = ()

    @property
    def label(self) -> str | None:
        """Class of the source, or None."""
        return self.decision.label

    @property
    def number(self) -> int:
        """Number that identifies the source: its first row."""
        return self.rows[0]


def read_features(path: Path, period_column: str, id_column: str) -> pd.DataFrame:
    """Read the columns of a feature table that the refinement uses.

    Raises AstrodomeError if the identifier or the period is missing.
    """
    datasets.require_file(path)
    names = datasets.column_names(path)
    key = light_curve_key(names, path)
    datasets.require_columns([period_column, id_column], names, path)
    wanted = [
        *dict.fromkeys([key, id_column, period_column]),
        *(n for n in ("obj_id", "n", "field", "ccd", "quad", "filter") if n in names),
        *positions.columns(names).values(),
        *(n for n in names if RANKED.fullmatch(n) or OTHERS.fullmatch(n)),
    ]
    return datasets.read_dataset(path, list(dict.fromkeys(wanted))).table


def light_curve_key(names: Sequence[str], origin: object) -> str:
    """Return the name of the column with the identifiers of the light curves."""
    found = next((name for name in epochs.IDS if name in names), None)
    if found is None:
        raise AstrodomeError(
            f"{origin} has no column with the identifiers of the light curves: expected one of "
            f"{', '.join(epochs.IDS)}."
        )
    return found


def group_rows(table: pd.DataFrame) -> list[NDArray[np.intp]]:
    """Return the row numbers of each source, in the order of the first row.

    Rows belong to the same source if they have the same ``obj_id``. Rows without ``obj_id`` belong
    to the same source if their positions differ by at most 2 arcsec.
    """
    count = len(table)
    names = identifiers.texts(table["obj_id"]) if "obj_id" in table else [""] * count
    named = np.array([bool(name) for name in names])
    groups = np.arange(count)
    if named.any():
        groups[named] = count + pd.factorize(np.array(names, object)[named])[0]
    rest = np.flatnonzero(~named)
    places = positions.coordinates(table.iloc[rest], "The feature table")
    if places is not None and len(rest):
        groups[rest] = positions.clusters(*places, SAME_SOURCE)
    order = np.argsort(groups, kind="stable")
    found = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1) if count else []
    return sorted(found, key=lambda rows: int(rows[0]))


def collect(
    table: pd.DataFrame,
    classes: SourceClasses,
    *,
    id_column: str,
    period_column: str,
    ranks: int,
) -> list[TableSource]:
    """Return the sources in a feature table, in the order of their first rows.

    The period of the light curve with the most epochs (column ``n``) is preferred.
    """
    ids = identifiers.texts(table[light_curve_key(list(table.columns), "The feature table")])
    keys = identifiers.texts(table[id_column])
    current = _floats(table[period_column])
    points = _floats(table["n"]) if "n" in table else np.zeros(len(table))
    columns = [
        _floats(table[name])
        for name in sorted((n for n in table if n != period_column), key=_rank)
        if 0 < _rank(name) <= ranks
    ]
    listed = np.array(columns).reshape(len(columns), len(table))
    found = []
    for rows in group_rows(table):
        order = rows[np.argsort(-np.nan_to_num(points[rows]), kind="stable")]
        found.append(
            TableSource(
                tuple(map(int, rows)),
                tuple(ids[row] for row in rows),
                classes.decide([keys[row] for row in rows]),
                _positive(current[order]),
                _positive(listed[:, rows].ravel()),
            )
        )
    return found


def _positive(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(values[np.isfinite(values) & (values > 0)].tolist())


def _floats(column: Any) -> NDArray[np.float64]:
    values: NDArray[np.float64] = pd.to_numeric(column).to_numpy(np.float64, na_value=np.nan)
    return values


def _rank(name: Any) -> int:
    """Return the rank of the periods in a column: 1 for the best ones, and 0 for other columns."""
    ranked = RANKED.fullmatch(str(name))
    if ranked:
        return int(ranked[1])
    return 1 if OTHERS.fullmatch(str(name)) or name == "period" else 0
