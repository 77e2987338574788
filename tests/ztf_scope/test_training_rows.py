"""Rows that are dropped in training are counted and explained; labels are from 0 to 1."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from astrodome import AstrodomeError
from astrodome.testing import Result
from astrodome_ztf_scope.classifiers import training_run
from astrodome_ztf_scope.classifiers.jobs import TrainingOptions, training_jobs
from astrodome_ztf_scope.classifiers.preprocessing import dropped_rows
from astrodome_ztf_scope.config.loading import load_config
from astrodome_ztf_scope.tables.datasets import DataSet

Scope = Callable[..., Result]
CONFIG = """
features:
  info: {period_suffix: }
  few:
    wstd: {include: true, dtype: float, periodic: false}
    ad: {include: true, dtype: float, periodic: false}
    median: {include: true, dtype: float, periodic: false, impute_strategy: median}
    chi2red: {include: true, dtype: float, periodic: false, impute_strategy: zero}
training:
  classes:
    e: {label: eclipsing, features: few, threshold: 0.7}
    i: {label: irregular, features: few, threshold: 0.7}
    vnv: {label: variable, features: few, threshold: 0.7}
"""
RUNS = Path("models/experiment/xgb")


@pytest.fixture
def table(dataset: Callable[..., Path]) -> pd.DataFrame:
    return pd.read_parquet(dataset(".parquet", 600)).drop(columns="dmdt")


@pytest.fixture
def train(scope: Scope, write: Callable[[str], Path]) -> Callable[..., Result]:
    config = write(CONFIG)

    def call(table: pd.DataFrame, *more: str) -> Result:
        table.to_parquet("mine.parquet")
        given = ("--config", config, "--path-dataset", "mine.parquet", "--algorithm=xgb")
        return scope("train", *given, "--no-plot", "--jobs=1", *(more or ("--tag=e",)))

    return call


@pytest.fixture
def learn(write: Callable[[str], Path], tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Return a function that trains one class and returns ``rows`` of its ``run.json``."""
    config = load_config(write(CONFIG))

    def call(table: pd.DataFrame, tag: str = "e") -> dict[str, Any]:
        options = TrainingOptions(algorithm="xgb", root=tmp_path / "models", plot=False)
        data = DataSet(table, None, Path("mine.parquet"))
        (job,) = training_jobs(config, [tag], options, data.path, tmp_path)
        return dict(training_run.run(job, data)["rows"])

    return call


def about(tag: str = "e") -> dict[str, object]:
    return json.loads((RUNS / tag / "42/run.json").read_text())["rows"]


def words(result: Result) -> str:
    return " ".join(result.err.split())


def test_dropped_rows_are_reported_with_the_reason_for_each_feature(
    train: Callable[..., Result], table: pd.DataFrame
) -> None:
    table.loc[:99, "wstd"] = np.inf
    table.loc[100:119, "wstd"] = np.nan
    table.loc[90:109, "ad"] = -np.inf
    table.loc[120:129, "ad"] = 1e39  # too large for 32 bits
    result = train(table, "--tag=e", "--tag=i").succeeded()
    reasons = [
        {"column": "wstd", "missing": 20, "infinite": 100},
        {"column": "ad", "missing": 0, "infinite": 30},
    ]
    expected = {"in_data_set": 600, "used": 470, "dropped": 130, "unlabelled": 0}
    assert about("e") == about("i") == expected | {"reasons": reasons}
    text = (
        "130 of 600 rows were dropped because of missing or infinite values: "
        "wstd (20 missing, 100 infinite), ad (30 infinite)."
    )
    assert words(result).count(text) == 1 and f"e, i: {text}" in words(result)
    page = Path("models/experiment/report.html").read_text()
    assert page.count(text) == 2
    again = train(table, "--tag=e", "--json").succeeded()
    assert again.json[0]["rows"]["dropped"] == 130 and f"e: {text}" in words(again)
    split = pd.read_parquet(RUNS / "e/42/split.parquet")
    assert split["row"].min() == 130


