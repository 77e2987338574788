"""Boosted trees: training, early stopping, parameter search and SCoPe model files."""

from __future__ import annotations

import csv
import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost as xgb
from astrodome import AstrodomeError
from astrodome.errors import from_os_error
from astrodome.runs import Run
from astrodome_ztf_scope.classifiers.models import parameter_search
from astrodome_ztf_scope.classifiers.models.xgb import XgbClassifier, save
from astrodome_ztf_scope.classifiers.preprocessing.examples import LabelledExamples, examples
from astrodome_ztf_scope.classifiers.preprocessing.preparation import Preparation
from astrodome_ztf_scope.classifiers.preprocessing.splitting import split_dataset
from astrodome_ztf_scope.config.feature_sets import FeatureConfig, FeatureSet
from astrodome_ztf_scope.config.schema import ClassConfig, XgboostSettings
from astrodome_ztf_scope.tables.datasets import DataSet
from sklearn.metrics import roc_auc_score

ENTRY = ClassConfig(label="RR Lyrae", features="few")
FEATURES = FeatureSet(
    {
        name: FeatureConfig()
        for name in ("period", "wstd", "skew", "stetson_k", "f1_power", "iqr", "ad")
    }
)
Parts = Mapping[str, LabelledExamples]


@pytest.fixture(scope="module")
def parts(sky: Callable) -> Parts:
    """Light curves of known shape: which are of RR Lyrae stars?"""
    made = sky(1500, 3)
    frame = DataSet(made.table, None, Path("golden.parquet"))
    split = split_dataset(frame, "rrlyr", ENTRY.model_copy(update={"test_size": 0.3}))
    preparation = Preparation.fit(frame.take(split.train), FEATURES, "min_max")
    return {name: examples(frame, rows, split, preparation) for name, rows in split.parts.items()}


def config(seed: int = 42, *, names: list[str] | None = None, **changes: Any) -> dict[str, Any]:
    entry = ENTRY.model_dump(mode="json") | {"random_state": seed}
    shared = XgboostSettings.model_validate(changes.pop("xgboost", {})).model_dump(mode="json")
    return {
        "tag": "rrlyr",
        "features": names or list(FEATURES.columns),
        "class": entry | changes.pop("entry", {}),
        "xgboost": shared,
        "search": False,
        "threads": 1,
    } | changes


def train(
    folder: Path, parts: Parts, given: dict[str, Any] | None = None
) -> tuple[XgbClassifier, Run]:
    given = given or config()
    run = Run.start(folder, "scope", "xgb", given)
    backend = XgbClassifier()
    backend.train(parts["train"], parts["validation"], run, given)
    return backend, run


def load(path: Path, given: dict[str, Any] | None = None) -> XgbClassifier:
    backend = XgbClassifier()
    backend.load(path, given or config())
    return backend


def test_a_loaded_model_gives_the_scores_of_the_trained_one(tmp_path: Path, parts: Parts) -> None:
    trained, run = train(tmp_path / "run", parts)
    scores = trained.predict(parts["test"].features)
    assert roc_auc_score(parts["test"].target, scores) > 0.9
    np.testing.assert_array_equal(load(run.path).predict(parts["test"].features), scores)
    assert not list(run.path.glob("*.pkl"))


def test_scores_are_those_of_xgboost_itself(tmp_path: Path, parts: Parts) -> None:
    backend, run = train(tmp_path / "run", parts)
    booster = xgb.Booster(model_file=run.path / "model.ubj")
    given = parts["test"].features
    expected = booster.predict(xgb.DMatrix(given, feature_names=config()["features"]))
    np.testing.assert_array_equal(backend.predict(given), expected)
    assert backend.predict(given[:0]).shape == (0,)


def test_the_score_of_a_source_does_not_depend_on_the_others(tmp_path: Path, parts: Parts) -> None:
    backend, _ = train(tmp_path / "run", parts)
    given = parts["test"].features[:40]
    alone = [backend.predict(given[i : i + 1])[0] for i in range(len(given))]
    np.testing.assert_array_equal(backend.predict(given), alone)


