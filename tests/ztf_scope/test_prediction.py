"""``scope predict``: scores depend only on the source and the model."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xgboost
from astrodome.testing import Result, run
from astrodome_ztf_scope.config.loading import load_config
from selection import need
from ztf_scope import checkpoints

Scope = Callable[..., Result]
COMMAND = (sys.executable, "-c", "from astrodome.app import main; main('scope')")
TAGS = ("e", "vnv", "agn")
KEPT = ("_id", "obj_id", "ra", "dec", "period", "field", "ccd", "quad", "filter")


@pytest.fixture(scope="module")
def models(dataset: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A group with both algorithms: ``agn`` sees all features, and imputes some of them."""
    need("keras")
    root = tmp_path_factory.mktemp("models")
    common = ("--path-dataset", dataset(".parquet", 600), "--path-models", root, "--no-plot")
    tags = [f"--tag={tag}" for tag in TAGS]
    plugin = "astrodome_ztf_scope.plugin"
    run("scope", "train", *tags, *common, "--algorithm=xgb", plugin=plugin).succeeded()
    quick = ("--epochs=1", "--batch-size=64", "--jobs=1")
    run("scope", "train", *tags[:2], *common, *quick, plugin=plugin).succeeded()
    return root / "experiment"


@pytest.fixture
def sources(dataset: Callable[..., Path]) -> Path:
    """Stars that were not used for training, in row groups that are not multiples of a batch."""
    return dataset(".parquet", 1000, 2)


def test_one_file_has_ids_and_a_column_for_each_model(
    scope: Scope, models: Path, sources: Path
) -> None:
    about = scope("predict", sources, "--models", models, "--json").succeeded().json
    assert about["sources"] == 1000 and len(about["models"]) == 5
    scores, given = pd.read_parquet("scores.parquet"), pd.read_parquet(sources)
    columns = ["agn_xgb", "e_dnn", "e_xgb", "vnv_dnn", "vnv_xgb"]
    assert list(scores) == [name for name in KEPT if name in (*given, "_id")] + columns
    assert (scores["_id"] == given["ztf_id"]).all()
    assert np.allclose(scores["period"], given["period"])
    assert ((scores[columns] >= 0) & (scores[columns] <= 1)).all(axis=None)
    eclipsing = (given["eclipsing"] > 0.7).to_numpy()
    assert scores["e_xgb"][eclipsing].mean() > scores["e_xgb"][~eclipsing].mean() + 0.5
    assert not [path for path in Path().iterdir() if path.name != "scores.parquet"]
    given.rename(columns={"ra": "RA", "dec": "Dec"}).to_parquet("capitals.parquet")
    line = ("predict", "capitals.parquet", "--models", models, "--tag", "agn", "--out", "c.parquet")
    scope(*line).succeeded()
    again = pd.read_parquet("c.parquet")
    assert list(again) == [name for name in KEPT if name in (*given, "_id")] + ["agn_xgb"]
    assert (again[["ra", "dec"]] == given[["ra", "dec"]]).all(axis=None)


def test_a_score_does_not_depend_on_batch_other_rows_or_format(
    scope: Scope, models: Path, sources: Path, dataset: Callable[..., Path]
) -> None:
    common = ("--models", models)
    scope("predict", sources, *common, "--out=whole.parquet").succeeded()
    scope("predict", sources, *common, "--out=small.parquet", "--batch-size=77").succeeded()
    pd.read_parquet(sources).iloc[500:510].to_parquet("few.parquet")
    scope("predict", "few.parquet", *common, "--out=alone.parquet").succeeded()
    csv = dataset(".csv", 1000, 2)
    scope("predict", csv, *common, "--out=text.parquet", "--batch-size=300").succeeded()
    whole, small, alone, text = (
        pd.read_parquet(f"{name}.parquet").filter(regex="_(dnn|xgb)$")
        for name in ("whole", "small", "alone", "text")
    )
    np.testing.assert_allclose(small, whole, atol=1e-6)
    np.testing.assert_allclose(alone, whole.iloc[500:510], atol=1e-6)
    np.testing.assert_allclose(text, whole, atol=1e-4)  # six decimals of the images