def test_half_of_the_rows_is_a_warning(train: Callable[..., Result], table: pd.DataFrame) -> None:
    table.loc[:298, "ad"] = np.inf
    table.loc[299, "ad"] = np.nan
    said = words(train(table).succeeded())
    text = (
        "e: 300 of 600 rows were dropped because of missing or infinite values: "
        "ad (1 missing, 299 infinite)."
    )
    assert f"Warning: {text}" in said and "impute_strategy" in said
    assert dropped_rows.many({"dropped": 300, "in_data_set": 600})
    assert not dropped_rows.many({"dropped": 299, "in_data_set": 600})


def test_infinite_values_of_an_imputed_feature_are_imputed_like_missing_ones(
    learn: Callable[..., dict[str, Any]], table: pd.DataFrame, tmp_path: Path
) -> None:
    missing, infinite = table.copy(), table.copy()
    missing.loc[::3, ["median", "chi2red"]] = np.nan
    infinite.loc[::3, ["median", "chi2red"]] = np.inf
    scores = []
    for given in (missing, infinite):
        assert learn(given)["dropped"] == 0
        scores.append(pd.read_parquet(tmp_path / RUNS / "e/42/split.parquet")["score"])
    pd.testing.assert_series_equal(*scores)


def test_rows_that_are_neither_variable_nor_non_variable_are_counted(
    learn: Callable[..., dict[str, Any]], table: pd.DataFrame
) -> None:
    table.loc[:49, ["variable", "non-variable"]] = 0.5
    table.loc[40:59, "wstd"] = np.nan
    decided = (table[["variable", "non-variable"]] > 0.7).any(axis=1) & table["wstd"].notna()
    found = learn(table, "vnv")
    assert found["used"] == decided.sum() and found["dropped"] == 20
    assert found["undecided"] == 580 - decided.sum() >= 40


def test_rows_without_a_label_count_as_negative_and_are_counted(
    learn: Callable[..., dict[str, Any]], table: pd.DataFrame
) -> None:
    table.loc[:9, "eclipsing"] = np.nan
    found = learn(table)
    assert found["unlabelled"] == 10 and found["used"] == 600


@pytest.mark.parametrize("value", [100.0, 1.01, -0.01, np.inf, -np.inf])
@pytest.mark.parametrize(("tag", "column"), [("e", "eclipsing"), ("vnv", "non-variable")])
def test_a_label_outside_0_to_1_is_an_error_that_names_column_and_row(
    value: float,
    tag: str,
    column: str,
    learn: Callable[..., dict[str, Any]],
    table: pd.DataFrame,
    tmp_path: Path,
) -> None:
    table[column] = table[column].astype(float)
    table.loc[17, column] = value
    expected = (
        f"mine.parquet: invalid label {value:g} in column '{column}', row 17: expected a number"
    )
    with pytest.raises(AstrodomeError, match=expected):
        learn(table, tag)
    assert not list(tmp_path.rglob("run.json"))


def test_a_label_that_differs_from_1_by_rounding_is_accepted(
    learn: Callable[..., dict[str, Any]], table: pd.DataFrame
) -> None:
    table["eclipsing"] = table["eclipsing"].astype(float)
    table.loc[table["eclipsing"] == 1, "eclipsing"] = 1 + 1e-12
    assert learn(table)["used"] == 600


def test_evaluation_rejects_labels_outside_0_to_1(
    learn: Callable[..., dict[str, Any]], scope: Scope, table: pd.DataFrame, tmp_path: Path
) -> None:
    learn(table)
    table.assign(eclipsing=100 * table["eclipsing"]).to_parquet("percent.parquet")
    result = scope("evaluate", "percent.parquet", "--path-models", tmp_path / "models")
    assert result.code == 1 and "labels are outside this range" in words(result)
