"""Classes of sources for ``scope refine-periods``, from the scores of several classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import astrodome_ztf_scope as package
import numpy as np
import pandas as pd
import pytest
from astrodome import AstrodomeError
from astrodome.testing import Result
from astrodome_ztf_scope.features.refinement import source_classes
from astrodome_ztf_scope.features.refinement.source_classes import ClassDecision

Scope = Callable[..., Result]
TAGS = ("vnv", "pnp", "ew", "ea", "rrab", "rrc", "mir")


def decide(
    tmp_path: Path, rows: Sequence[dict[str, float]], threshold: float = 0.5
) -> ClassDecision:
    """Return the class of a source whose light curves have the given scores."""
    scores = [{f"{tag}_xgb": row.get(tag, 0.01) for tag in TAGS} for row in rows]
    table = pd.DataFrame({"_id": np.arange(len(rows)) + 1, "ra": 10.0, "dec": 5.0})
    table.join(pd.DataFrame(scores, dtype=np.float32)).to_parquet(tmp_path / "scores.parquet")
    classes = source_classes.read(tmp_path / "scores.parquet", "class", "_id", threshold, "")
    return classes.decide(["3", *table["_id"].astype(str), "1"])


@pytest.mark.parametrize(
    ("rows", "label"),
    [
        ([{"ew": 0.9, "rrab": 0.8}], "ew"),
        ([{"vnv": 1.0, "pnp": 0.99, "rrab": 0.75}], "rrab"),  # descriptive classes are ignored
        ([{"mir": 0.9, "rrab": 0.8}], "mir"),  # a class that cannot be refined can be the best
        ([{"vnv": 1.0, "rrab": 0.5}], "rrab"),  # exactly the threshold
        ([{"vnv": 1.0, "rrab": 0.49}], None),
        ([{"ea": 0.75, "ew": 0.75}], "ew"),  # both are refined in the same way
        ([{"rrab": 0.5}, {"ew": 0.75, "rrab": 0.25}], None),  # means: 0.375 and 0.38
        ([{"rrab": 1.0, "ew": 0.25}, {"ew": 0.75, "rrab": 0.25}], "rrab"),
        ([{"rrab": 0.75, "ew": np.nan}, {"ew": 0.875, "rrab": np.nan}], "ew"),
        ([dict.fromkeys(TAGS, np.nan)], None),
    ],
)
def test_the_class_with_the_highest_mean_score_is_used(
    rows: list[dict[str, float]], label: str | None, tmp_path: Path
) -> None:
    found = decide(tmp_path, rows)
    assert found.label == label and not found.problem
    assert (found.score >= 0.5) == (label is not None)


def test_the_class_is_ambiguous_if_equal_scores_lead_to_different_refinements(
    tmp_path: Path,
) -> None:
    found = decide(tmp_path, [{"ew": 0.875, "rrc": 0.875, "mir": 0.5}])
    assert (found.label, found.problem) == (
        None,
        "ambiguous class: ew, rrc have the same score 0.875",
    )
    assert decide(tmp_path, [{"ew": 0.75, "mir": 0.75}]).label is None
    assert not decide(tmp_path, [{"ew": 0.75, "mir": 0.75}], threshold=0.8).problem


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[object, ...]:
    """A command line for three eclipsing binaries with a feature table and light curves."""
    monkeypatch.chdir(tmp_path)
    simulated = package.simulate_light_curves(3, classes=["ew"], points=80, bands="r", seed=4)
    package.write_table("curves.parquet", simulated.epochs)
    package.write_table("features.parquet", simulated.truth[["_id", "ra", "dec", "period"]])
    scores = pd.DataFrame({"_id": simulated.truth["_id"], "ew_xgb": [0.9, 0.8, 0.1]})
    scores["rrab_xgb"] = [0.9, 0.2, 0.1]
    package.write_table("scores.parquet", scores.assign(ew_dnn=0.9, ew=[0.7, 0.3, 0.2]))
    scores.to_csv("scores.csv", index=False)
    line = ("refine-periods", "--features=features.parquet", "--file=curves.parquet")
    return (*line, "--output=refined.parquet", "--no-characterise", "--n-periods=1")


def test_ambiguous_sources_are_named_and_keep_their_period(
    scope: Scope, line: tuple[object, ...]
) -> None:
    result = scope(*line, "--classes=scores.csv").succeeded()
    table = pd.read_parquet("refined.parquet")
    first = table["_id"].iloc[0]
    message = "ambiguous class: ew, rrab have the same score 0.9"
    assert f"skipped  {first}: {message}" in " ".join(result.err.split("\n"))
    assert table["period_was_refined"].tolist() == [False, True, False]
    assert table["refinement_reason"].tolist()[::2] == [message, "no class"]
    assert table["period_refined"].iloc[0] == table["period"].iloc[0]
    assert table["class"].iloc[1] == "ew" and table["class_score"].iloc[1] == pytest.approx(0.8)
    other = scope(*line, "--classes=scores.csv", "--p-threshold=0.85")
    assert other.code == 2 and "different refinement" in other.err


def test_the_algorithm_is_required_if_the_table_contains_several(
    scope: Scope, line: tuple[object, ...]
) -> None:
    result = scope(*line, "--classes=scores.parquet")
    assert result.code == 2 and "contains scores of several algorithms" in result.err
    scope(*line, "--classes=scores.parquet", "--algorithm=merged").succeeded()
    table = pd.read_parquet("refined.parquet")
    assert table["period_was_refined"].tolist() == [True, False, False]


def test_tables_without_labels_and_invalid_scores_are_errors(
    scope: Scope, line: tuple[object, ...]
) -> None:
    result = scope(*line, "--classes=features.parquet")
    assert result.code == 1 and "has neither a column 'class' nor score columns" in result.err
    assert "--class-column" in result.err
    result = scope(*line, "--classes=scores.csv", "--class-column=type")
    assert result.code == 1 and "scores.csv has no column 'type'" in result.err
    table = pd.read_csv("scores.csv").assign(ew_xgb=1.5)
    table.to_csv("wrong.csv", index=False)
    result = scope(*line, "--classes=wrong.csv")
    assert result.code != 0 and "invalid score '1.5' in column 'ew_xgb', row 0" in result.err
    assert not Path("refined.parquet").exists()
    with pytest.raises(AstrodomeError, match=r"Invalid threshold 2: expected a number from 0 to 1"):
        package.RefinementTask("f.parquet", "c.csv", light_curves=["l.csv"], threshold=2)
