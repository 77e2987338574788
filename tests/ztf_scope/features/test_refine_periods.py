"""``scope refine-periods``: corrected periods, unchanged periods, errors and resumed runs."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import astrodome_ztf_scope as package
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from astrodome.testing import Result

Scope = Callable[..., Result]
COMMAND = (sys.executable, "-c", "from astrodome.app import main; main('scope')")
ECLIPSING = ("ea", "eb", "ew")
PULSATING = ("rrab", "rrc", "ceph")
TABLES = ("--features=features.parquet", "--classes=classes.csv")
LINE = ("refine-periods", *TABLES, "--file=light_curves.parquet", "--output=refined.parquet")


def listed(truth: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return columns with the best periods of an algorithm: the true one, its aliases and others.

    The errors of the periods are those of a grid with ten frequencies per 1/baseline.
    """
    frequency = 1 / truth["period"].to_numpy()
    half = truth["class"].isin(ECLIPSING).to_numpy()
    f = [np.where(half, 2, 1) * frequency, frequency, np.abs(frequency - 1.0027), frequency + 1]
    f += [1 / np.exp(rng.uniform(-2, 3, len(truth))) for _ in range(6)]
    return pd.DataFrame(
        {
            f"period_{rank}_LS": 1 / (values + rng.uniform(-1, 1, len(truth)) * 0.05 / 1700)
            for rank, values in enumerate(f, start=1)
        }
    )


@pytest.fixture(scope="module")
def simulation() -> package.Simulation:
    classes = [*ECLIPSING, *PULSATING, "agn"]
    return package.simulate_light_curves(14, classes=classes, points=100, bands="gr", seed=4)


