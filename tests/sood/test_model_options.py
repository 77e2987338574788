"""Options of models, which the field ``settings`` of a ModelSpec declares."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import astrodome_sood as sood_api
import pytest
import yaml
from astrodome import AstrodomeError
from astrodome.testing import Result, problems, run
from astrodome_sood import model_settings
from astrodome_sood.models import segmentation

PLUGIN = """
from astrodome import ModelSpec, hookimpl

@hookimpl
def register_models():
    names = {"target": "quantile_model:Quantile", "settings": "quantile_settings:QuantileSettings"}
    yield ModelSpec("sood", "quan-tile", summary="A quantile.", **names)
"""
SETTINGS = """
from typing import Literal
from pydantic import BaseModel, Field

class QuantileSettings(BaseModel):
    percent: int = Field(90, ge=1, lt=100, description="Percentile of the pixels.")
    steps: list[int] = Field([1], description="Steps between pixels.")
    sign: Literal["bright", "dark"] = Field("bright", description="Unusual pixels.")
    square: bool = Field(False, description="Whether to square the values.")
    {extra}
"""
MODEL = """
import numpy as np

class Quantile:
    def train(self, train, validation, run, config):
        (run.path / "weights.txt").write_text(str(config["model"]["options"]["percent"]))
    def load(self, path, config):
        self.options = config["model"]["options"]
    def score_map(self, batch, mode=""):
        return batch[:, 0] if self.options["sign"] == "bright" else -batch[:, 0]
    def score(self, batch):
        values = self.score_map(batch).reshape(len(batch), -1)
        return np.percentile(values, self.options["percent"], axis=1)
"""


@pytest.fixture
def quantile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Return a function that runs ``sdo`` with a plugin whose model has options."""
    folder = tmp_path / "plugin"
    folder.mkdir()
    (folder / "quantile_plugin.py").write_text(PLUGIN)
    (folder / "quantile_settings.py").write_text(SETTINGS.format(extra=""))
    (folder / "quantile_model.py").write_text(MODEL)
    monkeypatch.syspath_prepend(folder)
    for name in ("quantile_plugin", "quantile_settings", "quantile_model"):
        monkeypatch.delitem(sys.modules, name, raising=False)

    def call(*args: object) -> Result:
        return run("sdo", *args, plugin=("astrodome_sood.plugin", "quantile_plugin"))

    return call


@pytest.fixture
def train(patches: Path, tmp_path: Path, quantile: Callable[..., Result]) -> Callable[..., Result]:
    """Return a function that trains the model in the folder ``run``."""
    fixed = ("-d", patches, "--target-size", 32, "-o", tmp_path / "run", "--json")
    return lambda *args: quantile("sood", "quan_tile", "train", *fixed, *args)


def test_the_help_lists_the_options_without_importing_the_model(
    quantile: Callable[..., Result],
) -> None:
    page = quantile("sood", "quan-tile", "train", "--help").succeeded().out
    shown = " ".join(page.split())
    assert "--percent <int range> Percentile of the pixels (default: 90). [1<=x<=99]" in shown
    assert "--sign <bright|dark> Unusual pixels (default: bright)." in shown
    assert "--square / --no-square" in shown and "This option can be repeated." in shown
    assert "--percent" not in quantile("sood", "quan-tile", "predict", "--help").succeeded().out
    assert "quantile_settings" in sys.modules and "quantile_model" not in sys.modules


def test_the_list_of_commands_does_not_import_the_settings(quantile: Callable[..., Result]) -> None:
    assert "train" in quantile("sood", "quan-tile", "--help").succeeded().out
    assert "quantile_settings" not in sys.modules


