"""Select the table columns that contain class probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from astrodome import AstrodomeError

from ...config import taxonomy_maps
from ...config.taxonomy_maps import TaxonomyClass

READ = "read"
"""Value of the option ``-classification`` that selects all labels in the taxonomy map."""
MAX_NAMES = 8


@dataclass(frozen=True)
class LabelColumn:
    """A column with the probabilities of a class.

    Probabilities of 0 are uploaded only if ``include_zero`` is True.
    """

    column: str
    target: TaxonomyClass
    include_zero: bool


def select(
    table: pd.DataFrame,
    names: Sequence[str],
    taxonomy_map: str = "",
    taxonomy_id: int | None = None,
    by_name: bool | None = None,
) -> list[LabelColumn]:
    """Return the columns that contain class probabilities.

    Parameters
    ----------
    table
        Table of sources.
    names
        Names of the classes. For n names, the last n columns contain the probabilities in the same
        order. If ``by_name`` is True, the names are labels in the taxonomy map. ``["read"]``
        selects every column whose name is a label in the map.
    taxonomy_map
        Path of a JSON file, or the name of a built-in map.
    taxonomy_id
        Id of the taxonomy that contains the classes. By default, the ids in the map are used.
    by_name
        Whether ``names`` are labels in the map. The default is True if ``taxonomy_id`` is None and
        the map contains taxonomy ids, as in SCoPe 0.9.5.

    Raises
    ------
    AstrodomeError
        If a column or class is missing, or if a column contains values that are not probabilities.
    """
    if not names:
        return []
    read = len(names) == 1 and names[0].lower() == READ
    if (read or by_name) and not taxonomy_map:
        raise AstrodomeError(
            "The taxonomy map is missing.", "Specify -taxonomy_map FILE.", exit_code=2
        )
    if by_name is None:
        has_map = bool(taxonomy_map) and taxonomy_id is None
        by_name = has_map and taxonomy_maps.has_taxonomies(taxonomy_map)
    if not (read or by_name):
        return _checked(_last_columns(table, names, taxonomy_id), table)
    targets = taxonomy_maps.read(taxonomy_map, taxonomy_id)
    if not read:
        for name in names:
            if name not in targets or name not in table:
                where = "file" if name in targets else "taxonomy map"
                raise AstrodomeError(f"Label '{name}' not found in the {where}.", exit_code=2)
        targets = {name: targets[name] for name in names}
    columns = [
        LabelColumn(column, target, include_zero=False)
        for column, target in targets.items()
        if target and column in table
    ]
    if not columns:
        raise AstrodomeError(
            "No label of the taxonomy map is a column of the file.",
            f"Labels: {_shortened(list(targets))}. Columns: {_shortened(list(table.columns))}.",
            exit_code=2,
        )
    return _checked(columns, table)


def _last_columns(
    table: pd.DataFrame, names: Sequence[str], taxonomy_id: int | None
) -> list[LabelColumn]:
    if taxonomy_id is None:
        raise AstrodomeError(
            "The taxonomy of the classes is missing.", "Specify -taxonomy_id.", exit_code=2
        )
    if len(names) > len(table.columns):
        raise AstrodomeError(
            f"Expected {len(names)} columns with probabilities, got {len(table.columns)}.",
            exit_code=2,
        )
    columns = list(table.columns)[-len(names) :]
    return [
        LabelColumn(column, TaxonomyClass(name, taxonomy_id), include_zero=True)
        for column, name in zip(columns, names, strict=True)
    ]


def _checked(labels: list[LabelColumn], table: pd.DataFrame) -> list[LabelColumn]:
    for label in labels:
        values = pd.to_numeric(table[label.column], errors="coerce")
        text = values.isna() & table[label.column].notna()
        wrong = text | (values < 0) | (values > 1)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise AstrodomeError(
                f"Column '{label.column}' is not a probability of '{label.target.name}': "
                f"expected 0 to 1, got {table[label.column].iloc[row]!r} in row {row}.",
                "For n classes, the last n columns are their probabilities, unless --by-name is "
                "used.",
                exit_code=2,
            )
    return labels


def of_row(
    row: Mapping[str, Any], labels: Sequence[LabelColumn], threshold: float = 0.0
) -> list[tuple[TaxonomyClass, float]]:
    """Return the classes for a row whose probability is at least ``threshold``.

    Each class is returned with its probability.
    """
    found: dict[TaxonomyClass, float] = {}
    for label in labels:
        value = row[label.column]
        probability = float("nan") if value is None or value is pd.NA else float(value)
        if probability >= threshold and (
            probability > 0 or (label.include_zero and threshold <= 0)
        ):
            found.setdefault(label.target, probability)
    return list(found.items())


def summary(
    table: pd.DataFrame, labels: Sequence[LabelColumn], threshold: float = 0.0
) -> list[dict[str, Any]]:
    """Return the class and the number of rows to upload for each column."""
    rows = []
    for label in labels:
        values = pd.to_numeric(table[label.column], errors="coerce")
        kept = values >= threshold
        if threshold > 0 or not label.include_zero:
            kept &= values > 0
        rows.append(
            {
                "column": label.column,
                "class": label.target.name,
                "taxonomy": label.target.taxonomy_id,
                "rows": int(kept.sum()),
                "of them zero": int((kept & (values == 0)).sum()),
            }
        )
    return rows


def _shortened(names: Sequence[Any]) -> str:
    return ", ".join(map(str, names[:MAX_NAMES])) + (" …" if len(names) > MAX_NAMES else "")
