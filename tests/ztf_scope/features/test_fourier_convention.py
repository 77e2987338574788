"""Features from simulated photometry to scores, with the Fourier convention of the model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import astrodome_ztf_scope as scope_api
import numpy as np
import pandas as pd
import pytest
from astrodome import AstrodomeError
from astrodome.runs import Run
from astrodome.testing import Result
from astrodome_ztf_scope.tables import feature_provenance

Scope = Callable[..., Result]
REFUSED = "are amplitudes, but the model was trained with coefficients"


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labeled feature tables of simulated light curves, in both conventions."""
    folder = tmp_path_factory.mktemp("tables")
    classes = ["rrab", "nonvar"]
    simulated = scope_api.simulate_light_curves(
        120, classes=classes, seed=4, points=60, bands="r", magnitude=(15.0, 17.0)
    )
    labels = simulated.truth[["_id", "class"]]
    for convention in ("coefficients", "amplitudes"):
        features = scope_api.compute_features(
            simulated.epochs, max_frequency=3.0, samples_per_peak=3, fourier_convention=convention
        )
        merged = features.merge(labels, on="_id")
        merged.attrs = features.attrs
        merged["variable"] = (merged.pop("class") == "rrab").astype(float)
        merged["non-variable"] = 1 - merged["variable"]
        scope_api.write_table(folder / f"{convention}.parquet", merged)
    return folder


def test_features_are_read_by_train_and_predict(scope: Scope, tables: Path) -> None:
    """With the default configuration, and with columns without suffix."""
    data = tables / "coefficients.parquet"
    train = ("train", "--tag=vnv", "--algorithm=xgb", "--no-plot", "--path-dataset", data)
    for name, suffix in (("nested", ()), ("best", ("--period-suffix", "None"))):
        scope(*train, "--path-models", name, *suffix).succeeded()
        preparation = (Path(name) / "experiment/xgb/vnv/42/preparation.json").read_text()
        assert ("f1_amp_ELS_ECE_EAOV" in preparation) == (name == "nested")
        models = f"{name}/experiment"
        scope("predict", data, "--models", models, f"--out={name}.parquet").succeeded()
        scores, labels = pd.read_parquet(f"{name}.parquet"), pd.read_parquet(data)["variable"]
        assert scores["vnv_xgb"][labels == 1].min() > scores["vnv_xgb"][labels == 0].max()
        assert scores["period"].notna().all()


def test_features_in_the_other_convention_are_refused(scope: Scope, tables: Path) -> None:
    old, new = (tables / f"{name}.parquet" for name in ("coefficients", "amplitudes"))
    for data, group in ((old, "old"), (new, "new")):
        scope(
            "train", "--tag=vnv", "--algorithm=xgb", "--no-plot", "--path-dataset", data,
            "--group", group,
        ).succeeded()  # fmt: skip
    runs = {group: Path("models") / group / "xgb/vnv/42" for group in ("old", "new")}
    assert Run(runs["old"]).record["fourier_convention"] == "coefficients"
    assert Run(runs["new"]).record["fourier_convention"] == "amplitudes"
    for command in (("predict", new), ("evaluate", new)):
        result = scope(*command, "--group=old")
        assert result.code == 1 and REFUSED in result.err
        assert "scope features --fourier-convention coefficients" in result.err
    assert not Path("scores.parquet").exists()
    result = scope("predict", old, "--group=new")
    assert result.code == 1 and "are coefficients, but the model was trained with" in result.err
    scope("predict", new, "--group=new").succeeded()
    with pytest.raises(AstrodomeError, match=REFUSED):
        scope_api.classify(scope_api.read_table(new), runs["old"])
    with pytest.raises(AstrodomeError, match=REFUSED):
        scope_api.classify(pd.read_parquet(new), runs["old"])


def test_negative_amplitudes_identify_coefficients_without_metadata(tables: Path) -> None:
    table = pd.read_parquet(tables / "coefficients.parquet")
    table.attrs = {}
    model = scope_api.train_classifier(table, "vnv", algorithm="xgb")
    assert model.preparation.fourier_convention == "coefficients"
    assert Run(model.path).record["fourier_convention"] == "coefficients"
    scores = scope_api.classify(table, model)["vnv_xgb"]
    assert np.isfinite(scores).all()


