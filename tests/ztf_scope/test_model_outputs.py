"""The results of classifiers from other plugins are checked, and images are optional."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from astrodome.testing import Result, run
from ztf_scope import odd

PLUGINS = ("astrodome_ztf_scope.plugin", "ztf_scope.odd")


@pytest.fixture(scope="module")
def without_images(dataset: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plain") / "features.parquet"
    pd.read_parquet(dataset(".parquet", 300)).drop(columns="dmdt").to_parquet(path)
    return path


@pytest.fixture(scope="module")
def models(without_images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    train("features", without_images, root).succeeded()
    return root


def train(algorithm: str, data: Path, root: Path) -> Result:
    command = ("train", "--tag=e", "--algorithm", algorithm, "--path-dataset", data, "--no-plot")
    return run("scope", *command, "--jobs=1", "--path-models", root, plugin=PLUGINS)


def predict(data: Path, root: Path, out: Path) -> Result:
    return run("scope", "predict", data, "--path-models", root, "--out", out, plugin=PLUGINS)


MISTAKES = {
    "nan": "1 of 300 values are invalid, for example nan at index 2: expected finite numbers",
    "large": "1 of 300 values are invalid, for example 1.7 at index 2: expected values from 0 to 1",
    "negative": "for example -0.25 at index 2: expected values from 0 to 1",
    "column": r"with shape (300, 1): expected (300,)",
    "short": r"with shape (299,): expected (300,)",
    "none": "of type NoneType: expected real numbers",
    "text": "expected real numbers",
    "complex": "of type complex64: expected real numbers",
}


@pytest.mark.parametrize("how", MISTAKES)
def test_wrong_probabilities_are_an_error_that_names_the_model(
    how: str, models: Path, without_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(odd.WRONG, how)
    out = tmp_path / "scores.parquet"
    result = predict(without_images, models, out)
    assert result.code == 1 and not out.exists()
    said = " ".join(result.err.split())
    assert "The model features (ztf_scope) returned probabilities" in said
    assert MISTAKES[how] in said


@pytest.mark.parametrize("how", ["list", "rounding", ""])
def test_probabilities_within_rounding_or_as_a_list_are_accepted(
    how: str, models: Path, without_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(odd.WRONG, how)
    out = tmp_path / "scores.parquet"
    predict(without_images, models, out).succeeded()
    assert pd.read_parquet(out)["e_features"].between(0, 1).all()


def test_wrong_probabilities_fail_in_training_and_in_evaluation_too(
    models: Path, without_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(odd.WRONG, "large")
    for name, result in (
        ("The model ztf_scope.odd.Large returned", train("large", without_images, tmp_path)),
        (
            "The model features (",
            run("scope", "evaluate", without_images, "--path-models", models, plugin=PLUGINS),
        ),
    ):
        said = " ".join(result.err.split())
        assert result.code == 1
        assert name in said and "expected values from 0 to 1" in said


def test_a_model_without_uses_dmdt_gets_images_if_the_data_set_has_them(
    without_images: Path, dataset: Callable[..., Path], tmp_path: Path
) -> None:
    for name, data in (("with", dataset(".parquet", 300)), ("without", without_images)):
        root = tmp_path / name
        train("optional", data, root).succeeded()
        seen = root / "experiment/optional/e/42/seen.txt"
        assert seen.read_text() == str(name == "with")
    predict(without_images, tmp_path / "without", tmp_path / "a.parquet").succeeded()
    result = predict(without_images, tmp_path / "with", tmp_path / "b.parquet")
    assert result.code == 1 and "dmdt" in result.err


def test_the_error_for_a_data_set_without_images_names_the_algorithm(
    without_images: Path, tmp_path: Path
) -> None:
    for algorithm in ("images", "dnn"):
        result = train(algorithm, without_images, tmp_path)
        assert f"which the algorithm '{algorithm}' requires" in " ".join(result.err.split())
        assert "xgb, or dnn with conv_branch: false" in result.err
