"""``scope features``: feature tables from light curves in files."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

import astrodome_ztf_scope as scope_api
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from astrodome import InvalidInputError
from astrodome.testing import Result
from astrodome_ztf_scope.features import cleaning, fourier, periods
from astrodome_ztf_scope.features.dmdt import dmdt_image
from astrodome_ztf_scope.features.extraction import batches, light_curve
from astrodome_ztf_scope.features.extraction.options import FeatureOptions
from astrodome_ztf_scope.features.statistics import statistics

Scope = Callable[..., Result]
COMMAND = (sys.executable, "-c", "from astrodome.app import main; main('scope')")
QUICK = ("--algorithms", "LS", "--max-freq", "2", "--samples-per-peak", "3")
"""Options of a period search that takes a few milliseconds."""
ALL = ("--max-freq", "3", "--samples-per-peak", "3")


@pytest.fixture(scope="module")
def simulated() -> scope_api.Simulation:
    """Forty light curves of twenty sources of all classes, with 60 to 90 epochs each."""
    return scope_api.simulate_light_curves(20, seed=5, points=(60, 90), bands="gr")


@pytest.fixture
def light_curves(simulated: scope_api.Simulation, tmp_path: Path) -> Path:
    """A file with one row per epoch, in random order."""
    path = tmp_path / "light_curves.parquet"
    simulated.epochs.sample(frac=1, random_state=2).to_parquet(path, index=False)
    return path


def digest(path: str | Path) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def test_the_table_has_one_row_per_light_curve_with_all_features(
    scope: Scope, simulated: scope_api.Simulation, light_curves: Path
) -> None:
    about = scope("features", "--file", light_curves, *ALL, "--json").succeeded().json
    assert about["done"] == 40 and not about["failed"] and not about["problems"]
    assert about["files"][0]["out"] == "features.parquet"
    table = pd.read_parquet("features.parquet")
    assert table["_id"].tolist() == sorted(simulated.epochs["_id"].unique())
    suffixes = ("", "_ELS_ECE_EAOV", "_LS", "_CE", "_AOV")
    names = [f"{name}{s}" for s in suffixes for name in ("period", "significance", "pdot")]
    names += [f"{name}{s}" for s in suffixes for name in fourier.NAMES]
    names += ["ra", "dec", "filter", "n", "median", "sw", "agree_score", "family_n_algos", "dmdt"]
    assert set(names) <= set(table)
    assert not Path("features.skipped.csv").exists()
    assert [path.name for path in Path().iterdir()] == ["features.parquet"]


def test_each_value_is_that_of_its_function(
    simulated: scope_api.Simulation, light_curves: Path, tmp_path: Path
) -> None:
    options = FeatureOptions.from_names(
        max_frequency=3.0, samples_per_peak=3, top_n=5, top_n_periods=2, flares=True, drw=True
    )
    out = tmp_path / "features.parquet"
    scope_api.write_features(light_curves, out, options)
    table = scope_api.read_dataset(out)
    for row in (0, 17, 39):
        found = table.table.iloc[row]
        one = simulated.epochs[simulated.epochs["_id"] == found["_id"]]
        values = [one[name].to_numpy(float) for name in ("hjd", "mag", "magerr", "catflags")]
        used = cleaning.clean(*values, options.cleaning)
        t, m, e = (value[used] for value in values[:3])
        expected: dict[str, object] = dict(statistics(t, m, e))
        peaks = periods.search(t, m, e, options.search)
        for name, peak in peaks.items():
            expected[f"period_{name}"] = expected[f"period_1_{name}"] = peak.period[0]
            expected[f"significance_2_{name}"] = peak.significance[1]
            features = fourier.fourier_features(t, m, e, peak.period[0])
            expected |= {f"{key}_{name}": value for key, value in features.items()}
        expected["period"] = periods.best_period(peaks, t, m, e)[0]
        expected["period_ELS_ECE_EAOV"] = periods.nested(peaks, t, m, e)[0]
        expected |= periods.agreement(peaks)
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, rel=1e-12, nan_ok=True), name
        assert table.dmdt is not None
        np.testing.assert_array_equal(table.dmdt[row], dmdt_image(t, m))
        assert found["n_flares"] >= 0 and found["drw_fit_success"] in (0, 1)
        assert found["ra"] == pytest.approx(one["ra"].mean())


def test_a_row_does_not_depend_on_other_rows_order_threads_or_layout(
    scope: Scope, simulated: scope_api.Simulation, light_curves: Path, tmp_path: Path
) -> None:
    options = {"max_frequency": 3.0, "samples_per_peak": 3}
    scope("features", "--file", light_curves, *ALL, "--jobs=1").succeeded()
    whole = pd.read_parquet("features.parquet")
    scope("features", "--file", light_curves, *ALL, "--jobs=3", "--out=three.parquet").succeeded()
    pd.testing.assert_frame_equal(whole, pd.read_parquet("three.parquet"), check_exact=True)
    folder = tmp_path / "folder"
    folder.mkdir()
    ordered = simulated.epochs.sort_values(["hjd", "_id"])
    ordered[:900].to_csv(folder / "one.csv", index=False)
    ordered[900:].rename(columns={"_id": "objectid"}).to_parquet(folder / "two.parquet")
    scope("features", "--file", folder, *ALL, "--out=folder.parquet").succeeded()
    pd.testing.assert_frame_equal(whole, pd.read_parquet("folder.parquet"), check_exact=True)
    alone = simulated.epochs[simulated.epochs["_id"] == whole["_id"][11]]
    found = scope_api.compute_features(alone, **options)
    expected = whole.iloc[[11]].reset_index(drop=True)
    assert found["dmdt"][0][3].tolist() == expected["dmdt"][0][3].tolist()
    pd.testing.assert_frame_equal(
        found.drop(columns="dmdt"), expected.drop(columns="dmdt"), check_exact=True,
        check_dtype=False,
    )  # fmt: skip


def test_a_cluster_gives_the_same_table(scope: Scope, light_curves: Path) -> None:
    distributed = pytest.importorskip("distributed")
    scope("features", "--file", light_curves, *QUICK, "--out=here.parquet").succeeded()
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0"
    ) as cluster:
        there = ("--out=there.parquet", "--scheduler", cluster.scheduler_address)
        scope("features", "--file", light_curves, *QUICK, *there).succeeded()
    assert digest("here.parquet") == digest("there.parquet")


def test_light_curves_that_cannot_be_used_are_named(
    scope: Scope, simulated: scope_api.Simulation, tmp_path: Path
) -> None:
    frame = simulated.epochs
    first, second = sorted(frame["_id"].unique())[:2]
    short = frame[frame["_id"] != first].copy()
    short = pd.concat([short, frame[frame["_id"] == first][:10]])
    short.loc[short["_id"] == second, "catflags"] = 1
    path = tmp_path / "short.csv"
    short.assign(_id=short["_id"].astype(str)).to_csv(path, index=False)
    with path.open("a") as file:
        file.write(",1,10.0,20.0,2458000.5,15.0,0.1,0\n")
    result = scope("features", "--file", path, *QUICK)
    assert result.code == 0
    assert f"skipped  {first}: Too few epochs: " in result.err and "at least 50" in result.err
    assert "1 epochs have no identifier" in result.err
    assert "38 light curves processed, 3 skipped." in result.err
    listed = pd.read_csv("features.skipped.csv", dtype={"_id": str})
    assert set(listed["_id"]) == {"(no identifier)", str(first), str(second)}
    assert set(listed["status"]) == {"skipped"}
    again = scope("features", "--file", path, *QUICK, "--json").succeeded().json
    assert again["skipped"] == 3 and again["files"][0]["skipped"] == 3
    assert {one["_id"] for one in again["problems"]} == set(listed["_id"])
    assert len(pd.read_parquet("features.parquet")) == 38


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_input_without_usable_light_curves_is_an_error_and_leaves_no_table(
    kind: str, scope: Scope, simulated: scope_api.Simulation
) -> None:
    frame = simulated.epochs.copy()
    frame.loc[frame["_id"] == frame["_id"].iloc[0], "catflags"] = 1
    short, empty = Path(f"short.{kind}"), Path(f"empty.{kind}")
    scope_api.write_table(short, frame.groupby("_id").head(9))
    scope_api.write_table(empty, frame.head(0))
    failed = scope("features", "--file", short, *QUICK, "--json")
    assert failed.code == 2 and failed.json["error"]["code"] == "invalid_input"
    assert "Error: No light curve can be used: 40 skipped." in failed.err
    assert "Too few epochs (40, for example" in failed.err and "9 flagged" in failed.err
    assert "--min-points" in failed.err and "listed in features.skipped.csv" in failed.err
    assert len(pd.read_csv("features.skipped.csv")) == 40
    failed = scope("features", "--file", empty, *QUICK)
    assert failed.code == 2 and "No light curves found." in failed.err
    assert "Hint: The input has no rows. Expected one row per epoch" in failed.err
    assert not Path("features.parquet").exists() and not list(Path().glob(".*.parts/*.parquet"))
    scope("features", "--file", short, *QUICK, "--min-points=1").succeeded()
    scope_api.write_table(short, frame.groupby("_id").head(5))
    done = digest("features.parquet"), digest("features.skipped.csv")
    failed = scope("features", "--file", short, *QUICK, "--force")
    assert failed.code == 2 and "skipped.csv" not in failed.err
    assert (digest("features.parquet"), digest("features.skipped.csv")) == done


def test_a_failure_is_named_and_does_not_stop_the_others(
    scope: Scope, light_curves: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute = light_curve.light_curve_features
    calls = []

    def faulty(*args: object) -> object:
        calls.append(args)
        if len(calls) == 3:
            raise ZeroDivisionError("by chance")
        return compute(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(batches, "light_curve_features", faulty)
    result = scope("features", "--file", light_curves, *QUICK, "--jobs=1")
    assert result.code == 1
    assert "ZeroDivisionError: by chance" in result.err and "1 failed" in result.err
    assert len(pd.read_parquet("features.parquet")) == 39
    assert pd.read_csv("features.skipped.csv")["status"].tolist() == ["failed"]


def test_options_change_the_epochs_and_the_columns(scope: Scope, light_curves: Path) -> None:
    def table(*options: str) -> pd.DataFrame:
        scope("features", "--file", light_curves, *QUICK, "--force", *options).succeeded()
        return pd.read_parquet("features.parquet")

    default = table()
    assert "period_ELS_ECE_EAOV" not in default and "agree_score" not in default
    assert "dmdt" not in table("--no-dmdt")
    listed = table("--top-n-periods=3")
    assert {"period_3_LS", "significance_3_LS"} <= set(listed) and "period_4_LS" not in listed
    assert (listed["period_1_LS"] == listed["period_LS"]).all()
    assert {"n_flares", "n_fast_flares", "drw_tau"} <= set(table("--doFlareDetection", "--doDRW"))
    early = table("--max-timestamp-hjd=2458700", "--min-points=2")
    assert (early["n"] < table("--min-points=2")["n"]).any()
    strict = table("--reject-outliers=sigma", "--min-points=2")
    assert (strict["n"] <= table("--reject-outliers=none", "--min-points=2")["n"]).all()
    dense = table("--min-cadence-minutes=0", "--min-points=2")
    assert dense["n"].sum() >= default["n"].sum()


def test_scope_ml_syntax_is_accepted(scope: Scope, light_curves: Path) -> None:
    scope(
        "generate-features", "--file", light_curves, "--doCPU", "--doRemoveTerrestrial",
        "--algorithms", "ls", "--max_freq", "2", "--samples_per_peak", "3", "--Ncore", "2",
        "--min_n_lc_points", "40", "--period_batch_size", "100",
    ).succeeded()  # fmt: skip
    assert len(pd.read_parquet("features.parquet")) == 40


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "Specify either --file, --ids, --positions or --field"),
        (("--file", "x.parquet", "--field", "1"), "Specify either"),
        (("--file", "absent.parquet"), "absent.parquet"),
        (("--file", "{file}", "--algorithms", "LS,FOO"), "FOO"),
        (("--file", "{file}", "--algorithms", "ELS"), "LS"),
        (
            ("--file", "{file}", "--fourier-convention", "raw"),
            "expected coefficients or amplitudes",
        ),
        (("--file", "{file}", "--reject-outliers", "x"), "Invalid outlier filter 'x'"),
        (("--file", "{file}", "--crossmatch", "tycho"), "expected one of allwise, gaia, ps1"),
        (("--file", "{file}", "--max-freq", "-1"), "max_frequency"),
        (("--file", "{file}", "--radius-arcsec", "0", "--alerts"), "radius"),
        (("--file", "{file}", "--out", "features.csv"), "Unsupported file extension"),
        (("--file", "{file}", "--alerts", "--catalogue", "local:absent"), "absent"),
    ],
)
def test_invalid_usage_is_one_short_error(
    scope: Scope, light_curves: Path, options: tuple[str, ...], words: str
) -> None:
    given = [option.replace("{file}", str(light_curves)) for option in options]
    result = scope("features", *given)
    assert result.code == 2 and words in result.err
    assert "Traceback" not in result.err and len(result.err.splitlines()) <= 3
    assert not list(Path().glob("features*"))


def test_epochs_without_flags_are_used_with_a_warning(
    scope: Scope, simulated: scope_api.Simulation
) -> None:
    simulated.epochs.drop(columns=["catflags", "ra", "dec", "filter"]).to_parquet("few.parquet")
    result = scope("features", "--file", "few.parquet", *QUICK).succeeded()
    assert "no column catflags" in result.err
    table = pd.read_parquet("features.parquet")
    assert len(table) == 40 and table["ra"].isna().all() and table["filter"].isna().all()


def test_one_identifier_in_two_filters_is_two_light_curves(
    scope: Scope, simulated: scope_api.Simulation
) -> None:
    frame = simulated.epochs.assign(_id=7)[:600]
    frame["filter"] = np.arange(len(frame)) % 2 + 1
    frame.to_parquet("one.parquet")
    scope("features", "--file", "one.parquet", *QUICK, "--min-cadence-minutes=0").succeeded()
    assert pd.read_parquet("features.parquet")[["_id", "filter"]].values.tolist() == [
        [7, 1],
        [7, 2],
    ]


def test_the_metadata_describe_the_computation(scope: Scope, light_curves: Path) -> None:
    scope("features", "--file", light_curves, *QUICK, "--fourier-convention=amplitudes").succeeded()
    about = json.loads(pq.read_schema("features.parquet").metadata[b"astrodome_features"])
    assert about["fourier_convention"] == "amplitudes"
    assert about["options"]["search"]["algorithms"] == ["LS"]
    assert {"astrodome-ztf-scope", "numpy"} <= set(about["versions"])
    table = pd.read_parquet("features.parquet")
    assert (table["f1_amp"] >= 0).all()
    assert json.loads(table.attrs["astrodome_features"]) == about


def test_the_python_functions_report_problems(simulated: scope_api.Simulation) -> None:
    said: list[str] = []
    options = {"algorithms": ("LS",), "max_frequency": 2.0, "min_points": 75}
    table = scope_api.compute_features(simulated.epochs, notify=said.append, **options)
    assert 0 < len(table) < 40 and len(table) + len(said) == 40
    assert said[0].startswith("No features for the light curve ") and "Too few epochs" in said[0]
    with pytest.raises(InvalidInputError, match="Unknown option 'colour'"):
        scope_api.compute_features(simulated.epochs, colour="red")
