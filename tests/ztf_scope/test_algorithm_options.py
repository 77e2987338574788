"""Options of a classifier from another plugin."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import astrodome_ztf_scope as scope_api
import pytest
import yaml
from astrodome import plugins
from astrodome.testing import Result, problems, run

PLUGIN = """
from astrodome import ModelSpec, hookimpl

@hookimpl
def register_models():
    names = {"target": "cut_model:Cut", "settings": "cut_settings:CutSettings"}
    yield ModelSpec("scope", "cut", summary="One feature.", **names)
"""
SETTINGS = """
from pydantic import BaseModel, Field

class CutSettings(BaseModel):
    feature: str = Field("wstd", description="Feature.")
    quantile: float = Field(0.5, gt=0, lt=1, description="Quantile.")
"""
MODEL = """
import numpy as np

class Cut:
    def train(self, train, validation, run, config):
        options = config["options"]
        column = config["features"].index(options["feature"])
        cut = np.quantile(train.features[:, column], options["quantile"])
        (run.path / "cut.txt").write_text(f"{column} {cut}")
    def load(self, path, config):
        column, cut = (path / "cut.txt").read_text().split()
        self.column, self.cut = int(column), float(cut)
    def predict(self, features, dmdt=None):
        return (features[:, self.column] > self.cut).astype("float32")
"""
Train = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a plugin whose classifier has options."""
    (tmp_path / "cut_plugin.py").write_text(PLUGIN)
    (tmp_path / "cut_settings.py").write_text(SETTINGS)
    (tmp_path / "cut_model.py").write_text(MODEL)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("cut_plugin", "cut_settings", "cut_model"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


@pytest.fixture
def stars(dataset: Callable[..., Path]) -> Path:
    """Return a labeled data set."""
    return dataset(".parquet", 600)


@pytest.fixture
def train(folder: Path, stars: Path) -> Train:
    """Return a function that trains the classifier."""
    fixed = ("train", "--tag=e", "--algorithm=cut", "--path-dataset", stars, "--no-plot", "--json")
    both = ("astrodome_ztf_scope.plugin", "cut_plugin")
    return lambda *args: run("scope", *fixed, "--jobs=1", *args, plugin=both)


def test_a_changed_option_trains_again(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    def trained(*args: object) -> str:
        (row,) = train(*args).succeeded().json
        return str(row["trained"])

    place = Path("models/experiment/cut/e/42")
    assert trained("--set", "quantile=0.9") == "now"
    stored = {"feature": "wstd", "quantile": 0.9}
    assert yaml.safe_load((place / "config.yaml").read_text())["options"] == stored
    assert json.loads((place / "run.json").read_text())["options"] == stored
    cut = (place / "cut.txt").read_text()
    assert trained("--set", "quantile=0.9") == "before"
    assert trained("--set", "quantile=0.1") == "now"
    assert (place / "cut.txt").read_text() != cut
    (replaced,) = (place.parent / "replaced").iterdir()
    assert (replaced / "cut.txt").read_text() == cut
    monkeypatch.setenv("ASTRODOME_SCOPE_CUT_QUANTILE", "0.1")
    assert trained() == "before"


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("--set", "quantil=0.1"), "'options.quantil': unknown key; did you mean 'quantile'?"),
        (("--set", "quantile=1"), "'options.quantile': Input should be less than 1, got 1"),
        (("--set", "quantile"), "Invalid --set 'quantile': expected KEY=VALUE, for example trees="),
        (
            ("--algorithm=xgb", "--set", "trees=3"),
            "Unknown option 'trees': the algorithm 'xgb' has no options.",
        ),
    ],
)
def test_an_invalid_option_is_an_error(train: Train, args: tuple[str, ...], expected: str) -> None:
    failed = train(*args)
    assert failed.code == 2 and expected in " ".join(failed.err.split())
    assert not Path("models").exists()


def test_the_options_are_listed_without_importing_the_classifier(folder: Path) -> None:
    both = ("astrodome_ztf_scope.plugin", "cut_plugin")
    shown = run("scope", "config", "show", "scope_cut", "--json", plugin=both).succeeded().json
    assert {row["key"]: row["value"] for row in shown} == {
        "scope_cut.feature": "wstd",
        "scope_cut.quantile": 0.5,
    }
    assert "cut_model" not in sys.modules
    assert problems("cut_plugin") == []


def test_the_conformance_tests_report_reserved_names(folder: Path) -> None:
    path = folder / "cut_settings.py"
    path.write_text(SETTINGS.replace("quantile:", "epochs:"))
    (found,) = problems("cut_plugin")
    assert "the option 'epochs' in cut_settings:CutSettings has the name of a key" in found


def test_the_python_interface_accepts_the_options(folder: Path, stars: Path) -> None:
    import astrodome_ztf_scope.plugin as builtin
    import cut_plugin

    with plugins.using(plugins.of("scope", ztf_scope=builtin, cut=cut_plugin)):
        model = scope_api.train_classifier(stars, "e", algorithm="cut", quantile=0.2, test_size=0.3)
    assert model.config["options"] == {"feature": "wstd", "quantile": 0.2}
    assert model.config["class"]["test_size"] == 0.3
