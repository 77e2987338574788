"""`sdo goes get` and the flux source return the nearest good sample."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from astrodome import AstrodomeError
from astrodome_goes import Store
from astrodome_goes.source import GoesFlux
from astrodome_goes.store.lookup import nearest
from astrodome_goes.store.parquet import read_good_records
from astrodome_goes.store.sample_table import good, sample_table
from astrodome_solar.protocols import FluxSource
from pandas.testing import assert_frame_equal
from sunpy.timeseries import TimeSeries


@pytest.fixture
def fill(tmp_path):
    """Merge samples of GOES 16 at these times into a store; return the Parquet file."""

    def merge(times, flux=1e-6, quality=0):
        samples = sample_table(
            timestamp=np.asarray(times, "M8[us]"), xrsa=np.nan, xrsb=flux,
            xrsa_quality=None, xrsb_quality=quality, satellite=16, product="csv",
        )  # fmt: skip
        Store(tmp_path).merge(samples, ["made"])
        return next(tmp_path.rglob("*.parquet"))

    return merge


@pytest.fixture
def minutes(fill, tmp_path):
    """A store made of (time, flux, flag) rows of GOES 16."""

    def create(*rows):
        fill(*map(list, zip(*rows, strict=True)))
        return tmp_path

    return create


def test_get_as_in_the_manual_shows_flux_class_and_time_difference(goes, day_store):
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


def test_underscores_in_options_and_other_time_zones_give_the_same_result(goes, day_store):
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


def test_max_diff_limits_the_time_difference(goes, day_store):
    at = ("get", "--timestamp", "2011-06-08T00:01:00", "--store", day_store)
    assert goes(*at).code == 1
    assert goes(*at, "--max-diff", 90).code == 0


def test_invalid_arguments_exit_with_status_2_and_an_empty_store_with_1(goes, day_store, tmp_path):
    result = goes("get", "--timestamp", "yesterday", "--store", day_store)
    assert result.code == 2 and "Invalid time 'yesterday'" in result.err
    result = goes("get", "--timestamp", "2011-06-07", "--store", day_store, "--max-diff", "nan")
    assert result.code == 2 and "Invalid maximum time difference nan" in result.err
    result = goes("get", "--timestamp", "2011-06-07", "--store", tmp_path)
    assert result.code == 1 and f"{tmp_path} contains no data" in result.err
    assert "sdo goes import" in result.err


@pytest.mark.filterwarnings("ignore:The inplace keyword")
def test_flux_is_that_of_the_nearest_sample_in_a_real_file(xrs, day_store):
    series = TimeSeries(xrs("go1520110607.fits"), source="XRS").to_dataframe()["xrsb"]
    seconds = np.random.default_rng(0).uniform(0, 86400, 500)
    times = np.datetime64("2011-06-07") + (seconds * 1e6).astype("m8[us]")
    flux = GoesFlux(day_store).flux_at(times)
    stamps = series.index.to_numpy()
    for requested, found in zip(times, flux, strict=True):
        assert found == pytest.approx(series.iloc[np.abs(stamps - requested).argmin()])


def test_flux_is_nan_without_a_near_good_sample(day_store):
    flux = GoesFlux(day_store).flux_at([datetime(2011, 6, 7, 6, 41), datetime(1999, 1, 1)])
    assert flux.shape == (2,) and flux.dtype == np.float64
    assert flux[0] == pytest.approx(2.5418e-5) and np.isnan(flux[1])


def test_samples_with_flags_or_without_flux_are_not_used(minutes):
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
    samples, distance = nearest(Store(folder), times.astype("M8[us]"), 60)
    np.testing.assert_allclose(samples["xrsb"], [2e-6, 1e-6, 2e-6])
    np.testing.assert_allclose(distance, [15, 10, 5])


def test_of_two_samples_at_the_same_distance_the_earlier_one_is_taken(minutes):
    store = Store(minutes(("2020-01-01T00:00", 1e-6, 0), ("2020-01-01T00:01", 2e-6, 0)))
    times = ["2020-01-01T00:00:29.999999", "2020-01-01T00:00:30", "2020-01-01T00:00:30.000001"]
    samples, _ = nearest(store, np.array(times, "M8[us]"), 60)
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
        with pytest.raises(AstrodomeError, match="Invalid maximum time difference"):
            nearest(store, np.array(["2020-01-01"], "M8[us]"), wrong)


def test_the_source_for_other_plugins_reads_the_store_of_the_user(goes, xrs, monkeypatch, tmp_path):
    monkeypatch.setenv("ASTRODOME_HOME", str(tmp_path))
    goes("import", xrs("go1520110607.fits")).succeeded()
    source = GoesFlux()
    assert isinstance(source, FluxSource)
    assert source.flux_at(["2011-06-07T06:41"])[0] == pytest.approx(2.5418e-5)


@pytest.mark.parametrize("fault", ["short", "truncated", "zeros"])
def test_a_damaged_file_of_the_store_is_named(fault, day_store, tmp_path):
    whole = next(day_store.rglob("*.parquet")).read_bytes()
    middle = len(whole) // 2
    content = {
        "short": b"PAR1 but not really",
        "truncated": whole[:middle],
        "zeros": whole[: middle - 5000] + bytes(10_000) + whole[middle + 5000 :],
    }[fault]
    broken = tmp_path / "year=2011" / "month=06" / "xrs.parquet"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(content)
    with pytest.raises(
        AstrodomeError, match=r"month=06.xrs\.parquet is damaged or does not contain GOES samples"
    ):
        GoesFlux(tmp_path).flux_at(["2011-06-07T06:41"])


def test_a_lookup_does_not_import_pandas_or_sunpy(day_store):
    code = (
        "import sys\nfrom astrodome.app import main\n"
        "try: main('sdo', sys.argv[1:])\n"
        "finally: print(*{'pandas', 'sunpy', 'astropy', 'pydantic'} & set(sys.modules))"
    )
    args = ("goes", "get", "--timestamp", "2011-06-07T06:41", "--cache-dir", str(day_store))
    ran = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True)
    assert "M2.5" in ran.stdout, ran.stderr
    assert ran.stdout.splitlines()[-1] == ""


MONTH = np.datetime64("2020-01-01", "us") + np.arange(44640) * np.timedelta64(60, "s")


@pytest.mark.parametrize("step", [1, 7, 2_048_000, 60_000_001])
def test_lookups_use_every_good_sample(step, fill, stored, tmp_path):
    times = np.datetime64("2020-01-01T00:00:00.5", "us") + np.arange(3000) * step
    path = fill(times, quality=np.arange(3000) % 3)
    samples = read_good_records(path)
    kept = stored(tmp_path)
    kept = kept[good(kept)].reset_index(drop=True)
    names = ["timestamp", "xrsa", "xrsb", "satellite"]
    assert_frame_equal(pd.DataFrame(samples)[names], kept[names])
    assert (samples["xrsb_quality"] == 0).all()


def test_a_lookup_gives_the_nearest_sample_of_the_store(day_store, stored):
    kept = stored(day_store)["timestamp"].to_numpy()
    times = kept[::97] + np.timedelta64(300, "ms")
    samples, difference = nearest(Store(day_store), times, 60)
    nearest_times = kept[np.abs(kept[None] - times[:, None]).argmin(1)]
    np.testing.assert_array_equal(samples["timestamp"], nearest_times)
    assert difference.max() < 1 and (samples["xrsb_quality"] == -1).all()


def test_many_times_in_any_order_and_none_at_all(day_store):
    rng = np.random.default_rng(0)
    times = np.datetime64("2011-06-07", "us") + rng.integers(0, 86_400_000_000, 5000)
    times[::10] = np.datetime64("NaT")
    flux = GoesFlux(day_store).flux_at(times)
    assert np.isnan(flux[::10]).all() and np.isfinite(np.delete(flux, np.s_[::10])).all()
    order = rng.permutation(len(times))
    np.testing.assert_array_equal(GoesFlux(day_store).flux_at(times[order]), flux[order])
    assert GoesFlux(day_store).flux_at([]).shape == (0,)
