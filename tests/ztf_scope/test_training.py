"""``scope train``: several runs in one command, their files, and interruptions."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from astrodome.testing import Result, run
from astrodome_ztf_scope.classifiers.jobs import TrainingOptions, training_jobs
from astrodome_ztf_scope.classifiers.training import required_columns
from astrodome_ztf_scope.config.loading import load_config
from ztf_scope import checkpoints

Scope = Callable[..., Result]
COMMAND = (sys.executable, "-c", "from astrodome.app import main; main('scope')", "train")
QUICK = ("--algorithm=xgb", "--no-plot")


@pytest.fixture
def stars(dataset: Callable[..., Path]) -> Path:
    """A data set of 2022: one period search, whose columns have no suffix."""
    return dataset(".parquet", 600)


def record(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "run.json").read_text())


def metrics(root: Path) -> dict[str, str]:
    return {
        path.parent.relative_to(root).as_posix(): path.read_text()
        for path in root.rglob("metrics.json")
    }


def test_one_command_trains_several_classes_and_states(scope: Scope, stars: Path) -> None:
    rows = (
        scope(
            *("train", "--tag=vnv", "--tag", "e", "--random_state=1", "--random-state=42"),
            *("--path_dataset", stars, "--scale_features=min_max", "--save", "--json"),
            "--algorithm=xgb",
        )
        .succeeded()
        .json
    )
    found = [(row["tag"], row["random_state"], row["trained"]) for row in rows]
    assert found == [(tag, state, "now") for tag in ("vnv", "e") for state in (1, 42)]
    assert all(row["roc_auc"] > 0.8 for row in rows)
    for row in rows:
        folder = Path(row["run"])
        assert folder == Path("models/experiment/xgb", row["tag"], str(row["random_state"]))
        for name in ("model.ubj", "preparation.json", "metrics.csv", "plots/roc.svg"):
            assert (folder / name).stat().st_size
        about = record(folder)
        assert (about["status"], about["dataset"]) == ("finished", str(stars))
        assert len(about["dataset_digest"]) == 64 and about["versions"]["xgboost"]
        test = json.loads((folder / "metrics.json").read_text())["test"]
        assert test["f1"] == row["f1"]
    assert "<html" in Path("models/experiment/report.html").read_text()


def test_a_split_contains_the_part_and_the_score_of_each_row(scope: Scope, stars: Path) -> None:
    scope("train", "--tag=e", "--path-dataset", stars, *QUICK, "--balance=1.5").succeeded()
    split = pd.read_parquet("models/experiment/xgb/e/42/split.parquet")
    table = pd.read_parquet(stars)
    assert (split["obj_id"].to_numpy() == table["obj_id"].to_numpy()[split["row"]]).all()
    target = (table["eclipsing"] > 0.7).to_numpy()[split["row"]]
    assert (split["target"] == target).all() and split["row"].is_unique
    assert set(split["part"]) == {"train", "validation", "test", "dropped"}
    assert split["score"].between(0, 1).all()
    counts = split[split["part"] == "train"]["target"].value_counts()
    assert counts[0] <= 1.5 * counts[1]


def test_options_override_the_class_in_both_spellings(scope: Scope, stars: Path) -> None:
    scope(
        *("train", "--tag=e", "--path_dataset", stars, "--algorithm", "xgb", "--plot=False"),
        *("--batch_size=32", "--threshold=0.6", "--weight_per_class", "t", "--verbose"),
        *("--conv-branch=0", "--save=true", "--random_state=7", "--gpu=1", "--beta_1=0.8"),
        *("--callbacks=early_stopping", "--float-convert-types=64,32", "--skip-cv", "--patience=5"),
        *("--scale-features=median_std", "--feature-stats=config", "--learning_rate=0.01"),
    ).succeeded()
    folder = Path("models/experiment/xgb/e/7")
    config = yaml.safe_load((folder / "config.yaml").read_text())
    entry = config["class"]
    assert (entry["batch_size"], entry["threshold"], entry["lr"]) == (32, 0.6, 0.01)
    assert (entry["weight_per_class"], entry["random_state"], entry["beta_1"]) == (True, 7, 0.8)
    assert entry["callbacks"] == ["early_stopping"] and not config["dnn"]["conv_branch"]
    assert not (folder / "plots").exists()
    prepared = json.loads((folder / "preparation.json").read_text())
    median = next(c for c in prepared["columns"] if c["feature"] == "median")
    assert median["offset"] == pytest.approx(17.193)  # of feature_stats, not of these rows


def test_the_same_command_repeats_nothing_until_data_or_options_change(
    scope: Scope, stars: Path
) -> None:
    data = Path(shutil.copy(stars, "mine.parquet"))
    command = ("train", "--tag=e", "--path-dataset", data, *QUICK, "--json")
    folder = Path("models/experiment/xgb/e/42")

    def trained(*more: str) -> str:
        return scope(*command, *more).succeeded().json[0]["trained"]

    assert trained() == "now"
    first = record(folder)
    assert trained() == "before"
    assert record(folder) == first
    assert trained("--test-size=0.2") == "now"
    (kept,) = (folder.parent / "replaced").iterdir()
    assert kept.name.startswith("42.") and record(kept) == first
    assert (kept / "model.ubj").exists()
    pd.read_parquet(data).iloc[:-50].to_parquet(data)
    assert trained("--test-size=0.2") == "now"
    assert trained("--test-size=0.2") == "before"


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(
    scope: Scope, stars: Path
) -> None:
    for group in ("one", "two"):
        states = ("--random-state=3", *(("--random-state=4",) if group == "two" else ()))
        command = ("train", "--tag=e", "--path-dataset", stars, *QUICK, *states)
        scope(*command, "--group", group, "--jobs=1").succeeded()
    one, two = (metrics(Path("models", group)) for group in ("one", "two"))
    assert one["xgb/e/3"] == two["xgb/e/3"] != two["xgb/e/4"]


def test_light_curves_of_one_source_stay_together(scope: Scope, stars: Path) -> None:
    scope("train", "--tag=vnv", "--path-dataset", stars, *QUICK, "--group-by=obj_id").succeeded()
    split = pd.read_parquet("models/experiment/xgb/vnv/42/split.parquet")
    assert split["obj_id"].duplicated().any()
    assert (split.groupby("obj_id")["part"].nunique() == 1).all()


def test_a_run_that_is_not_saved_only_shows_metrics(scope: Scope, stars: Path) -> None:
    command = ("train", "--tag=e", "--path-dataset", stars, *QUICK, "--json")
    result = scope(*command, "--save=false").succeeded()
    (row,) = result.json
    assert row["f1"] is not None and row["run"] is None
    assert "report.html" not in result.err
    assert not list(Path().iterdir())


def test_a_failed_class_is_reported_and_the_others_are_trained(
    scope: Scope, stars: Path, write: Callable[[str], Path]
) -> None:
    config = write(
        "training:\n  classes:\n"
        "    nobody: {label: unheard of, features: phenomenological}\n"
        "    nothing: {label: Mira, features: phenomenological, threshold: 0.99}\n"
        "    e: {label: eclipsing, features: phenomenological}\n"
    )
    table = pd.read_parquet(stars).assign(Mira=0.5)
    table.to_parquet("mine.parquet")
    command = ("train", "--all", "--config", config, "--path-dataset", "mine.parquet", *QUICK)
    result = scope(*command, "--json")
    assert result.code == 1
    failed = {row["tag"]: row["error"] for row in result.json if row["trained"] == "failed"}
    assert set(failed) == {"nobody", "nothing"}
    assert "The label column 'unheard of' is missing in mine.parquet" in result.err
    assert "Class 'nothing' cannot be trained" in result.err
    assert "The runs and report.html are in models/experiment." in result.err
    assert record(Path("models/experiment/xgb/e/42"))["status"] == "finished"
    assert not Path("models/experiment/xgb/nobody/42").exists()


def test_a_killed_training_is_resumed_with_the_same_result(
    scope: Scope, stars: Path, torture: Callable[[int, int], int]
) -> None:
    command = [*("--tag=vnv", "--tag=e", "--tag=i", "--random-state=1", "--random-state=2")]
    command += ["--path-dataset", str(stars), *QUICK]
    whole = scope("train", *command, "--group=whole", "--json").succeeded().json
    moments = random.Random(5)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    place = Path("models/killed")
    for finished in range(torture(2, 5)):
        process = subprocess.Popen([*COMMAND, *command, "--group=killed"], **quiet)
        while process.poll() is None and len(metrics(place)) <= finished:
            time.sleep(0.02)
        time.sleep(moments.random() * 0.3)
        process.kill()  # the process alone: its workers have to notice
        process.wait()
        for file in place.rglob("*.json"):
            json.loads(file.read_text())
    deadline = time.monotonic() + 60
    while True:  # until the last worker has noticed
        rows = scope("train", *command, "--group=killed", "--json")
        if "another process" not in rows.err or time.monotonic() > deadline:
            break
    assert "before" in [row["trained"] for row in rows.succeeded().json]
    assert metrics(place) == metrics(Path("models/whole"))
    assert [row["f1"] for row in rows.json] == [row["f1"] for row in whole]
    assert not list(place.rglob(".*.part*"))


def test_a_model_of_another_plugin_is_an_algorithm(
    stars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "their_model"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "plugin.py").write_text(
        "from astrodome import ModelSpec, hookimpl\n\n"
        "@hookimpl\n"
        "def register_models():\n"
        "    target = 'their_model.median:Median'\n"
        "    yield ModelSpec('scope', 'median_cut', target, summary='One feature.')\n"
    )
    (package / "median.py").write_text(
        "import os\n\n"
        "import numpy as np\n\n"
        "class Median:\n"
        "    def train(self, train, validation, run, config):\n"
        "        column = config['features'].index('wstd')\n"
        "        middle = np.median(train.features[:, column])\n"
        "        (run.path / 'cut.txt').write_text(f'{column} {middle}')\n"
        "        (run.path / 'gpu.txt').write_text(os.environ['CUDA_VISIBLE_DEVICES'])\n"
        "    def load(self, path, config):\n"
        "        column, middle = (path / 'cut.txt').read_text().split()\n"
        "        self.column, self.middle = int(column), float(middle)\n"
        "    def predict(self, features, dmdt=None):\n"
        "        return (features[:, self.column] > self.middle).astype('float32')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    both = ("astrodome_ztf_scope.plugin", "their_model.plugin")
    trained = run(
        *("scope", "train", "--tag=vnv", "--algorithm=median-cut", "--path-dataset", stars),
        *("--no-plot", "--json"),
        plugin=both,
    )
    (row,) = trained.succeeded().json
    assert row["algorithm"] == "median_cut" and row["recall"] > 0.4
    assert Path(row["run"], "gpu.txt").read_text() == "-1", "no GPU by default"
    scored = run("scope", "predict", stars, "--out=scores.parquet", plugin=both)
    scored.succeeded()
    assert set(pd.read_parquet("scores.parquet")["vnv_median_cut"]) == {0.0, 1.0}


def test_classes_shows_the_trained_models(scope: Scope, stars: Path) -> None:
    command = ("train", "--tag=e", "--path-dataset", stars, *QUICK)
    scope(*command, "--random-state=1", "--random-state=2").succeeded()
    e, ew = scope("classes", "e", "ew", "--json").succeeded().json
    assert e["trained"] == ["experiment/xgb (2)"] and ew["trained"] == []
    assert e["runs"] == [f"models/experiment/xgb/e/{state}" for state in (1, 2)]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ((), 2, "--tag TAG"),
        (("--tag=e", "--all"), 2, "--tag TAG"),
        (("--tag=eww",), 2, "Class 'eww' not found"),
        (("--tag=e", "--path-dataset=none.csv"), 2, "File not found: none.csv"),
        (("--tag=e", "--algorithm=forest"), 2, "Model not found: 'forest'"),
        (("--tag=e", "--threshold=7"), 2, "Invalid argument 'threshold'"),
        (("--tag=e", "--scale-features=standardize"), 2, "'min_max' or 'median_std'"),
        (("--tag=e", "--batch-size=0"), 2, "Invalid argument 'batch_size'"),
        (("--tag=e", "--float-convert-types=64"), 2, "float_convert_types"),
        (("--tag=e", "--feature-stats=mine"), 2, "expected 'config'"),
        (("--tag=e", "--optimizer=rmsprop"), 2, "'adam' or 'sgd'"),
        (("--tag=e", "--conv-branch=f", "--dense_branch=f"), 2, "At least one branch"),
        (("--tag=e", "--group-by=star"), 1, "no column 'star'"),
        (("--tag=e", "--path_datset=x.csv"), 2, "No such option: --path"),
        (("--tag=e", "--run-sweeps"), 2, "sweeps (--run-sweeps)"),
    ],
)
def test_invalid_usage_is_one_short_error_and_writes_nothing(
    scope: Scope, stars: Path, options: tuple[str, ...], code: int, words: str
) -> None:
    data = () if any("path" in option for option in options) else ("--path-dataset", stars)
    result = scope("train", *QUICK[1:], *options, *data)
    assert (result.code, result.out) == (code, "")
    assert words in result.err and "Traceback" not in result.err
    assert not list(Path().iterdir())


def test_errors_in_a_data_set_are_reported_for_each_class(scope: Scope, stars: Path) -> None:
    whole = pd.read_parquet(stars)
    spoilt = {
        "1 of 35 feature columns are missing in mine.parquet: wstd": whole.drop(columns="wstd"),
        "The column with the most missing values is 'wstd'": whole.assign(wstd=np.nan),
        "expected a number": whole.assign(eclipsing=whole["eclipsing"].astype(str) + "?"),
    }
    for words, table in spoilt.items():
        table.to_parquet("mine.parquet")
        result = scope("train", "--tag=e", "--path-dataset=mine.parquet", *QUICK)
        assert result.code == 1 and words in result.err, result.err
        assert "Traceback" not in result.err and not list(Path("models").rglob("run.json"))


def test_the_network_requires_images_only_with_the_convolution_branch(
    scope: Scope, stars: Path
) -> None:
    pd.read_parquet(stars).drop(columns="dmdt").to_parquet("mine.parquet")
    result = scope("train", "--tag=e", "--path-dataset=mine.parquet")
    assert result.code == 1 and "conv_branch: false" in result.err


def test_images_are_read_only_for_models_that_may_use_them(stars: Path) -> None:
    def read(algorithm: str, backend: str = "", **dnn: bool) -> bool:
        options = TrainingOptions(algorithm=algorithm, dnn=dnn)
        (job,) = training_jobs(load_config(), ["e"], options, stars)
        return "dmdt" in required_columns([replace(job, backend=backend or job.backend)], stars)

    assert read("dnn") and not read("dnn", conv_branch=False) and not read("xgb")
    assert read("xgb", "builtins:object"), "a model that does not define uses_dmdt"


def test_the_commands_in_the_manual_run(
    dataset: Callable[..., Path], torture: Callable[[int, int], int]
) -> None:
    """Those of SCoPe's usage page; without torture with one run of the loop and one epoch."""
    pytest.importorskip("tensorflow")
    complete = torture(0, 1)
    data = Path("data/training/dataset.d15.csv")
    data.parent.mkdir(parents=True)
    shutil.copy(dataset(".csv", 600 if complete else 200), data)
    from astrodome_ztf_scope.classifiers.models import network

    checkpoints.write(network.network(35), Path("models/vnv/20210324_220331/vnv.20210324_220331"))
    first = (
        "--tag=vnv --path_dataset=data/training/dataset.d15.csv --batch_size=64 --epochs=100 "
        "--verbose=1 --pre_trained_model=models/vnv/20210324_220331/vnv.20210324_220331"
    )
    loop = (
        "--tag=vnv --tag=e --path_dataset=data/training/dataset.d15.csv --scale_features=min_max "
        "--batch_size=64 --epochs=300 --patience=30 --random_state=1 --random_state=2 "
        "--verbose=1 --gpu=1 --conv_branch=true --save"
    )
    if not complete:
        first = first.replace("--epochs=100", "--epochs=1")
        loop = loop.replace("--epochs=300", "--epochs=1")
        loop = loop.replace("--tag=e ", "").replace("--random_state=2 ", "")
    for command in (first, loop):
        done = subprocess.run(
            [*COMMAND, *command.split()], capture_output=True, text=True, env=os.environ
        )
        assert done.returncode == 0, done.stderr
    looped = [("vnv", 1), ("vnv", 2), ("e", 1), ("e", 2)]
    for tag, state in (("vnv", 42), *(looped if complete else looped[:1])):
        assert Path("models/experiment/dnn", tag, str(state), "model.keras").stat().st_size
