"""Reading and imputation of a data set as large as that of SCoPe, compared with scope-ml."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.ztf_scope import sky

from .measure import Effort, Figure, cost, in_turn, workers

ROWS = 20_000
SUFFIX = "ELS_ECE_EAOV"
GOAL = "≥ 10"
TURNS = 2
"""Maximum number of runs; each takes scikit-learn half a minute."""


def scope_data(place: Path, effort: Effort) -> Iterator[Figure]:
    """Read 61 features and dmdt from a CSV file, and impute the features."""
    rows = effort.size(ROWS, 500)
    made = sky.sky(rows, 1, SUFFIX)
    gaps = place / "gaps.parquet"
    made.table.to_parquet(gaps)
    whole = sky.Sky(made.table.fillna(made.table.median(numeric_only=True)), made.dmdt)
    text = whole.write(place / "dataset.csv")
    with workers("scope", "scope_data") as (a, b):

        def seconds(task: str, path: Path, turns: Effort) -> tuple[list[float], list[float]]:
            return in_turn(lambda: a(task, path=path), lambda: b(task, path=path), turns)

        subject = f"a data set of {rows:,} rows × 61 + dmdt read from CSV"
        yield cost(subject, *seconds("read", text, effort), "s")
        subject = f"imputation of {rows:,} rows × 61"
        yield cost(subject, *seconds("impute", gaps, effort.at_most(TURNS)), "s", GOAL)
