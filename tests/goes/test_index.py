"""The derived index: small, never stale, and not needed."""

from __future__ import annotations

import numpy as np
import pytest
from astrodome_goes.source import GoesFlux
from astrodome_goes.store import lookup_index
from astrodome_goes.store.flux_store import Store
from astrodome_goes.store.lookup import nearest
from astrodome_goes.store.samples import DTYPE, good


@pytest.fixture
def fill(tmp_path):
    """Merge samples of GOES 16 at these times into a store; returns the Parquet file."""

    def made(times, flux=1e-6):
        samples = np.zeros(len(times), DTYPE)
        samples["timestamp"], samples["xrsb"], samples["satellite"] = times, flux, 16
        Store(tmp_path).merge(samples, ["made"])
        return next(tmp_path.rglob("*.parquet"))

    return made


MONTH = np.datetime64("2020-01-01", "us") + np.arange(44640) * np.timedelta64(60, "s")


def test_a_month_of_minutes_takes_eleven_bytes_a_sample(fill):
    path = fill(MONTH)
    assert path.with_name(".lookup").stat().st_size < 12 * len(MONTH)
    assert lookup_index.opened(path).counts.dtype == np.uint16


@pytest.mark.parametrize("step", [1, 7, 2_048_000, 60_000_001])
def test_every_good_sample_comes_back_whatever_the_spacing(step, fill):
    path = fill(np.datetime64("2020-01-01T00:00:00.5", "us") + np.arange(3000) * step)
    (kept,) = Store(path.parents[2]).read()
    found = lookup_index.opened(path)
    assert found.samples(np.arange(len(found))).tobytes() == kept[good(kept)].tobytes()


def test_the_index_of_a_real_day_answers_as_the_store_does(day_store):
    (kept,) = [part for part in Store(day_store).read() if len(part) > 9]
    found = lookup_index.opened(next(day_store.rglob("*.parquet")))
    times = kept["timestamp"][::97] + np.timedelta64(300, "ms")
    samples, distance = nearest(Store(day_store), times)
    brute = np.abs(kept["timestamp"][None] - times[:, None]).argmin(1)
    assert samples.tobytes() == kept[brute].tobytes()
    assert distance.max() < 1 and len(found) == len(kept)


@pytest.mark.parametrize("harm", ["gone", "older", "cut", "noise", "empty", "foreign"])
def test_an_index_that_is_stale_or_broken_is_made_anew(harm, fill):
    path = fill(MONTH, 1e-6)
    beside = path.with_name(".lookup")
    older = beside.read_bytes()
    fill(MONTH[:10], 5e-6)
    fresh = beside.read_bytes()
    if harm == "gone":
        beside.unlink()
    else:
        beside.write_bytes(
            {
                "older": older,
                "cut": fresh[: len(fresh) // 2],
                "noise": bytes(range(256)) * 9,
                "empty": b"",
                "foreign": b'{"version": 1}\n',
            }[harm]
        )
    flux = GoesFlux(path.parents[2]).flux_at(MONTH[[0, 20]])
    np.testing.assert_allclose(flux, [5e-6, 1e-6], rtol=1e-6)
    assert beside.read_bytes() == fresh


def test_a_store_that_cannot_be_written_is_searched_all_the_same(fill, tmp_path):
    path = fill(MONTH)
    path.with_name(".lookup").unlink()
    path.with_name(".lookup").mkdir()  # nobody, not even root, can write a file there
    (path.with_name(".lookup") / "x").touch()
    assert GoesFlux(tmp_path).flux_at(MONTH[:1])[0] == pytest.approx(1e-6)


def test_other_tools_read_the_store_without_seeing_the_index(day_store):
    import pandas as pd

    frame = pd.read_parquet(day_store)
    assert {"timestamp", "xrsb", "year", "month"} <= set(frame.columns) and len(frame) > 40_000


def test_many_times_in_any_order_and_none_at_all(day_store):
    rng = np.random.default_rng(0)
    times = np.datetime64("2011-06-07", "us") + rng.integers(0, 86_400_000_000, 5000)
    times[::10] = np.datetime64("NaT")
    flux = GoesFlux(day_store).flux_at(times)
    assert np.isnan(flux[::10]).all() and np.isfinite(np.delete(flux, np.s_[::10])).all()
    order = rng.permutation(len(times))
    np.testing.assert_array_equal(GoesFlux(day_store).flux_at(times[order]), flux[order])
    assert GoesFlux(day_store).flux_at([]).shape == (0,)


def test_an_index_is_left_alone_while_its_month_stays(day_store):
    path = next(day_store.rglob(".lookup"))
    before = path.stat().st_mtime_ns
    GoesFlux(day_store).flux_at(["2011-06-07T06:41"])
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize("left", ["nothing", "an older index"])
def test_the_same_import_writes_an_index_that_a_killed_run_did_not_write(left, goes, xrs, tmp_path):
    command = ("import", xrs("sci_xrsf-l2-avg1m_g16_d20210101_truncated.nc"), "--store", tmp_path)
    goes(*command).succeeded()
    beside = next(tmp_path.rglob(".lookup"))
    whole = beside.read_bytes()
    if left == "nothing":
        beside.unlink()
    else:
        beside.write_bytes(whole.replace(b'"of": [', b'"of": [1', 1))
    goes(*command).succeeded()
    assert beside.read_bytes() == whole
