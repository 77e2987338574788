"""The public Python API: examples, accepted types, and names."""

from __future__ import annotations

import doctest
import inspect
import runpy
import shutil
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import astrodome_ztf_scope as scope
import numpy as np
import pandas as pd
import pytest
from astrodome import AstrodomeError, settings

EXAMPLE = Path(__file__).parents[2] / "examples/ztf_scope_api.py"
FUNCTIONS = [
    *("load_config", "read_table", "write_table", "read_dataset", "open_catalogue", "dmdt_image"),
    *("prepare_dataset", "train_classifier", "load_model", "find_models", "classify"),
    *("predict_files", "evaluate", "classification_metrics"),
    *("light_curve_statistics", "fourier_features", "find_periods"),
    *("compute_features", "write_features", "simulate_light_curves", "refine_period"),
    "refine_periods",
    *("consolidate_predictions", "select_sample"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, dataset: Callable[..., Path]) -> Path:
    """A directory with ``dataset.parquet`` and a model that was trained with it."""
    folder = tmp_path_factory.mktemp("api")
    shutil.copy(dataset(".parquet", 600, 1, "ELS_ECE_EAOV"), folder / "dataset.parquet")
    (folder / "survey").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "options", settings.Options())
        scope.train_classifier(
            folder / "dataset.parquet", "vnv", algorithm="xgb", models_dir=folder / "models"
        )
    return folder


@pytest.fixture
def here(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that directory, which is the current directory."""
    shutil.copytree(place, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_examples_in_docstrings_run(name: str, here: Path) -> None:
    function = getattr(scope, name)
    tests = doctest.DocTestFinder(recurse=False).find(function, name, globs={})
    assert tests and tests[0].examples
    for test in tests:
        assert doctest.DocTestRunner().run(test).failed == 0


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_public_function_is_documented(name: str) -> None:
    text = inspect.getdoc(getattr(scope, name)) or ""
    for section in ("Parameters", "Returns", "Examples"):
        assert f"{section}\n{'-' * len(section)}\n" in text


def test_the_example_script_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.mkdtemp", lambda: str(tmp_path))
    runpy.run_path(str(EXAMPLE))
    assert "400 sources scored in scores.parquet" in capsys.readouterr().out


def test_dir_contains_the_public_names_only() -> None:
    assert set(FUNCTIONS) <= set(scope.__all__) == set(dir(scope))
    assert scope.__version__ == version("astrodome-ztf-scope")


def test_a_table_gets_the_same_scores_as_its_file(here: Path) -> None:
    model = scope.load_model("models/experiment/xgb/vnv/42")
    table = pd.read_parquet("dataset.parquet")
    scores = scope.classify(table.set_index(table.index + 7), [model], merge="mean")
    models = scope.find_models("models")
    written = scope.predict_files(str(here / "dataset.parquet"), models, "scores.parquet")
    assert written.unusable == {"vnv_xgb": int(scores["vnv_xgb"].isna().sum())}
    expected = pd.read_parquet(written.path)["vnv_xgb"]
    np.testing.assert_array_equal(scores["vnv_xgb"], expected)
    np.testing.assert_array_equal(scores["vnv"], expected)
    assert scores.index[0] == 7
    found = scope.evaluate(model, table)
    assert found["f1"] == scope.evaluate(model, here / "dataset.parquet")["f1"]


def test_data_sets_from_tables_and_files_are_prepared_alike(here: Path) -> None:
    table = pd.read_parquet("dataset.parquet")
    for data in (table, scope.read_dataset("dataset.parquet"), "dataset.parquet"):
        part = scope.prepare_dataset(data, "vnv", random_state=3).parts["train"]
        assert part.dmdt is not None and part.dmdt.shape == (len(part), 26, 26)
        assert part.features.min() >= 0 and part.features.max() <= 1


def test_training_on_a_table_leaves_a_run_folder(here: Path) -> None:
    table = scope.read_table("dataset.parquet")
    model = scope.train_classifier(table, "vnv", algorithm="xgb", random_state=9, test_size=0.3)
    assert model.path == Path("models/experiment/xgb/vnv/9")
    assert model.config["class"]["test_size"] == 0.3
    with pytest.raises(AstrodomeError, match="Class 'vvv' not found"):
        scope.train_classifier(table, "vvv", algorithm="xgb")


def test_a_model_may_be_loaded_found_or_a_path(here: Path) -> None:
    folder = here / "models/experiment/xgb/vnv/42"
    (found,) = scope.find_models([folder])
    expected = scope.classify("dataset.parquet", scope.load_model(folder))
    for model in (found, folder, str(folder)):
        pd.testing.assert_frame_equal(scope.classify("dataset.parquet", model), expected)
        assert scope.evaluate(model, "dataset.parquet")["tag"] == "vnv"


def test_objects_have_a_short_representation(here: Path) -> None:
    folder = Path("models/experiment/xgb/vnv/42")
    data = scope.read_dataset("dataset.parquet", ["ztf_id", "variable"])
    assert repr(data) == "DataSet(600 rows, 2 columns, without images)"
    assert repr(scope.load_model(folder)) == f"LoadedModel(path={folder!r}, algorithm='xgb')"
    assert repr(scope.load_config()) == "ScopeConfig(52 classes from the built-in defaults)"
    assert "train: " in repr(scope.prepare_dataset("dataset.parquet", "vnv"))


def test_errors_name_what_exists_and_no_command(here: Path) -> None:
    with pytest.raises(AstrodomeError) as unknown:
        scope.train_classifier("dataset.parquet", "xyz", algorithm="xgb")
    assert "Configured classes: " in unknown.value.hint and "vnv" in unknown.value.hint
    with pytest.raises(AstrodomeError) as missing:
        scope.find_models(["models"], tags=["e"])
    assert missing.value.hint == "Available models: vnv_xgb."
