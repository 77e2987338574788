"""Count and explain the rows of a data set that are not used to train a class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...config.feature_sets import FeatureSet
from ...tables.datasets import DataSet
from .preparation import find, finite, raw_numbers
from .splitting import VARIABLE, DataSplit

MAX_COLUMNS = 3
"""Maximum number of columns in a description."""


def reasons(data: DataSet, features: FeatureSet) -> list[dict[str, Any]]:
    """Return the features because of which rows are dropped, the most frequent first.

    Each record has ``column``, and the number of rows in which the feature is ``missing`` and
    ``infinite`` (or too large for 32 bits). Imputed features are not counted, because infinite
    values are imputed like missing ones.
    """
    columns = find(features.required, list(data.table.columns), data.path)
    values = raw_numbers(data.table, columns, data.path)
    missing = np.isnan(values).sum(axis=0)
    infinite = (~finite(values)).sum(axis=0) - missing
    found = [
        {"column": name, "missing": int(missing[i]), "infinite": int(infinite[i])}
        for i, name in enumerate(columns)
        if missing[i] or infinite[i]
    ]
    return sorted(found, key=lambda row: -row["missing"] - row["infinite"])


def count_rows(
    data: DataSet,
    features: FeatureSet,
    usable: NDArray[np.bool_],
    split: DataSplit,
    label: str,
    labelled: NDArray[np.bool_],
) -> dict[str, Any]:
    """Return the entry ``rows`` of ``run.json``: counts of the rows of a data set.

    ``dropped`` rows lack a feature, for the ``reasons`` that :func:`reasons` returns.
    ``undecided`` rows are neither variable nor non-variable. ``unlabelled`` rows are used with
    the label 0.
    """
    used = sum(len(part) for part in split.parts.values())
    dropped = int((~usable).sum())
    counts: dict[str, Any] = {"in_data_set": len(data), "used": used, "dropped": dropped}
    if label == VARIABLE:
        counts["undecided"] = len(data) - dropped - used
    counts["unlabelled"] = int((usable & ~labelled).sum())
    return counts | {"reasons": reasons(data, features) if dropped else []}


def many(rows: Mapping[str, Any]) -> bool:
    """Return whether at least half of the rows were dropped."""
    return 2 * int(rows.get("dropped", 0)) >= int(rows.get("in_data_set", 1))


def describe(rows: Mapping[str, Any]) -> str:
    """Return a sentence about the dropped rows; empty if no row was dropped."""
    if not rows.get("dropped"):
        return ""
    causes = []
    for reason in rows["reasons"][:MAX_COLUMNS]:
        counts = [f"{kind} in {reason[kind]:,}" for kind in ("missing", "infinite") if reason[kind]]
        causes.append(f"{reason['column']} is {' and '.join(counts)}")
    more = len(rows["reasons"]) - MAX_COLUMNS
    causes += [f"{more} more features lack values"] if more > 0 else []
    return f"{rows['dropped']:,} of {rows['in_data_set']:,} rows were dropped: {'; '.join(causes)}."