def test_the_same_seed_gives_the_same_model_and_another_one_another(
    tmp_path: Path, parts: Parts
) -> None:
    given = parts["test"].features
    first, again, other = (
        train(tmp_path / name, parts, config(seed))[0].predict(given)
        for name, seed in (("a", 7), ("b", 7), ("c", 8))
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_a_run_contains_parameters_rounds_and_importances(tmp_path: Path, parts: Parts) -> None:
    backend, run = train(tmp_path / "run", parts)
    told = run.record["xgboost"]
    assert {
        name: told[name]
        for name in ("max_depth", "min_child_weight", "eta", "subsample", "colsample_bytree")
    } == {
        "max_depth": 3,
        "min_child_weight": 1,
        "eta": 0.3,
        "subsample": 0.6,
        "colsample_bytree": 0.6,
    }
    assert told["tree_method"] == "hist"
    assert told["rounds"] == backend.booster.num_boosted_rounds()
    importance = run.record["importance"]
    assert set(importance) == set(FEATURES.columns)
    assert sum(importance.values()) == pytest.approx(1)
    with (run.path / "metrics.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    # The recorded metric is that of the validation part at the last round of the model.
    best = float(rows[told["rounds"] - 1]["val_auc"])
    held = parts["validation"]
    assert best == told["best_val_auc"]
    assert best == pytest.approx(roc_auc_score(held.target, backend.predict(held.features)))


def validated(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """AUC and log loss of the validation part, by round."""
    with (run.path / "metrics.csv").open() as lines:
        rows = [(row["val_auc"], row["val_logloss"]) for row in csv.DictReader(lines)]
    auc, loss = np.array(rows, float).T
    return auc, loss


def test_training_stops_when_the_log_loss_no_longer_improves(tmp_path: Path, parts: Parts) -> None:
    patience = {"other_training_params": {"early_stopping_rounds": 4}}
    _, run = train(tmp_path / "run", parts, config(xgboost=patience))
    _, loss = validated(run)
    assert len(loss) < 999
    share = parts["validation"].target.mean()
    least = 0.001 * (-share * np.log(share) - (1 - share) * np.log(1 - share))
    assert len(loss) == run.record["xgboost"]["rounds"] + 4
    assert loss[-4:].min() > loss[-5] - least
    # The best round did improve the log loss.
    assert loss[-5] == loss[:-4].min() < loss[:-5].min()


def test_training_stops_when_all_sources_are_separated(tmp_path: Path) -> None:
    """Log loss would fall on and on; scores are certain enough long before."""
    random = np.random.default_rng(1)
    target = np.repeat([0, 1], [1500, 500]).astype(np.float32)
    features = (random.normal(size=(2000, 7)) + 2 * target[:, None]).astype(np.float32)
    rows = LabelledExamples(features, None, target, np.ones_like(target))
    backend, run = train(tmp_path / "run", {"train": rows, "validation": rows})
    auc, loss = validated(run)
    assert auc[-1] == 1 and len(auc) < 200
    assert loss[-1] < 0.05
    assert ((backend.predict(features) > 0.5) == target).all()
    by_loss = {"other_training_params": {"eval_metric": "logloss"}}
    _, longer = train(
        tmp_path / "longer", {"train": rows, "validation": rows}, config(xgboost=by_loss)
    )
    assert longer.record["xgboost"]["rounds"] > 2 * len(auc)


def test_scores_are_probabilities_even_if_the_first_tree_separates_all(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    target = np.repeat([0, 1], [900, 100]).astype(np.float32)
    features = (random.normal(size=(1000, 7)) + 20 * target[:, None]).astype(np.float32)
    rows = LabelledExamples(features, None, target, np.ones_like(target))
    slow = {"other_training_params": {"eta": [0.05]}}
    backend, run = train(
        tmp_path / "run", {"train": rows, "validation": rows}, config(xgboost=slow)
    )
    assert run.record["xgboost"]["best_val_auc"] == 1
    scores = backend.predict(features)
    assert scores[target == 1].min() > 0.8
    assert scores[target == 0].max() < 0.2


def test_weights_of_the_classes_become_the_weight_of_the_positives(
    tmp_path: Path, parts: Parts
) -> None:
    rare = np.where(parts["train"].target > 0, 1.0, 0.125).astype(np.float32)
    train_part = LabelledExamples(parts["train"].features, None, parts["train"].target, rare)
    weighted, run = train(tmp_path / "a", {**parts, "train": train_part})
    assert run.record["xgboost"]["scale_pos_weight"] == 8
    plain, _ = train(tmp_path / "b", parts)
    given = parts["test"].features
    assert weighted.predict(given).mean() > plain.predict(given).mean()


def test_the_search_uses_the_configured_range_of_each_parameter(
    tmp_path: Path, parts: Parts
) -> None:
    grid = {
        "max_depth": [2, 4, 1],
        "min_child_weight": [1, 2, 1],
        "subsample": [8, 9, 1],
        "colsample_bytree": [3, 6, 2],
    }
    settings = {
        "gridsearch_params_start_stop_step": grid,
        "other_training_params": {"eta": [0.5, 0.4], "nfold": 3, "num_boost_round": 8},
    }
    found, run = train(tmp_path / "run", parts, config(search=True, xgboost=settings))
    told = run.record["xgboost"]
    tried = told["search"]
    assert {t["max_depth"] for t in tried} == {2, 3}
    assert {t["min_child_weight"] for t in tried} == {1}
    assert {t["subsample"] for t in tried} == {0.8}
    assert {t["colsample_bytree"] for t in tried} == {0.3, 0.4, 0.5}  # by ones round the best
    assert {t["eta"] for t in tried} == {0.4, 0.5}
    best = max(tried, key=lambda t: t["score"])
    assert {name: told[name] for name in best if name != "score"} == {
        name: value for name, value in best.items() if name != "score"
    }
    once = [tuple(t[name] for name in t if name != "score") for t in tried]
    assert len(set(once)) == len(once)
    assert 0 < told["rounds"] <= 8
    assert found.predict(parts["test"].features).max() <= 1


def test_the_search_agrees_with_cross_validation(parts: Parts) -> None:
    """Same folds, same metric: the score is the best round's mean AUC over stratified folds."""
    settings = XgboostSettings.model_validate(
        {
            "gridsearch_params_start_stop_step": {
                "max_depth": [3, 4, 1],
                "min_child_weight": [1, 2, 1],
                "subsample": [10, 11, 1],
                "colsample_bytree": [10, 11, 1],
            },
            "other_training_params": {"eta": [0.3], "num_boost_round": 1},
        }
    ).model_dump()
    given = xgb.DMatrix(parts["train"].features, parts["train"].target)
    params = {"objective": "binary:logistic", "tree_method": "hist", "nthread": 1, "seed": 5}
    _, tried = parameter_search.search(
        given, params | parameter_search.start(settings), settings, 5
    )
    assert len(tried) == 1
    from sklearn.model_selection import StratifiedKFold

    folds = StratifiedKFold(5, shuffle=True, random_state=5)
    values, target = parts["train"].features, parts["train"].target
    areas = []
    for inside, outside in folds.split(values, target):
        booster = xgb.train(
            params | {"max_depth": 3, "eta": 0.3}, xgb.DMatrix(values[inside], target[inside]), 1
        )
        areas.append(roc_auc_score(target[outside], booster.predict(xgb.DMatrix(values[outside]))))
    assert tried[0]["score"] == pytest.approx(np.mean(areas), abs=1e-6)


def test_a_model_of_scope_loads_whatever_the_order_and_suffix_of_its_features(
    tmp_path: Path, parts: Parts
) -> None:
    """SCoPe 0.9.5 wrote the trees as JSON and, beside them, their configuration as ``.params``."""
    names = list(FEATURES.columns)
    columns = [f"{name}_ELS_ECE_EAOV" if name in ("period", "f1_power") else name for name in names]
    backwards = np.arange(len(names))[::-1]
    booster = xgb.train(
        {"objective": "binary:logistic", "max_depth": 3},
        xgb.DMatrix(
            parts["train"].features[:, backwards],
            parts["train"].target,
            feature_names=[columns[i] for i in backwards],
        ),
        20,
    )
    file = tmp_path / "rrlyr.20230706_101010.json"
    booster.save_model(file)
    file.with_suffix(".params").write_text(booster.save_config())
    given = parts["test"].features
    expected = booster.predict(
        xgb.DMatrix(given[:, backwards], feature_names=[columns[i] for i in backwards])
    )
    np.testing.assert_array_equal(load(file).predict(given), expected)


def test_a_model_of_an_older_xgboost_loads_without_warnings(
    tmp_path: Path, parts: Parts, capfd: pytest.CaptureFixture[str]
) -> None:
    names = list(FEATURES.columns)
    given = xgb.DMatrix(parts["train"].features, parts["train"].target, feature_names=names)
    booster = xgb.train({"objective": "binary:logistic", "max_depth": 3}, given, 5)
    file = tmp_path / "rrlyr.20230706_101010.json"
    booster.save_model(file)
    saved = json.loads(booster.save_config())
    file.with_suffix(".params").write_text(json.dumps(saved | {"version": [1, 7, 5]}))
    capfd.readouterr()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scores = load(file).predict(parts["train"].features)
    assert not caught and capfd.readouterr() == ("", "")
    np.testing.assert_array_equal(scores, booster.predict(given))


def test_trees_are_added_to_a_pre_trained_model(tmp_path: Path, parts: Parts) -> None:
    first, run = train(tmp_path / "a", parts)
    on = config(entry={"pre_trained_model": str(run.path)})
    second, _ = train(tmp_path / "b", parts, on)
    rounds = first.booster.num_boosted_rounds()
    assert second.booster.num_boosted_rounds() > rounds
    np.testing.assert_array_equal(
        second.booster[:rounds].predict(
            xgb.DMatrix(parts["test"].features, feature_names=config()["features"])
        ),
        first.predict(parts["test"].features),
    )


@pytest.mark.parametrize("part", ["train", "validation"])
def test_sources_with_one_label_are_one_short_error(
    tmp_path: Path, parts: Parts, part: str
) -> None:
    of = parts[part]
    alike = LabelledExamples(of.features, None, np.zeros_like(of.target), of.weight)
    with pytest.raises(AstrodomeError, match="have the same label"):
        train(tmp_path / "run", {**parts, part: alike})
    assert not (tmp_path / "run" / "model.ubj").exists()


def test_a_model_of_other_features_is_an_error(tmp_path: Path, parts: Parts) -> None:
    _, run = train(tmp_path / "run", parts)
    names = list(FEATURES.columns)
    with pytest.raises(
        AstrodomeError, match="differ from the configuration: the model requires ad"
    ):
        load(run.path, config(names=[*names[:-1], "chi2red"]))
    with pytest.raises(AstrodomeError, match="has 7 features, but the configuration has 8"):
        load(run.path, config(names=[*names, "chi2red"]))
    with pytest.raises(AstrodomeError, match="expected 7 per source, got 3"):
        load(run.path).predict(parts["test"].features[:, :3])
    with pytest.raises(AstrodomeError, match="not found"):
        load(tmp_path / "nothing.ubj")
    for name, content in (("a.json", b'{"learner": '), ("b.ubj", b"\x80\x04junk"), ("c.json", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(AstrodomeError, match="cannot be read as an XGBoost model") as refused:
            load(tmp_path / name)
        assert "Expected a file written by xgboost.Booster.save_model" in refused.value.hint
    (tmp_path / "model.pkl").write_bytes(b"\x80\x04.")
    with pytest.raises(AstrodomeError, match=r"expected \.ubj or \.json"):
        load(tmp_path / "model.pkl")


def test_a_model_without_probabilities_is_an_error(tmp_path: Path, parts: Parts) -> None:
    raw = {"other_training_params": {"objective": "binary:hinge"}}
    with pytest.raises(AstrodomeError, match="probabilit"):
        train(tmp_path / "run", parts, config(xgboost=raw))
    given = xgb.DMatrix(
        parts["train"].features, parts["train"].target, feature_names=config()["features"]
    )
    xgb.train({"objective": "reg:squarederror"}, given, 2).save_model(tmp_path / "other.json")
    with pytest.raises(AstrodomeError, match="reg:squarederror"):
        load(tmp_path / "other.json")


def test_the_record_is_plain_json(tmp_path: Path, parts: Parts) -> None:
    _, run = train(tmp_path / "run", parts)
    text = (run.path / "run.json").read_text()
    assert json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not valid JSON"))


def test_a_full_disk_is_an_error_with_the_path_of_the_model(
    tmp_path: Path, parts: Parts, disk: Callable[[str], Path]
) -> None:
    backend, _ = train(tmp_path / "run", parts)
    model = disk("size=4k") / "model.ubj"
    assert backend.booster
    with pytest.raises(OSError) as failure:
        save(backend.booster, model)
    assert from_os_error(failure.value).message == (
        f"No space left on the disk while writing {model}."
    )
    assert not list(model.parent.iterdir())