def test_the_scores_are_those_of_the_training_run(
    scope: Scope, models: Path, dataset: Callable[..., Path]
) -> None:
    data = dataset(".parquet", 600)
    scope("predict", data, "--models", models, "--tag=e").succeeded()
    scores = pd.read_parquet("scores.parquet")
    for algorithm in ("dnn", "xgb"):
        split = pd.read_parquet(models / algorithm / "e" / "42" / "split.parquet")
        here = scores[f"e_{algorithm}"].to_numpy()[split["row"]]
        np.testing.assert_allclose(here, split["score"], atol=1e-6)


def test_algorithms_are_combined_on_demand(scope: Scope, models: Path, sources: Path) -> None:
    for how in ("mean", "max"):
        out = f"--out={how}.parquet"
        scope("predict", sources, "--models", models, "--merge", how, out).succeeded()
        scores = pd.read_parquet(f"{how}.parquet")
        both = scores[["e_dnn", "e_xgb"]]
        np.testing.assert_allclose(scores["e"], getattr(both, how)(axis=1), rtol=1e-6)
        np.testing.assert_allclose(scores["agn"], scores["agn_xgb"], rtol=1e-6)


def test_a_source_that_lacks_a_feature_has_no_score_and_is_counted(
    scope: Scope, models: Path, sources: Path
) -> None:
    table = pd.read_parquet(sources)
    table.loc[[3, 400], "wstd"] = np.nan
    table.loc[5, "Gaia_EDR3__parallax"] = np.nan  # is imputed
    table.to_parquet("mine.parquet")
    about = scope("predict", "mine.parquet", "--models", models, "--json").succeeded().json
    assert about["without score"] == dict.fromkeys(
        ("agn_xgb", "e_dnn", "e_xgb", "vnv_dnn", "vnv_xgb"), 2
    )
    scores = pd.read_parquet("scores.parquet")
    assert scores["e_xgb"].isna().to_numpy().nonzero()[0].tolist() == [3, 400]


def test_several_files_become_one_in_their_order(
    scope: Scope, models: Path, sources: Path, dataset: Callable[..., Path]
) -> None:
    other = dataset(".csv", 600)
    about = scope("predict", sources, other, "--models", models, "--tag=e", "--json").succeeded()
    assert about.json["sources"] == 1600
    ids = pd.read_parquet("scores.parquet")["_id"].to_numpy()
    wanted = [pd.read_parquet(sources)["ztf_id"], pd.read_csv(other)["ztf_id"]]
    assert (ids == np.concatenate(wanted)).all()