@pytest.fixture(scope="module")
def amplitude_model(
    tables: Path, tmp_path_factory: pytest.TempPathFactory
) -> scope_api.LoadedModel:
    """A model that was trained with amplitudes."""
    folder = tmp_path_factory.mktemp("model")
    data = scope_api.read_table(tables / "amplitudes.parquet")
    return scope_api.train_classifier(data, "vnv", algorithm="xgb", models_dir=folder)


def test_a_lost_convention_must_be_specified(
    scope: Scope, tables: Path, amplitude_model: scope_api.LoadedModel
) -> None:
    """DataFrame.merge and CSV files drop the metadata; amplitudes are never negative."""
    table = pd.read_parquet(tables / "amplitudes.parquet")
    lost = table.merge(table[["_id"]].assign(extra=1), on="_id")
    lost.attrs = {}
    lost.drop(columns="dmdt").to_csv("lost.csv", index=False)
    model = str(amplitude_model.path)
    train = ("train", "--tag=vnv", "--algorithm=xgb", "--no-plot", "--path-dataset", "lost.csv")
    commands = (train, ("predict", "lost.csv", "--models", model))
    for command in (*commands, ("evaluate", "lost.csv", "--models", model)):
        result = scope(*command)
        assert result.code == 1 and not Path("scores.parquet").exists()
        text = " ".join(result.err.split())
        assert "Cannot determine whether the Fourier features" in text, command
        assert "are coefficients or amplitudes" in text
    for command in commands:
        err = " ".join(scope(*command).err.split())
        assert "--fourier-convention amplitudes (SCoPe of 2026)" in err
        scope(*command, "--fourier-convention=amplitudes").succeeded()
    assert Run(Path("models/experiment/xgb/vnv/42")).record["fourier_convention"] == "amplitudes"
    line = ("evaluate", "lost.csv", "--models", model, "--fourier-convention=amplitudes", "--json")
    assert scope(*line).succeeded().json[0]["f1"] > 0.9
    for function in (
        scope_api.classify,
        lambda data, model, **more: scope_api.evaluate(model, data, **more),
    ):
        with pytest.raises(AstrodomeError, match="Cannot determine whether") as caught:
            function(lost, amplitude_model)
        assert "DataFrame.attrs" in str(caught.value.hint)
        with pytest.raises(AstrodomeError, match="are coefficients, but the model was trained"):
            function(lost, amplitude_model, fourier_convention="coefficients")
        function(lost, amplitude_model, fourier_convention="amplitudes")
    assert lost.attrs == {}


def test_the_specified_convention_is_checked(
    scope: Scope, tables: Path, amplitude_model: scope_api.LoadedModel
) -> None:
    data = tables / "amplitudes.parquet"
    predict = ("predict", data, "--models", amplitude_model.path)
    result = scope(*predict, "--fourier-convention=coefficients")
    assert result.code == 2 and "are amplitudes, not coefficients" in result.err
    result = scope(*predict, "--fourier-convention=phases")
    assert result.code == 2 and "Invalid Fourier convention 'phases'" in result.err
    table = pd.read_parquet(tables / "coefficients.parquet")
    table.attrs = {}
    with pytest.raises(AstrodomeError, match="are coefficients, but the model was trained with"):
        scope_api.classify(table, amplitude_model)


def test_the_partitions_of_a_file_share_its_convention(scope: Scope, tables: Path) -> None:
    """A partition with a single row may contain no negative amplitude."""
    data = tables / "coefficients.parquet"
    scope(
        "train", "--tag=vnv", "--algorithm=xgb", "--no-plot", "--path-dataset", data
    ).succeeded()  # fmt: skip
    table = pd.read_parquet(data).drop(columns="dmdt")
    names = [name for name in table if name.startswith(("f1_amp", "f1_rel"))]
    table[names] = table[names].abs()
    table.loc[table.index[-1], names[0]] = -0.1
    table.tail(20).to_csv("few.csv", index=False)
    scope("predict", "few.csv", "--models=models/experiment", "--batch-size=3").succeeded()
    assert pd.read_parquet("scores.parquet")["vnv_xgb"].notna().all()


def test_the_convention_survives_tables_that_users_write(tables: Path, tmp_path: Path) -> None:
    table = pd.read_parquet(tables / "amplitudes.parquet")
    table["period"] = table["period"] * 2
    table.to_parquet(tmp_path / "pandas.parquet")
    again = scope_api.read_table(tmp_path / "pandas.parquet")
    scope_api.write_table(tmp_path / "scope.parquet", again)
    for path in (tmp_path / "pandas.parquet", tmp_path / "scope.parquet"):
        assert feature_provenance.convention(path) == "amplitudes"
