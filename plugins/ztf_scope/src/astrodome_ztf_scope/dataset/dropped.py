"""Count the rows of a data set that a class is not trained with, and say why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..features import FeatureSet
from .preparation import find, finite, raw_numbers
from .reading import Frame
from .selection import VARIABLE, Split

SHOWN = 3
"""Columns that a description names."""


def reasons(frame: Frame, features: FeatureSet) -> list[dict[str, Any]]:
    """Return the features without which rows are not usable, the most frequent first.

    Each has ``column``, and the number of rows in which it is ``missing`` and ``infinite`` (or too
    large for 32 bits). Features that are imputed are not counted: their infinite values are
    imputed like missing ones.
    """
    wanted = {
        column: name
        for column, name in features.columns.items()
        if features.features[name].impute_strategy == "none"
    }
    columns = find(wanted, list(frame.table.columns), frame.path)
    values = raw_numbers(frame.table, columns, frame.path)
    missing = np.isnan(values).sum(axis=0)
    infinite = (~finite(values)).sum(axis=0) - missing
    found = [
        {"column": name, "missing": int(missing[i]), "infinite": int(infinite[i])}
        for i, name in enumerate(columns)
        if missing[i] or infinite[i]
    ]
    return sorted(found, key=lambda row: -row["missing"] - row["infinite"])


def account(
    frame: Frame,
    features: FeatureSet,
    usable: NDArray[np.bool_],
    split: Split,
    label: str,
    labelled: NDArray[np.bool_],
) -> dict[str, Any]:
    """Return what ``run.json`` holds about the rows of a data set under ``rows``.

    ``dropped`` rows lack a feature; ``reasons`` are those of :func:`reasons`. ``undecided`` rows
    are neither variable nor non-variable. ``unlabelled`` rows are used, with a label of 0.
    """
    used = sum(len(part) for part in split.parts.values())
    dropped = int((~usable).sum())
    about: dict[str, Any] = {"in_data_set": len(frame), "used": used, "dropped": dropped}
    if label == VARIABLE:
        about["undecided"] = len(frame) - dropped - used
    about["unlabelled"] = int((usable & ~labelled).sum())
    return about | {"reasons": reasons(frame, features) if dropped else []}


def many(rows: Mapping[str, Any]) -> bool:
    """Return whether half of the rows were dropped."""
    return 2 * int(rows.get("dropped", 0)) >= int(rows.get("in_data_set", 1))


def describe(rows: Mapping[str, Any]) -> str:
    """Return a sentence on the rows that were dropped; empty where there are none."""
    if not rows.get("dropped"):
        return ""
    causes = []
    for reason in rows["reasons"][:SHOWN]:
        counts = [f"{kind} in {reason[kind]:,}" for kind in ("missing", "infinite") if reason[kind]]
        causes.append(f"{reason['column']} is {' and '.join(counts)}")
    more = len(rows["reasons"]) - SHOWN
    causes += [f"{more} more features lack values"] if more > 0 else []
    return f"{rows['dropped']:,} of {rows['in_data_set']:,} rows were dropped: {'; '.join(causes)}."