@pytest.fixture(autouse=True)
def files(simulation: package.Simulation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a feature table, the classes and the light curves of some sources."""
    monkeypatch.chdir(tmp_path)
    truth = simulation.truth
    features = truth[["_id", "ra", "dec", "filter"]].copy()
    features["n"] = truth["points"]
    wrong = np.where(truth["class"].isin(ECLIPSING), truth["period"] / 2, truth["period"])
    features["period"] = np.where(truth["class"] == "agn", 2.5, wrong)
    lists = listed(truth.fillna({"period": 2.5}), np.random.default_rng(1))
    pd.concat([features, lists], axis=1).to_parquet("features.parquet", index=False)
    truth[["_id", "class"]].to_csv("classes.csv", index=False)
    simulation.epochs.to_parquet("light_curves.parquet", index=False)


def read(path: str = "refined.parquet") -> pd.DataFrame:
    return pd.read_parquet(path)


def test_periods_are_refined_with_the_method_for_the_class(
    scope: Scope, simulation: package.Simulation
) -> None:
    before = {path: path.read_bytes() for path in Path().iterdir()}
    about = scope(*LINE, "--json").succeeded().json
    assert {path: path.read_bytes() for path in before} == before
    refined, truth = read(), simulation.truth
    assert (refined["_id"] == truth["_id"]).all() and about["rows"] == len(truth) == 28
    assert about["refined"] == 24 and about["failed"] == []
    ratio = (refined["period_refined"] / truth["period"]).to_numpy()
    correct = np.abs(ratio - 1) < 1e-3
    assert correct[truth["class"].isin(ECLIPSING)].mean() >= 0.8
    assert correct[truth["class"].isin(PULSATING)].mean() >= 0.95
    assert about["changed"] >= 10
    for _, rows in refined.groupby(truth["obj_id"]):
        assert rows["period_refined"].nunique() == 1 or rows["class"].iloc[0] == "agn"
    eclipsing = refined[refined["class"].isin(ECLIPSING) & correct]
    assert eclipsing["period_model"].str.contains("eclipse").mean() > 0.8
    assert (eclipsing["refined_period_err"] > 0).all()
    rrab = refined[refined["class"] == "rrab"]
    assert (rrab["refined_mode"] == "RRab").all() and rrab["refined_R21"].between(0.3, 0.6).all()


def test_the_periods_of_other_classes_are_copied(scope: Scope) -> None:
    scope(*LINE).succeeded()
    table = read()
    other = table[table["class"] == "agn"]
    assert len(other) == 4 and not other["period_was_refined"].any()
    assert (other["period_refined"] == 2.5).all()
    assert set(other["refinement_reason"]) == {"periods of this class are not refined"}
    assert other.filter(like="refined_").isna().all(axis=None)


def test_only_the_given_classes_are_refined(scope: Scope) -> None:
    scope(*LINE, "--class-filter=RRab", "--class-filter", "Cepheid").succeeded()
    table = read()
    assert set(table.loc[table["period_was_refined"], "class"]) == {"rrab", "ceph"}


def test_sources_without_light_curve_are_named_and_the_others_are_refined(scope: Scope) -> None:
    curves = pd.read_parquet("light_curves.parquet")
    ids = curves["_id"].unique()
    missing = {ids[0], ids[1]}  # both light curves of the first source
    curves[~curves["_id"].isin(missing)].to_parquet("light_curves.parquet")
    result = scope(*LINE)
    assert result.code == 1
    for name in missing:
        assert f"failed  {name}: no light curve found" in result.err
    assert "22 periods refined, 2 failed" in result.err
    table = read()
    kept = table["_id"].isin(missing)
    assert (table.loc[kept, "period_refined"] == table.loc[kept, "period"]).all()
    assert table.loc[kept, "refinement_reason"].eq("no light curve found").all()


def test_sources_with_few_epochs_keep_their_period(scope: Scope) -> None:
    result = scope(*LINE, "--min-points=1000").succeeded()
    table = read()
    assert not table["period_was_refined"].any()
    reasons = table.loc[table["class"] != "agn", "refinement_reason"]
    assert reasons.str.startswith("too few epochs: ").all()
    assert "24 skipped" in result.err


def test_light_curves_can_be_read_from_a_catalogue(scope: Scope) -> None:
    scope(*LINE).succeeded()
    expected = read()
    Path("survey").mkdir()
    Path("light_curves.parquet").rename("survey/light_curves.parquet")
    line = [word for word in LINE if not word.startswith("--file")]
    scope(*line, "--catalogue=local:survey", "--force").succeeded()
    pd.testing.assert_frame_equal(read(), expected)


def test_the_result_does_not_depend_on_jobs_chunks_or_other_rows(
    scope: Scope, simulation: package.Simulation
) -> None:
    scope(*LINE, "--jobs=1").succeeded()
    expected = read()
    scope(*LINE[:-1], "--output=two.parquet", "--jobs=2").succeeded()
    pd.testing.assert_frame_equal(read("two.parquet"), expected)
    chunks = []
    for number in range(3):
        name = f"chunk{number}.parquet"
        scope(*LINE[:-1], f"--output={name}", f"--chunk={number}", "--n-chunks=3").succeeded()
        chunks.append(read(name))
    joined = pd.concat(chunks, ignore_index=True)
    pd.testing.assert_frame_equal(joined[list(expected)], expected, check_dtype=False)
    some = pd.read_parquet("features.parquet").iloc[[7, 6]]
    some.to_parquet("features.parquet")
    scope(*LINE[:-1], "--output=some.parquet").succeeded()
    own = expected.iloc[[7, 6]].reset_index(drop=True)
    columns = ["_id", "period_refined", "period_model", "period_was_refined"]
    pd.testing.assert_frame_equal(read("some.parquet")[columns], own[columns])


def test_a_cluster_gives_the_same_table(scope: Scope) -> None:
    distributed = pytest.importorskip("distributed")
    scope(*LINE).succeeded()
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0"
    ) as cluster:
        line = (*LINE[:-1], "--output=there.parquet", "--scheduler", cluster.scheduler_address)
        scope(*line).succeeded()
    pd.testing.assert_frame_equal(read("there.parquet"), read())


def test_an_existing_result_is_kept_and_replaced_only_with_force(scope: Scope) -> None:
    scope(*LINE).succeeded()
    first = Path("refined.parquet").stat()
    again = scope(*LINE).succeeded()
    assert "already contains the result of this refinement" in again.err
    assert Path("refined.parquet").stat().st_mtime_ns == first.st_mtime_ns
    other = scope(*LINE, "--n-periods=1")
    assert other.code == 2 and "contains the result of a different refinement" in other.err
    scope(*LINE, "--n-periods=1", "--force").succeeded()


def test_a_killed_refinement_is_resumed_with_the_same_result(
    scope: Scope, torture: Callable[[int, int], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", "none")
    monkeypatch.setattr("astrodome_ztf_scope.features.refinement.table.PART", 2)
    scope(*LINE).succeeded()
    script = (
        "import astrodome_ztf_scope.features.refinement.table as table; table.PART = 2; "
        "from astrodome.app import main; main('scope')"
    )
    line = [sys.executable, "-c", script, *LINE[:-1], "--output=killed.parquet", "--jobs=1"]
    parts = Path(".killed.parquet.parts")
    for _ in range(torture(2, 10)):
        before = len(list(parts.glob("refined-*.parquet")))
        process = subprocess.Popen(line, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        while process.poll() is None and len(list(parts.glob("refined-*.parquet"))) <= before:
            time.sleep(0.005)
        process.kill()
        process.wait()
        for path in parts.glob("refined-*.parquet"):
            pq.read_metadata(path)
    scope(*LINE[:-1], "--output=killed.parquet").succeeded()
    clean, killed = (
        hashlib.sha256(Path(f"{name}.parquet").read_bytes()).digest()
        for name in ("refined", "killed")
    )
    assert clean == killed and not list(Path().glob(".*"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--period-column=best_agree_period",), "has no column 'best_agree_period'"),
        (("--class-column=type",), "classes.csv has no column 'type'"),
        (("--id-column=obj_id",), "has no column 'obj_id'"),
        (("--class-filter=mira",), "Invalid class 'mira': periods of this class cannot be refined"),
        (("--chunk=2", "--n-chunks=2"), "Invalid chunk 2 of 2: expected a number from 0 to 1"),
        (("--output=refined.csv",), "Unsupported file extension in 'refined.csv'"),
        (("--file=missing.parquet",), "missing.parquet"),
        (("--min-points=3",), "--min-points"),
    ],
)
def test_invalid_options_are_errors(scope: Scope, options: tuple[str, ...], message: str) -> None:
    result = scope(*LINE, *options)
    assert result.code != 0 and message in result.err.replace("\n", " ")
    assert not list(Path().glob("refined*"))


@pytest.mark.parametrize("option", ["--features", "--classes", "--output"])
def test_required_options_are_named(scope: Scope, option: str) -> None:
    result = scope(*(word for word in LINE if not word.startswith(option)))
    assert result.code == 2 and option in result.err


def test_an_identifier_with_two_classes_is_an_error(scope: Scope) -> None:
    with Path("classes.csv").open("a") as file:
        file.write("1000000000000001,ew\n")
    table = pd.read_csv("classes.csv")
    table.loc[len(table)] = [table["_id"].iloc[0], "rrab"]
    table.to_csv("classes.csv", index=False)
    result = scope(*LINE)
    assert result.code == 1
    assert f"the identifier {table['_id'].iloc[0]} has the classes 'ea' and 'rrab'" in result.err


def test_classes_of_other_sources_are_an_error(scope: Scope) -> None:
    table = pd.read_csv("classes.csv")
    table.assign(_id=table["_id"] + 500).to_csv("classes.csv", index=False)
    result = scope(*LINE)
    assert result.code == 1
    assert "None of the identifiers in features.parquet occurs in classes.csv" in result.err
    assert not list(Path().glob("refined*"))
