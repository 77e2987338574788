"""Count the rows that are not used to train a classifier, and describe the reasons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...config.feature_sets import FeatureSet
from ...tables.datasets import DataSet
from .examples import PreparedDataSet
from .preparation import find, finite, raw_numbers
from .splitting import VARIABLE, labels

MAX_COLUMNS = 3
"""Maximum number of columns that are listed in a message about dropped rows."""


def reasons(data: DataSet, features: FeatureSet) -> list[dict[str, Any]]:
    """Return the features that cause rows to be dropped, in descending order of frequency.

    Each record contains the column name (``column``) and the numbers of rows in which the feature
    is missing (``missing``) or infinite (``infinite``). Values too large for float32 are counted as
    infinite. Imputed features are not included, because their missing and infinite values are
    imputed.
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
    data: DataSet, features: FeatureSet, prepared: PreparedDataSet, label: str
) -> dict[str, Any]:
    """Return row counts for a data set, which are stored as the entry ``rows`` in ``run.json``.

    ``in_data_set`` is the total number of rows, and ``used`` is the number of rows in all subsets.
    ``dropped`` is the number of rows in which a required feature is missing, and ``reasons`` is the
    result of :func:`reasons`. ``undecided`` is the number of rows that are neither variable nor
    non-variable. ``unlabelled`` is the number of rows that have no label and are used with the
    label 0.
    """
    used = sum(len(part) for part in prepared.split.parts.values())
    dropped = int((~prepared.usable).sum())
    counts: dict[str, Any] = {"in_data_set": len(data), "used": used, "dropped": dropped}
    if label == VARIABLE:
        counts["undecided"] = len(data) - dropped - used
    unlabelled = np.isnan(labels(data, label))
    counts["unlabelled"] = int((prepared.usable & unlabelled).sum())
    return counts | {"reasons": reasons(data, features) if dropped else []}


def many(rows: Mapping[str, Any]) -> bool:
    """Return whether at least half of the rows were dropped."""
    return 2 * int(rows.get("dropped", 0)) >= int(rows.get("in_data_set", 1))


def describe(rows: Mapping[str, Any]) -> str:
    """Return a message about the dropped rows, or an empty string if no rows were dropped."""
    if not rows.get("dropped"):
        return ""
    causes = []
    for reason in rows["reasons"][:MAX_COLUMNS]:
        counts = [f"{reason[kind]:,} {kind}" for kind in ("missing", "infinite") if reason[kind]]
        causes.append(f"{reason['column']} ({', '.join(counts)})")
    more = len(rows["reasons"]) - MAX_COLUMNS
    causes += [f"and {more} more features"] if more > 0 else []
    return (
        f"{rows['dropped']:,} of {rows['in_data_set']:,} rows were dropped because of missing or "
        f"infinite values: {', '.join(causes)}."
    )
