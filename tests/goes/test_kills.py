"""Interrupted and simultaneous commands: no partial months, nothing lost or duplicated."""

from __future__ import annotations

import random
import shutil
import time
from datetime import date, timedelta

import pytest
from astrodome_goes import Store
from astrodome_goes.store.parquet import read_month
from pandas.testing import assert_frame_equal
from services.goes import netcdf_day, noaa_path


@pytest.fixture
def files(tmp_path):
    """Forty days of GOES 15 as files of NOAA, in three months."""
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(40):
        day = date(2015, 5, 25) + timedelta(number)
        name = noaa_path(day, 15, "avg1m").rpartition("/")[2]
        (folder / name).write_bytes(netcdf_day(day, 15, "avg1m"))
    return folder


def test_a_killed_import_leaves_complete_months_and_the_next_run_completes_the_store(
    starter, files, stored, torture, tmp_path
):
    command = ("import", files, "--csv", "--store")
    starter.run(*command, tmp_path / "calm").succeeded()
    calm = stored(tmp_path / "calm")
    months = {
        path.parent.name: read_month(path) for path in Store(tmp_path / "calm").months().values()
    }
    assert len(months) == 3
    interrupted = 0
    for number in range(torture(3, 100)):
        folder = tmp_path / str(number)
        child = starter.start(*command, folder)
        limit = time.monotonic() + 60
        while len(Store(folder).months()) < number % 3 and time.monotonic() < limit:
            time.sleep(0.001)
        time.sleep(random.Random(number).choice([0, 0.01, 0.05]))
        starter.kill(child)
        interrupted += starter.wait(child).code == -9
        for path in Store(folder).months().values():
            assert_frame_equal(read_month(path), months[path.parent.name])
        starter.run(*command, folder).succeeded()
        assert_frame_equal(stored(folder), calm)
        assert not [*folder.rglob("month=*/*.part*")]
        shutil.rmtree(folder)
    assert interrupted


def test_four_processes_that_import_into_one_store_lose_and_duplicate_nothing(
    starter, files, stored, tmp_path
):
    paths = sorted(files.iterdir())
    shares = [paths[0:20], paths[10:30], paths[20:40], [*paths[30:], *paths[:10]]]
    children = [
        starter.start("import", *share, "--store", tmp_path / "store", "--jobs", 1)
        for share in shares
    ]
    for child in children:
        starter.wait(child).succeeded()
    times = stored(tmp_path / "store")["timestamp"]
    assert len(times) == times.nunique() == 40 * 51
    store = Store(tmp_path / "store")
    known = set().union(*map(store.source_files, store.months()))
    assert known == {path.name for path in paths}
