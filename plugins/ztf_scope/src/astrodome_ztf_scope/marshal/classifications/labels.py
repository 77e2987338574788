"""Which column of a table is which class, and what each row says about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from astrodome import AstrodomeError

from ...config.taxonomy_maps import Target

READ = "read"


@dataclass(frozen=True)
class Label:
    """A column that holds the probability of a class."""

    column: str
    target: Target
    zero: bool
    """Whether a probability of 0 is posted too."""


def from_map(table: pd.DataFrame, targets: Mapping[str, Target | None]) -> list[Label]:
    """A label for each entry of the map that is a column (``-classification read``)."""
    found = [
        Label(column, target, zero=False)
        for column, target in targets.items()
        if target and column in table
    ]
    if not found:
        raise AstrodomeError(
            "None of the labels of the taxonomy map is a column of the file.",
            f"The map has {_few(list(targets))}; the file {_few(list(table.columns))}.",
            exit_code=2,
        )
    return _checked(found, table)


def by_name(
    table: pd.DataFrame, names: Sequence[str], targets: Mapping[str, Target | None]
) -> list[Label]:
    """The labels of these names, which are columns of the file and in the map."""
    for name in names:
        if name not in targets or name not in table:
            where = "the file" if name in targets else "the taxonomy map"
            raise AstrodomeError(f"'{name}' is not in {where}.", exit_code=2)
    return from_map(table, {name: targets[name] for name in names})


def last_columns(table: pd.DataFrame, names: Sequence[str], taxonomy_id: int | None) -> list[Label]:
    """Classes of these names, whose probabilities are the last columns, in the same order."""
    if taxonomy_id is None:
        raise AstrodomeError("Which taxonomy are the classes of? Give --taxonomy-id.", exit_code=2)
    columns = list(table.columns)[-len(names) :]
    if len(names) > len(table.columns):
        raise AstrodomeError(f"{len(names)} classes, but {len(columns)} columns.", exit_code=2)
    targets = (Target(name, taxonomy_id) for name in names)
    found = [Label(c, target, zero=True) for c, target in zip(columns, targets, strict=True)]
    return _checked(found, table)


def _checked(labels: list[Label], table: pd.DataFrame) -> list[Label]:
    for label in labels:
        values = pd.to_numeric(table[label.column], errors="coerce")
        text = values.isna() & table[label.column].notna()
        wrong = text | (values < 0) | (values > 1)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise AstrodomeError(
                f"Column '{label.column}' would be the probability of '{label.target.name}', but "
                f"row {row} has {table[label.column].iloc[row]!r}: not from 0 to 1.",
                "Of n classes the probabilities are the last n columns, unless --by-name is given.",
                exit_code=2,
            )
    return labels


def of_row(
    row: Mapping[str, Any], labels: Sequence[Label], threshold: float = 0.0
) -> list[tuple[Target, float]]:
    """What a row says: classes with their probability, those of at least ``threshold``."""
    found: dict[Target, float] = {}
    for label in labels:
        value = row[label.column]
        probability = float("nan") if value is None or value is pd.NA else float(value)
        if probability >= threshold and (probability > 0 or (label.zero and threshold <= 0)):
            found.setdefault(label.target, probability)
    return list(found.items())


def summary(
    table: pd.DataFrame, labels: Sequence[Label], threshold: float = 0.0
) -> list[dict[str, Any]]:
    """Which column goes to which class, and in how many rows; for a person to check."""
    rows = []
    for label in labels:
        values = pd.to_numeric(table[label.column], errors="coerce")
        kept = values >= threshold
        posted = kept & (values > 0) if not label.zero or threshold > 0 else kept
        rows.append(
            {
                "column": label.column,
                "class": label.target.name,
                "taxonomy": label.target.taxonomy_id,
                "rows": int(posted.sum()),
                "of them zero": int((posted & (values == 0)).sum()),
            }
        )
    return rows


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (" …" if len(names) > 8 else "")
