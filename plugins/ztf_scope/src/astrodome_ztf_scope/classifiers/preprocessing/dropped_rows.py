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

SHOWN = 3
"""Maximum number of columns that a description names."""


def reasons(frame: DataSet, features: FeatureSet) -> list[dict[str, Any]]:
    """Return the features because of which rows are dropped, the most frequent first.

    Each record has ``column``, and the number of rows in which the feature is ``missing`` and
    ``infinite`` (or too large for 32 bits). Imputed features are not counted, because infinite
    values are imputed like missing ones.
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
    frame: DataSet,
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
    about: dict[str, Any] = {"in_data_set": len(frame), "used": used, "dropped": dropped}
    if label == VARIABLE:
        about["undecided"] = len(frame) - dropped - used
    about["unlabelled"] = int((usable & ~labelled).sum())
    return about | {"reasons": reasons(frame, features) if dropped else []}


def many(rows: Mapping[str, Any]) -> bool:
    """Return whether at least half of the rows were dropped."""
    return 2 * int(rows.get("dropped", 0)) >= int(rows.get("in_data_set", 1))


def describe(rows: Mapping[str, Any]) -> str:
    """Return a sentence about the dropped rows; empty if no row was dropped."""
    if not rows.get("dropped"):
        return ""
    causes = []
    for reason in rows["reasons"][:SHOWN]:
        counts = [f"{kind} in {reason[kind]:,}" for kind in ("missing", "infinite") if reason[kind]]
        causes.append(f"{reason['column']} is {' and '.join(counts)}")
    more = len(rows["reasons"]) - SHOWN
    causes += [f"{more} more features lack values"] if more > 0 else []
    return f"{rows['dropped']:,} of {rows['in_data_set']:,} rows were dropped: {'; '.join(causes)}."