def repeat(source: Path, target: Path, rows: int) -> None:
    """Write a table with 1000 rows several times into one file, in row groups of 4000 rows."""
    piece = pa.concat_tables([pq.ParquetFile(source).read()] * 4)
    with pq.ParquetWriter(target, piece.schema, compression="zstd") as sink:
        for _ in range(rows // len(piece)):
            sink.write_table(piece)


def test_a_killed_prediction_is_resumed_with_the_same_result(
    scope: Scope,
    models: Path,
    dataset: Callable[..., Path],
    torture: Callable[[int, int], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GIT_DIR", "none")  # a commit meanwhile would be told in one file alone
    data = Path("data.parquet")
    repeat(dataset(".parquet", 1000, 2), data, torture(4000, 20_000))
    command = ["predict", str(data), "--models", str(models), "--tag=e", "--batch-size=100"]
    scope(*command, "--out=clean.parquet").succeeded()
    parts = Path(".killed.parquet.parts")
    moments = random.Random(3)
    for _ in range(torture(2, 5)):
        before = len(list(parts.glob("*.parquet")))
        process = subprocess.Popen(
            [*COMMAND, *command, "--out=killed.parquet"], stderr=subprocess.DEVNULL
        )
        while process.poll() is None and len(list(parts.glob("[0-9]*.parquet"))) <= before + 1:
            time.sleep(0.005)
        time.sleep(moments.random() * 0.1)
        process.kill()
        process.wait()
        for part in parts.glob("[0-9]*.parquet"):
            pq.read_metadata(part)
    scope(*command, "--out=killed.parquet").succeeded()
    clean, killed = (
        hashlib.sha256(Path(f"{name}.parquet").read_bytes()).digest()
        for name in ("clean", "killed")
    )
    assert clean == killed
    assert not list(Path().glob(".*"))


def test_an_existing_result_is_kept_and_replaced_only_with_force(
    scope: Scope, models: Path, sources: Path
) -> None:
    command = ("predict", sources, "--models", models, "--tag=e")
    scope(*command).succeeded()
    written = Path("scores.parquet").stat().st_mtime_ns
    assert "already contains the scores" in scope(*command).succeeded().err
    assert Path("scores.parquet").stat().st_mtime_ns == written
    refused = scope("predict", sources, "--models", models)
    assert refused.code == 2 and "--force" in refused.err
    assert Path("scores.parquet").stat().st_mtime_ns == written
    scope("predict", sources, "--models", models, "--force").succeeded()
    assert "vnv_xgb" in pq.read_schema("scores.parquet").names


def test_a_cluster_gives_the_same_scores(scope: Scope, models: Path, sources: Path) -> None:
    distributed = pytest.importorskip("distributed")
    command = ("predict", sources, "--models", models, "--algorithm=xgb", "--batch-size=300")
    scope(*command, "--out=here.parquet").succeeded()
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0"
    ) as cluster:
        there = ("--out=there.parquet", "--scheduler", cluster.scheduler_address)
        scope(*command, *there).succeeded()
    here, there = (pd.read_parquet(f"{name}.parquet") for name in ("here", "there"))
    pd.testing.assert_frame_equal(here, there)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is Linux's to tell")
def test_memory_does_not_grow_with_the_number_of_rows(
    models: Path, dataset: Callable[..., Path], torture: Callable[[int, int], int], tmp_path: Path
) -> None:
    """Peak memory of the process, over that for a quarter of the rows; and under 1 GB."""
    rows = torture(40_000, 1_000_000)
    peaks = []
    for count in (rows // 4, rows):
        data = tmp_path / f"{count}.parquet"
        repeat(dataset(".parquet", 1000, 2), data, count)
        script = (
            "import sys\n"
            "from astrodome.app import main\n"
            "try:\n    main('scope', sys.argv[1:])\n"
            "except SystemExit as left:\n    assert not left.code\n"
            "status = dict(line.split(':', 1) for line in open('/proc/self/status'))\n"
            "print(int(status['VmHWM'].split()[0]) / 1024)\n"
        )
        out = tmp_path / f"{count}-scores.parquet"
        command = ["predict", data, "--models", models, "--tag=e", "--out", out, "--json"]
        done = subprocess.run(
            [sys.executable, "-c", script, *map(str, command)], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert pq.read_metadata(out).num_rows == pq.read_metadata(data).num_rows
        peaks.append(float(done.stdout.splitlines()[-1]))
    print(f"Peaks: {peaks} MiB")
    assert peaks[1] < 1000, peaks
    assert peaks[1] - peaks[0] < 200, peaks


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (
            lambda t: t.drop(columns="wstd"),
            "1 of 35 feature columns are missing in mine.parquet: wstd",
        ),
        (lambda t: t.drop(columns="dmdt"), "mine.parquet has no column 'dmdt'"),
        (lambda t: t.assign(wstd="bright"), "expected a number"),
        (lambda t: t.assign(dmdt=[np.zeros((3, 3)).tolist()] * len(t)), "26 x 26"),
    ],
)
def test_an_invalid_file_is_one_short_error_and_writes_no_output(
    scope: Scope, models: Path, sources: Path, spoil: Callable[..., pd.DataFrame], words: str
) -> None:
    spoil(pd.read_parquet(sources)).to_parquet("mine.parquet")
    result = scope("predict", "mine.parquet", "--models", models, "--tag=e")
    assert result.code == 1 and words in result.err and "Traceback" not in result.err
    assert not Path("scores.parquet").exists()


def test_invalid_usage_is_one_short_error(scope: Scope, models: Path, sources: Path) -> None:
    Path("broken.h5").write_bytes(b"no HDF5")
    for name in ("trees.json", "e.20230706_101010.json"):
        Path(name).write_text("{}")
    for args, words in (
        ((sources, "--group=none"), "Folder not found: models/none"),
        ((sources, "--models=e.20230706_101010.h5"), "File not found: e.20230706_101010.h5"),
        ((sources, "--models=e.20230706_10101.json"), "Did you mean e.20230706_101010.json?"),
        ((sources, "--models=trees.json"), "expected <tag>.<YYYYMMDD_HHMMSS> with the extension"),
        ((sources, "--models=e.20230706_101010.json"), "cannot be read as an XGBoost model"),
        ((sources, f"--models={sources}"), "for a SCoPe model file"),
        ((sources, "--models", models, "--tag=ew"), "No trained model for the class 'ew' found"),
        (("none.parquet", "--models", models), "File not found: none.parquet"),
        (("broken.h5", "--models", models), "broken.h5 cannot be read"),
        ((sources, "--models", models, "--merge=min"), "expected mean or max"),
    ):
        result = scope("predict", *args)
        assert result.code in (1, 2) and words in result.err, result.err
        assert "Traceback" not in result.err and not Path("scores.parquet").exists()


def test_evaluate_measures_the_models_on_other_stars(
    scope: Scope, models: Path, sources: Path
) -> None:
    result = scope("evaluate", sources, "--models", models, "--json").succeeded()
    found = {(row["tag"], row["algorithm"]): row for row in result.json}
    scores = [row["f1"] for (_, algorithm), row in found.items() if algorithm == "xgb"]
    assert f"Mean F1 score of {len(scores)} xgb models: {np.mean(scores):.3f}" in result.err
    assert len(found) == 5 and found["e", "xgb"]["sources"] == 1000
    assert found["e", "xgb"]["roc_auc"] > 0.9


@pytest.fixture(scope="module")
def of_scope(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some of these models in the files of SCoPe 0.9.5, which hold weights alone."""
    keras = pytest.importorskip("keras")
    root = tmp_path_factory.mktemp("models_of_scope")
    network = keras.saving.load_model(models / "dnn" / "e" / "42" / "model.keras", compile=False)
    (root / "e").mkdir()
    network.save(root / "e" / "e.20230706_101010.h5")
    for tag in ("e", "agn"):
        trees = xgboost.Booster(model_file=models / "xgb" / tag / "42" / "model.ubj")
        file = root / tag / f"{tag}.20230706_101010.json"
        file.parent.mkdir(exist_ok=True)
        trees.save_model(file)
        file.with_suffix(".params").write_text(trees.save_config())
    return root


def prepared(sources: pd.DataFrame, tag: str) -> np.ndarray:
    """Features as SCoPe scales them with ``feature_stats`` of its configuration."""
    scope = load_config()
    names = list(scope.feature_sets[scope.classes[tag].features].columns.values())
    stats = [scope.feature_stats[name] for name in names]
    low, high = (np.array([getattr(of, end) for of in stats]) for end in ("min", "max"))
    return ((sources[names].to_numpy(float) - low) / (high - low)).astype(np.float32)


def test_models_of_scope_use_the_configuration_of_their_class(
    scope: Scope, of_scope: Path, sources: Path
) -> None:
    keras = pytest.importorskip("keras")
    table = pd.read_parquet(sources)
    table.loc[:9, ["AllWISE__w1mpro", "AllWISE__w1sigmpro", "n_ztf_alerts"]] = np.nan
    table.to_parquet("mine.parquet")
    network, *trees = (of_scope / name for name in ("e/e.20230706_101010.h5", "e", "agn"))
    each = [f"--models={file}" for file in (network, *trees)]
    about = scope("predict", "mine.parquet", *each, "--json").succeeded().json
    assert not about["without score"] and len(about["models"]) == 3
    scores = pd.read_parquet("scores.parquet")
    config = load_config()
    imputed = {
        name: 0 if feature.impute_strategy == "zero" else config.feature_stats[name].median
        for name, feature in config.feature_sets["ontological"].features.items()
        if feature.impute_strategy != "none"
    }
    filled = table.fillna(imputed)
    images = np.array(filled["dmdt"].map(np.stack).tolist(), np.float32)[..., None]
    theirs = keras.saving.load_model(network, compile=False).predict(
        [prepared(filled, "e"), images], verbose=0
    )
    np.testing.assert_allclose(scores["e_dnn"], theirs[:, 0], atol=1e-5)
    for tag in ("e", "agn"):
        booster = xgboost.Booster(model_file=of_scope / tag / f"{tag}.20230706_101010.json")
        theirs = booster.inplace_predict(prepared(filled, tag), validate_features=False)
        np.testing.assert_allclose(scores[f"{tag}_xgb"], theirs, atol=1e-6)
    rows = scope("evaluate", sources, *each, "--json").succeeded().json
    assert {(row["tag"], row["algorithm"]): row["sources"] for row in rows} == dict.fromkeys(
        (("e", "dnn"), ("e", "xgb"), ("agn", "xgb")), 1000
    )


def test_a_checkpoint_of_2022_scores_as_the_same_network_of_0_9_5(
    scope: Scope, of_scope: Path, sources: Path
) -> None:
    keras = pytest.importorskip("keras")
    pytest.importorskip("tensorflow")
    network = of_scope / "e" / "e.20230706_101010.h5"
    prefix = Path("models/e/20210324_220331/e.20210324_220331")
    checkpoints.write(keras.saving.load_model(network, compile=False), prefix)
    scope("predict", sources, "--models", network, "--out=since.parquet").succeeded()
    for place in (prefix, f"{prefix}.index", prefix.parent):
        out = f"--out={len(str(place))}.parquet"
        about = scope("predict", sources, "--models", place, out, "--json").succeeded().json
        pd.testing.assert_frame_equal(
            pd.read_parquet(about["out"]), pd.read_parquet("since.parquet")
        )
    Path(f"{prefix}.data-00000-of-00001").unlink()
    broken = scope("predict", sources, "--models", prefix)
    assert broken.code == 1 and f"{prefix}.index cannot be read" in broken.err
    assert "Traceback" not in broken.err


def test_a_configuration_without_effect_is_reported(
    scope: Scope, models: Path, sources: Path
) -> None:
    """Runs use their own configuration; the file is validated nevertheless."""
    Path("mine.yaml").write_text("training: {classes: {e: {label: eclipsing, features: bare}}}\n")
    command = ("predict", sources, "--models", models, "--tag=e", "--algorithm=xgb")
    wrong = scope(*command, "--config=mine.yaml")
    assert wrong.code == 1 and "unknown feature set 'bare'" in wrong.err
    Path("mine.yaml").write_text("fritz: {sleep_time: 1}\n")
    for args in (command, ("evaluate", *command[1:])):
        told = scope(*args, "--config=mine.yaml").succeeded().err
        assert "mine.yaml has no effect" in told
        assert "has no effect" not in scope(*args).succeeded().err


def test_another_configuration_gives_another_prediction(
    scope: Scope, of_scope: Path, sources: Path
) -> None:
    command = ("predict", sources, "--models", of_scope, "--tag=e", "--algorithm=xgb")
    scope(*command).succeeded()
    assert "already contains the scores" in scope(*command).succeeded().err
    Path("config.yaml").write_text(
        "training: {classes: {e: {label: eclipsing, features: phenomenological,"
        " scale_features: median_std}}}"
    )
    refused = scope(*command)
    assert refused.code == 2 and "--force" in refused.err


def test_a_model_of_scope_without_configuration_is_one_short_error(
    scope: Scope, of_scope: Path, sources: Path
) -> None:
    trees, network = (of_scope / "e" / f"e.20230706_101010.{end}" for end in ("json", "h5"))
    Path("few.yaml").write_text(
        "features: {few: {wstd: {}, skew: {}}}\n"
        "training: {classes: {e: {label: eclipsing, features: few}}}"
    )
    Path("bare.yaml").write_text(
        "features: {bare: {wstd: {}, mine: {impute_strategy: regress}}}\n"
        "training: {classes: {e: {label: eclipsing, features: bare}}}"
    )
    for name in ("none.20230706_101010.json", "model.h5"):
        Path(name).write_bytes(trees.read_bytes())
    for args, words in (
        (("none.20230706_101010.json",), ("a model for the class 'none'", "Use the configuration")),
        (("model.h5",), ("Invalid file name model.h5", "<tag>.<YYYY")),
        ((network, "--config=few.yaml"), ("with 35 features, but", "Use the feature set")),
        ((trees, "--config=few.yaml"), ("The features of the model", "configuration")),
        ((trees, "--config=bare.yaml"), ("The entry 'mine' is missing", "Add the entry")),
    ):
        for command in ("predict", "evaluate"):
            result = scope(command, sources, "--models", *args)
            told = " ".join(result.err.split())
            assert result.code in (1, 2) and all(word in told for word in words), result.err
            assert "Traceback" not in told and not Path("scores.parquet").exists()
