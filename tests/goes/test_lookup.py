"""`sdo goes get` and the flux source answer with the nearest good sample."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime

import numpy as np
import pytest
from astrodome import AstrodomeError
from astrodome_goes.source import GoesFlux
from astrodome_goes.store.flux_store import Store
from astrodome_goes.store.lookup import nearest
from astrodome_goes.store.samples import DTYPE
from astrodome_solar.protocols import FluxSource
from sunpy.timeseries import TimeSeries


@pytest.fixture
def minutes(tmp_path):
    """A store made of (time, flux, flag) rows of GOES 16."""

    def fill(*rows):
        samples = np.zeros(len(rows), DTYPE)
        samples["timestamp"] = np.array([time for time, _, _ in rows], "M8[us]")
        samples["xrsb"] = [flux for _, flux, _ in rows]
        samples["xrsb_quality"] = [flag for _, _, flag in rows]
        samples["satellite"] = 16
        Store(tmp_path).merge(samples, ["made"])
        return tmp_path

    return fill


def test_get_as_the_manual_writes_it_shows_flux_class_and_distance(goes, day_store):
    (row,) = (
        goes("get", "--timestamp=2011-06-07T06:41:00", f"--cache-dir={day_store}", "--json")
        .succeeded()
        .json
    )
    assert row["class"] == "M2.5"
    assert row["xrsb_W_m2"] == pytest.approx(2.5418e-5, rel=1e-6)
    assert row["time"] == "2011-06-07T06:40:59.545000"
    assert row["distance_s"] == pytest.approx(0.455)
    assert (row["satellite"], row["quality"], row["product"]) == (15, None, "fits")


def test_underscores_in_options_and_other_time_zones_mean_the_same(goes, day_store):
    plain = goes("get", "--timestamp", "2011-06-07T06:41:00", "--cache-dir", day_store).out
    other = goes("get", "--timestamp", "2011-06-07T08:41:00+02:00", "--cache_dir", day_store).out
    assert plain == other and "M2.5" in plain


def test_a_time_without_a_near_sample_is_named_and_the_others_are_shown(goes, day_store):
    result = goes(
        *("get", "--timestamp", "2011-06-09T00:00:00", "--timestamp", "2011-06-07"),
        *("--cache-dir", day_store, "--json"),
    )
    assert result.code == 1
    assert [row["timestamp"] for row in result.json] == ["2011-06-07T00:00:00"]
    assert "2011-06-09T00:00:00: no good sample within 60 s" in result.err


def test_max_diff_says_how_far_a_sample_may_be(goes, day_store):
    at = ("get", "--timestamp", "2011-06-08T00:01:00", "--store", day_store)
    assert goes(*at).code == 1
    assert goes(*at, "--max-diff", 90).code == 0


def test_wrong_usage_leaves_with_2_and_an_empty_store_with_1(goes, day_store, tmp_path):
    result = goes("get", "--timestamp", "yesterday", "--store", day_store)
    assert result.code == 2 and "Invalid time 'yesterday'" in result.err
    result = goes("get", "--timestamp", "2011-06-07", "--store", day_store, "--max-diff", "nan")
    assert result.code == 2 and "nan s away" in result.err
    result = goes("get", "--timestamp", "2011-06-07", "--store", tmp_path)
    assert result.code == 1 and f"no GOES data in {tmp_path}" in result.err
    assert "sdo goes import" in result.err


@pytest.mark.filterwarnings("ignore:The inplace keyword")
def test_flux_is_that_of_the_nearest_real_sample_for_any_times(xrs, day_store):
    series = TimeSeries(xrs("go1520110607.fits"), source="XRS").to_dataframe()["xrsb"]
    seconds = np.random.default_rng(0).uniform(0, 86400, 500)
    times = np.datetime64("2011-06-07") + (seconds * 1e6).astype("m8[us]")
    flux = GoesFlux(day_store).flux_at(times)
    stamps = series.index.to_numpy()
    for time, found in zip(times, flux, strict=True):
        assert found == pytest.approx(series.iloc[np.abs(stamps - time).argmin()])


def test_flux_is_nan_where_nothing_good_is_near_and_times_may_be_datetimes(day_store):
    flux = GoesFlux(day_store).flux_at([datetime(2011, 6, 7, 6, 41), datetime(1999, 1, 1)])
    assert flux.shape == (2,) and flux.dtype == np.float64
    assert flux[0] == pytest.approx(2.5418e-5) and np.isnan(flux[1])


def test_samples_with_flags_or_without_flux_are_passed_over(minutes):
    folder = minutes(
        ("2020-01-01T00:00", 1e-6, 0),
        ("2020-01-01T00:01", 9e-4, 2),
        ("2020-01-01T00:02", np.nan, 0),
        ("2020-01-01T00:03", -1e-9, 0),
    )
    flux = GoesFlux(folder, max_diff=60).flux_at(
        np.array(["2020-01-01T00:01", "2020-01-01T00:02", "2020-01-01T00:03"], "M8[us]")
    )
    np.testing.assert_array_equal(flux[1:], [np.nan, np.nan])
    assert flux[0] == pytest.approx(1e-6)


def test_the_nearest_sample_may_lie_in_the_next_month(minutes):
    folder = minutes(("2020-01-31T23:59:10", 1e-6, 0), ("2020-02-01T00:00:05", 2e-6, 0))
    times = np.array(["2020-01-31T23:59:50", "2020-01-31T23:59:20", "2020-02-01T00:00:00"])
    samples, distance = nearest(Store(folder), times.astype("M8[us]"))
    np.testing.assert_allclose(samples["xrsb"], [2e-6, 1e-6, 2e-6])
    np.testing.assert_allclose(distance, [15, 10, 5])


def test_of_two_samples_at_the_same_distance_the_earlier_one_is_taken(minutes):
    store = Store(minutes(("2020-01-01T00:00", 1e-6, 0), ("2020-01-01T00:01", 2e-6, 0)))
    times = ["2020-01-01T00:00:29.999999", "2020-01-01T00:00:30", "2020-01-01T00:00:30.000001"]
    samples, _ = nearest(store, np.array(times, "M8[us]"))
    np.testing.assert_allclose(samples["xrsb"], [1e-6, 1e-6, 2e-6])


def test_a_sample_exactly_at_the_largest_distance_is_taken(minutes):
    store = Store(minutes(("2020-01-01T00:00", 1e-6, 0)))
    times = ["2019-12-31T23:59:00", "2020-01-01T00:01:00"]
    outside = ["2019-12-31T23:58:59.999999", "2020-01-01T00:01:00.000001"]
    _, distance = nearest(store, np.array([*times, *outside], "M8[us]"), 60)
    assert distance[:2].tolist() == [60, 60] and np.isinf(distance[2:]).all()
    assert nearest(store, np.array(["2020-01-01"], "M8[us]"), 0)[1].tolist() == [0]
    assert nearest(store, np.array(["2020-01-01"], "M8[us]"), 86400)[1].tolist() == [0]
    for wrong in (-0.001, 86400.001):
        with pytest.raises(AstrodomeError, match="does not answer"):
            nearest(store, np.array(["2020-01-01"], "M8[us]"), wrong)


def test_other_plugins_get_the_flux_of_the_users_store(goes, xrs, monkeypatch, tmp_path):
    monkeypatch.setenv("ASTRODOME_HOME", str(tmp_path))
    goes("import", xrs("go1520110607.fits")).succeeded()
    source = GoesFlux()
    assert isinstance(source, FluxSource)
    assert source.flux_at(["2011-06-07T06:41"])[0] == pytest.approx(2.5418e-5)


@pytest.mark.parametrize("fault", ["short", "cut", "noise"])
def test_a_broken_file_of_the_store_is_named(fault, day_store, tmp_path):
    whole = next(day_store.rglob("*.parquet")).read_bytes()
    middle = len(whole) // 2
    content = {
        "short": b"PAR1 but not really",
        "cut": whole[:middle],
        "noise": whole[: middle - 5000] + bytes(10_000) + whole[middle + 5000 :],
    }[fault]
    broken = tmp_path / "year=2011" / "month=06" / "xrs.parquet"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(content)
    with pytest.raises(AstrodomeError, match=r"month=06.xrs\.parquet is not a file of the GOES"):
        GoesFlux(tmp_path).flux_at(["2011-06-07T06:41"])


def test_a_look_up_imports_numpy_and_nothing_heavier(day_store):
    code = (
        "import sys\nfrom astrodome.app import main\n"
        "try: main('sdo', sys.argv[1:])\n"
        "finally: print(*{'pandas', 'pyarrow', 'sunpy', 'astropy', 'pydantic'} & set(sys.modules))"
    )
    args = ("goes", "get", "--timestamp", "2011-06-07T06:41", "--cache-dir", str(day_store))
    ran = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True)
    assert "M2.5" in ran.stdout, ran.stderr
    assert ran.stdout.splitlines()[-1] == ""
