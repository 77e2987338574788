"""Select the table columns that contain class probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from astrodome import InvalidInputError

from ...config import taxonomy_maps
from ...config.taxonomy_maps import TaxonomyClass
from ...tables import identifiers

READ = "read"
"""Value of the option ``-classification`` that selects all labels in the taxonomy map."""
MAX_NAMES = 8


@dataclass(frozen=True)
class LabelColumn:
    """A column with the probabilities of a class.

    ``column`` is the name of the column, and ``target`` is the class. Probabilities of 0 are
    uploaded only if ``include_zero`` is True.
    """

    column: str
    target: TaxonomyClass
    include_zero: bool

    def is_uploaded(self, probability: Any, threshold: float) -> Any:
        """Return whether a probability is uploaded.

        If ``probability`` is a column, a column of boolean values is returned.
        """
        return (probability >= threshold) & ((probability > 0) | self.include_zero)


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
        raise InvalidInputError("No taxonomy map specified.", "Specify taxonomy_map.")
    if by_name is None:
        has_map = bool(taxonomy_map) and taxonomy_id is None
        by_name = has_map and taxonomy_maps.has_taxonomies(taxonomy_map)
    if read or by_name:
        found = _mapped_columns(table, () if read else names, taxonomy_map, taxonomy_id)
    else:
        found = _last_columns(table, names, taxonomy_id)
    for label in found:
        _check_probabilities(table[label.column], label.target.name)
    return found


def _mapped_columns(
    table: pd.DataFrame, names: Sequence[str], taxonomy_map: str, taxonomy_id: int | None
) -> list[LabelColumn]:
    """Return the columns for ``names`` or, if it is empty, for all labels in the map."""
    targets = taxonomy_maps.read(taxonomy_map, taxonomy_id)
    for name in names:
        if name not in targets or name not in table:
            where, known = ("table", table) if name in targets else ("taxonomy map", targets)
            raise InvalidInputError(
                f"Label '{name}' not found in the {where}: expected one of "
                f"{_shortened(list(known))}."
            )
    columns = [
        LabelColumn(name, target, include_zero=False)
        for name in names or targets
        if (target := targets[name]) and name in table
    ]
    if not columns:
        raise InvalidInputError(
            "No column name in the table is a label in the taxonomy map.",
            f"Labels: {_shortened(list(targets))}. Columns: {_shortened(list(table.columns))}.",
        )
    return columns


def _last_columns(
    table: pd.DataFrame, names: Sequence[str], taxonomy_id: int | None
) -> list[LabelColumn]:
    if taxonomy_id is None:
        raise InvalidInputError("No taxonomy specified for the classes.", "Specify taxonomy_id.")
    if len(names) > len(table.columns):
        raise InvalidInputError(
            f"Expected at least {len(names)} columns, one for each class, got {len(table.columns)}."
        )
    columns = list(table.columns)[-len(names) :]
    return [
        LabelColumn(column, TaxonomyClass(name, taxonomy_id), include_zero=True)
        for column, name in zip(columns, names, strict=True)
    ]


def _check_probabilities(cells: pd.Series[Any], name: str) -> None:
    values = pd.to_numeric(cells, errors="coerce")
    wrong = cells.notna() & ~values.between(0, 1)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InvalidInputError(
            f"Invalid probability {cells.iloc[row]!r} for class '{name}' in column '{cells.name}', "
            f"row {row}: expected a number from 0 to 1.",
            "If n class names are specified, the last n columns must contain the probabilities.",
        )


def of_row(
    row: Mapping[str, Any], labels: Sequence[LabelColumn], threshold: float = 0.0
) -> list[tuple[TaxonomyClass, float]]:
    """Return the classes whose probability in a row is at least ``threshold``.

    Each class is returned with its probability.
    """
    found: dict[TaxonomyClass, float] = {}
    for label in labels:
        probability = identifiers.number(row[label.column])
        if probability is not None and label.is_uploaded(probability, threshold):
            found.setdefault(label.target, probability)
    return list(found.items())


def summary(
    table: pd.DataFrame, labels: Sequence[LabelColumn], threshold: float = 0.0
) -> list[dict[str, Any]]:
    """Return one record per column, with its class and the number of rows to upload."""
    rows = []
    for label in labels:
        values = pd.to_numeric(table[label.column], errors="coerce")
        kept = label.is_uploaded(values, threshold)
        about = {"class": label.target.name, "taxonomy": label.target.taxonomy_id}
        counts = {"rows": int(kept.sum()), "of them zero": int((kept & (values == 0)).sum())}
        rows.append({"column": label.column, **about, **counts})
    return rows


def _shortened(names: Sequence[Any]) -> str:
    return ", ".join(map(str, names[:MAX_NAMES])) + (" …" if len(names) > MAX_NAMES else "")
