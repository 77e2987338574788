"""Compare the reading and the imputation of a data set with scope-ml."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.ztf_scope import sky

from .measure import Effort, Figure, cost, workers

ROWS = 20_000
SUFFIX = "ELS_ECE_EAOV"
GOAL = "≥ 10"
TURNS = 2
"""Maximum number of runs, because the imputation in scope-ml takes half a minute."""


def scope_data(place: Path, effort: Effort) -> Iterator[Figure]:
    """Read 61 features and dmdt images from a CSV file, and impute the features."""
    rows = effort.size(ROWS, 500)
    made = sky.sky(rows, 1, SUFFIX)
    gaps = place / "gaps.parquet"
    made.table.to_parquet(gaps)
    whole = sky.Sky(made.table.fillna(made.table.median(numeric_only=True)), made.dmdt)
    text = whole.write(place / "dataset.csv")
    with workers("scope", "scope_data") as sides:
        seconds = sides.compare(effort, "read", path=text)
        yield cost(f"reading {rows:,} rows × 61 features + dmdt from a CSV file", *seconds, "s")
        seconds = sides.compare(effort.at_most(TURNS), "impute", path=gaps)
        yield cost(f"imputation of {rows:,} rows × 61 features", *seconds, "s", GOAL)
