"""What can be relied on of compiled trees: the scores of XGBoost, for every tree they take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost as xgb
from astrodome_ztf_scope.classifiers.models import forest
from astrodome_ztf_scope.classifiers.models.xgb import MANY, XgbClassifier
from astrodome_ztf_scope.config.schema import XgboostSettings
from numpy.typing import NDArray

WIDTH = 9
LOGISTIC = {"objective": "binary:logistic", "tree_method": "hist", "nthread": 1, "seed": 3}


def sources(count: int, seed: int = 1) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Features of which a tenth is missing and some are alike or endless, and labels."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(count, WIDTH)).astype(np.float32)
    values[:, 1] = values[:, 1].round(1)  # many that equal a threshold
    values[random.random(values.shape) < 0.1] = np.nan
    labels = np.nansum(values[:, :4] * (1, -2, 0.5, 1), axis=1) + random.normal(size=count) > 0.5
    return values, labels.astype(np.float32)


def grown(params: dict[str, Any], rounds: int = 30, **more: Any) -> xgb.Booster:
    values, labels = sources(3000)
    return xgb.train(LOGISTIC | params, xgb.DMatrix(values, labels), rounds, **more)


def alike(booster: xgb.Booster, given: NDArray[np.float32], threads: int = 2) -> None:
    flat = forest.flatten(booster)
    assert flat
    expected = booster.inplace_predict(given, validate_features=False)
    np.testing.assert_allclose(flat.score(given, threads), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("depth", range(1, forest.DEEPEST + 1))
def test_scores_are_those_of_xgboost_at_every_depth(depth: int) -> None:
    alike(grown({"max_depth": depth}), sources(5000, 2)[0])


@pytest.mark.parametrize(
    "params",
    [
        {"base_score": 0.03},
        {"objective": "reg:logistic", "eta": 1.0},
        {"num_parallel_tree": 4, "subsample": 0.6},
        {"grow_policy": "lossguide", "max_leaves": 9, "max_depth": 6},
        {"tree_method": "exact", "max_depth": 4},
        {"eta": 5.0, "lambda": 0, "min_child_weight": 0},  # scores of 0 and 1
        {"gamma": 1e9},  # no tree has a split
    ],
)
def test_scores_are_those_of_xgboost_however_trees_were_grown(params: dict[str, Any]) -> None:
    alike(grown({"max_depth": 3} | params), sources(5000, 2)[0])


def test_scores_are_those_of_xgboost_where_features_are_endless_or_all_missing() -> None:
    given = sources(2000, 2)[0]
    given[:100] = np.nan
    given[100:200, ::2] = np.inf
    given[200:300, 1::2] = -np.inf
    given[300:400] *= 1e30
    alike(grown({"max_depth": 5}), given)


def test_a_model_that_stopped_early_scores_with_the_trees_that_xgboost_scores_with() -> None:
    values, labels = sources(1000, 5)
    booster = grown(
        {"max_depth": 4, "eval_metric": "auc"},
        300,
        evals=[(xgb.DMatrix(values, labels), "held")],
        early_stopping_rounds=5,
        verbose_eval=False,
    )
    assert booster.best_iteration + 1 < booster.num_boosted_rounds() < 300
    alike(booster, values)
    alike(booster[: booster.best_iteration + 1], values)


def test_a_score_depends_neither_on_the_other_sources_nor_on_the_threads() -> None:
    flat = forest.flatten(grown({"max_depth": 4}))
    given = sources(3 * forest.CHUNK + 77, 2)[0]
    assert flat
    whole = flat.score(given, 3)
    np.testing.assert_array_equal(whole, flat.score(given))
    for rows in (slice(0, 1), slice(5, 6), slice(250, 260), slice(4000, 9001)):
        np.testing.assert_array_equal(flat.score(given[rows], 2), whole[rows])
    np.testing.assert_array_equal(flat.score(np.asfortranarray(given)), whole)
    assert flat.score(given[:0]).shape == (0,)


def config(names: list[str]) -> dict[str, Any]:
    return {"features": names, "class": {}, "xgboost": XgboostSettings().model_dump(), "threads": 2}


def backend(booster: xgb.Booster, file: Path, names: list[str]) -> XgbClassifier:
    """The booster, written as SCoPe 0.9.5 did, and loaded for these features."""
    booster.save_model(file)
    file.with_suffix(".params").write_text(booster.save_config())
    loaded = XgbClassifier()
    loaded.load(file, config(names))
    return loaded


def test_many_sources_get_the_very_scores_that_few_get(tmp_path: Path) -> None:
    """Whether XGBoost or the compiled trees score them, and in whatever order columns are."""
    names = [f"f{i}" for i in range(WIDTH)]
    values, labels = sources(3000)
    booster = xgb.train(
        LOGISTIC | {"max_depth": 3}, xgb.DMatrix(values, labels, feature_names=names), 60
    )
    given = sources(MANY + 100, 2)[0]
    turned = np.random.default_rng(1).permutation(WIDTH)
    for order in (np.arange(WIDTH), turned):
        loaded = backend(booster, tmp_path / "vnv.json", [names[i] for i in order])
        many = loaded.predict(given[:, order])
        few = [loaded.predict(part[:, order]) for part in np.array_split(given, 5)]
        np.testing.assert_array_equal(many, np.concatenate(few))
        np.testing.assert_array_equal(
            many, booster.predict(xgb.DMatrix(given, feature_names=names))
        )


@pytest.mark.parametrize(
    "params",
    [
        {"booster": "dart", "rate_drop": 0.5, "max_depth": 3},
        {"max_depth": forest.DEEPEST + 3},
        {"tree_method": "approx", "max_depth": 0, "grow_policy": "lossguide", "max_leaves": 200},
    ],
)
def test_trees_that_have_no_place_are_left_to_xgboost(
    tmp_path: Path, params: dict[str, Any]
) -> None:
    booster = grown(params)
    assert forest.flatten(booster) is None
    given = sources(MANY, 2)[0]
    loaded = backend(booster, tmp_path / "vnv.json", [f"f{i}" for i in range(WIDTH)])
    np.testing.assert_array_equal(
        loaded.predict(given), booster.inplace_predict(given, validate_features=False)
    )


def test_splits_by_category_are_left_to_xgboost() -> None:
    random = np.random.default_rng(1)
    kinds = random.integers(0, 5, (500, 1)).astype(np.float32)
    labels = np.isin(kinds[:, 0], (1, 3)).astype(np.float32)
    given = xgb.DMatrix(kinds, labels, feature_types=["c"], enable_categorical=True)
    assert forest.flatten(xgb.train(LOGISTIC, given, 3)) is None