def test_all_options_are_stored_in_the_run_and_used_for_predictions(
    train: Callable[..., Result], quantile: Callable[..., Result], patches: Path, tmp_path: Path
) -> None:
    given = ("--percent", 50, "--steps", 2, "--steps", 3, "--square")
    train(*given, "--set", "model.options.sign=dark").succeeded()
    stored = yaml.safe_load((tmp_path / "run/config.yaml").read_text())["model"]["options"]
    assert stored == {"percent": 50, "steps": [2, 3], "sign": "dark", "square": True}
    assert json.loads((tmp_path / "run/run.json").read_text())["options"] == stored
    assert (tmp_path / "run/weights.txt").read_text() == "50"
    predict = ("sood", "quan-tile", "predict", "-l", tmp_path / "run", "-d", patches, "--json")
    rows = quantile(*predict).succeeded().json
    other = quantile(*predict, "--set", "model.options.percent=99").succeeded().json
    assert rows[0]["score"] != other[0]["score"]


def test_a_changed_option_is_not_ignored_when_a_run_exists(
    train: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    train("--percent", 80).succeeded()
    train("--percent", 80).succeeded()
    changed = train("--percent", 81)
    assert changed.code == 1
    assert "uses model.options.percent 80, but the configuration contains 81" in changed.err
    monkeypatch.setenv("ASTRODOME_SOOD_QUAN_TILE_PERCENT", "82")
    assert "configuration contains 82" in train().err
    train("--percent", 80).succeeded()


def test_a_run_without_an_option_that_was_added_later_can_be_resumed(
    train: Callable[..., Result], tmp_path: Path
) -> None:
    train().succeeded()
    path = tmp_path / "run/config.yaml"
    saved = yaml.safe_load(path.read_text())
    del saved["model"]["options"]["square"]
    path.write_text(yaml.safe_dump(saved))
    train().succeeded()
    assert "uses model.options.square False, but" in train("--square").err


def test_settings_have_a_lower_priority_than_options_and_files(
    train: Callable[..., Result],
    quantile: Callable[..., Result],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text("sood_quan_tile: {percent: 70, sign: dark, steps: [4]}")
    monkeypatch.setenv("ASTRODOME_SOOD_QUAN_TILE_SIGN", "bright")
    Path("training.yaml").write_text("model: {options: {steps: [5]}}")
    train("-c", "training.yaml", "--percent", 60).succeeded()
    stored = yaml.safe_load(Path("run/config.yaml").read_text())["model"]["options"]
    assert stored == {"percent": 60, "sign": "bright", "steps": [5], "square": False}
    shown = quantile("config", "show", "sood_quan_tile", "--origin", "--json").succeeded().json
    assert {row["key"]: row["value"] for row in shown} == {
        "sood_quan_tile.percent": 70,
        "sood_quan_tile.steps": [4],
        "sood_quan_tile.sign": "bright",
        "sood_quan_tile.square": False,
    }


@pytest.mark.parametrize(
    ("args", "expected", "code"),
    [
        (("--percent", 100), "100 is not in the range 1<=x<=99", 2),
        (("--sign", "grey"), "'grey' is not one of 'bright', 'dark'", 2),
        (("--percnt", 3), "No such option: --percnt", 2),
        (
            ("--set", "model.options.percent=100"),
            "Invalid argument 'model.options.percent': Input should be less than 100, got 100",
            2,
        ),
        (("--set", "model.options.percent=x"), "'model.options.percent': Input should be a val", 2),
        (
            ("--set", "model.options.percnt=3"),
            "'model.options.percnt': unknown key; did you mean 'percent'?",
            2,
        ),
        (
            ("-c", "training.yaml"),
            "training.yaml: 'model.options.sign': Input should be 'bright' or 'dark', got 'red'",
            1,
        ),
    ],
)
def test_an_invalid_option_is_an_error_with_its_origin(
    train: Callable[..., Result],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    args: tuple[object, ...],
    expected: str,
    code: int,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("training.yaml").write_text("model: {options: {sign: red}}")
    failed = train(*args)
    assert failed.code == code and expected in " ".join(failed.err.split())
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ("z_dim: int = Field(3, description='Size.')", "the option 'z_dim'"),
        ("precit_mode: int = Field(3, description='Size.')", "--set model.options.precit_mode"),
        (
            "pair: tuple[int, int] = Field((1, 2), description='Pair.')",
            "the option 'pair' in quantile_settings:QuantileSettings has the type tuple[int, int], "
            "which is not supported; use str, int,",
        ),
        (
            "grid: list[list[int]] = Field([], description='Grid.')",
            "the option 'grid' in quantile_settings:QuantileSettings has the type list[list[int]]",
        ),
        ("depth: int", "the option 'depth' in quantile_settings:QuantileSettings has no default"),
        ("depth: int = 3", "the option 'depth' in quantile_settings:QuantileSettings has no desc"),
    ],
)
def test_the_conformance_tests_report_invalid_options(
    quantile: Callable[..., Result], tmp_path: Path, wrong: str, expected: str
) -> None:
    assert problems("quantile_plugin") == []
    del sys.modules["quantile_settings"]
    (tmp_path / "plugin/quantile_settings.py").write_text(SETTINGS.format(extra=wrong))
    shutil.rmtree(tmp_path / "plugin/__pycache__", ignore_errors=True)
    assert any(expected in text for text in problems("quantile_plugin"))


def test_options_that_need_set_are_not_reported(
    quantile: Callable[..., Result], tmp_path: Path
) -> None:
    fields = (
        "weights: dict[str, float] = Field({}, description='Weights.')",
        "limit: int | str = Field(1, description='Limit.')",
    )
    settings = SETTINGS.format(extra="\n    ".join(fields))
    (tmp_path / "plugin/quantile_settings.py").write_text(settings)
    assert problems("quantile_plugin") == []


def test_settings_that_are_not_a_pydantic_model_are_an_error(
    train: Callable[..., Result], tmp_path: Path
) -> None:
    (tmp_path / "plugin/quantile_settings.py").write_text("class QuantileSettings: pass")
    failed = train()
    assert failed.code == 1
    assert "quantile_settings:QuantileSettings is not a pydantic model" in failed.err


def test_the_defaults_of_the_built_in_models_match_their_code() -> None:
    default = model_settings.SegmentationSettings()
    assert default.epoch_images == segmentation.EPOCH_IMAGES and default.leave_out == []


@pytest.mark.parametrize(
    "given", [{"layout": "disks"}, {"options": {"layout": "disks"}}], ids=["keyword", "mapping"]
)
def test_the_python_interface_accepts_the_options(
    patches: Path, tmp_path: Path, given: dict[str, object]
) -> None:
    trained = sood_api.train("statistics", patches, tmp_path / "run", target_size=32, **given)
    assert trained.record["options"] == {"layout": "disks"}
    assert trained.record["layout"] == "disks"
    with pytest.raises(AstrodomeError, match="Unknown option 'layuot'") as failed:
        sood_api.train("statistics", patches, tmp_path / "run", layuot="disks")
    assert "Did you mean 'layout'?" in failed.value.hint


def test_an_option_for_several_models_is_used_by_those_that_have_it(
    patches: Path, tmp_path: Path, sood: Callable[..., Result]
) -> None:
    args = ("-d", patches, "--target-size", 32)
    sood("statistics", "train", *args, "-o", tmp_path / "statistics").succeeded()
    evaluate = ("evaluate", "threshold", tmp_path / "statistics", *args, "--bootstrap", 5)
    evaluate += ("--kinds", "brighten", "--out", tmp_path / "out", "--json", "--set")
    found = [
        sood(*evaluate, f"model.options.score={score}").succeeded().json["models"]
        for score in ("map", "mean")
    ]
    auroc = [{row["model"]: row["auroc"] for row in rows} for rows in found]
    assert auroc[0]["statistics"] == auroc[1]["statistics"]
    assert auroc[0]["threshold"] != auroc[1]["threshold"]
    failed = sood(*evaluate, "model.options.scores=mean")
    assert failed.code == 2 and "Unknown option 'model.options.scores'" in failed.err
    assert "Did you mean 'score'?" in failed.err
