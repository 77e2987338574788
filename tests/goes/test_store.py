"""The store stays whole and without duplicates, whoever writes to it and however it ends."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow.parquet as pq
import pytest
from astrodome_goes.archives.formats import read
from astrodome_goes.store.flux_store import Store
from astrodome_goes.store.samples import DTYPE

WRITER = """
import sys
from pathlib import Path
import numpy as np
from astrodome_goes.store.samples import DTYPE
from astrodome_goes.store.flux_store import Store
store, first, step = Store(Path(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3])
for minute in range(first, 40 * 60, step):
    samples = np.zeros(60, DTYPE)
    samples["timestamp"] = np.datetime64("2020-01-31T00:00:00") + minute * 60 + np.arange(60)
    samples["satellite"], samples["xrsb"] = 16, minute + 1
    store.merge(samples, [str(minute)])
    print(minute, flush=True)
"""
"""Merges minute after minute of 40 hours, across the end of a month."""


def everything(folder):
    parts = list(Store(folder).read())
    return np.concatenate(parts) if parts else np.empty(0, DTYPE)


def test_importing_again_or_in_another_order_changes_nothing(goes, xrs, day, tmp_path):
    files = [xrs("go1520110607.fits"), day("08/06/2011"), xrs("go1520120601.fits.gz")]
    goes("import", *files, "--store", tmp_path / "one", "--jobs", 1).succeeded()
    for path in [*files[::-1], files[0]]:
        goes("import", path, "--store", tmp_path / "two").succeeded()
    one, two = everything(tmp_path / "one"), everything(tmp_path / "two")
    assert one.tobytes() == two.tobytes()
    assert len(one) == sum(len(read(path)) for path in files)
    assert (np.diff(one["timestamp"]) > np.timedelta64(0)).all()


def test_a_month_that_does_not_change_is_not_written_again(goes, xrs, tmp_path):
    goes("import", xrs("go1520110607.fits"), "--store", tmp_path).succeeded()
    (path,) = tmp_path.rglob("*.parquet")
    before = path.stat()
    goes("import", xrs("go1520110607.fits"), "--store", tmp_path).succeeded()
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_later_files_are_found_by_the_next_look_up(goes, day, tmp_path):
    goes("import", day(), "--store", tmp_path).succeeded()
    at = ("get", "--store", tmp_path, "--timestamp", "2011-06-20T06:41")
    assert goes(*at).code == 1
    goes("import", day("20/06/2011"), "--store", tmp_path).succeeded()
    assert "M2.5" in goes(*at).succeeded().out


@pytest.mark.parametrize("order", [1, -1])
def test_the_highest_satellite_answers_for_a_minute_whichever_came_first(
    order, goes, day, tmp_path
):
    low, high = day(satellite=14, factor=3), day(satellite=15)
    for path in [low, high][::order]:
        goes("import", path, "--store", tmp_path / "store").succeeded()
    assert everything(tmp_path / "store").tobytes() == read(high).tobytes()


@pytest.mark.parametrize("order", [1, -1])
def test_a_lower_satellite_answers_while_the_higher_one_measures_nothing(
    order, goes, day, tmp_path
):
    low, blind = day(satellite=14), day(satellite=15, factor=-1)
    for path in [low, blind][::order]:
        goes("import", path, "--store", tmp_path / "store").succeeded()
    assert everything(tmp_path / "store").tobytes() == read(low).tobytes()


def test_units_and_origins_stand_in_the_files(day_store):
    (path,) = day_store.rglob("*.parquet")
    schema = pq.read_schema(path)
    assert schema.field("xrsb").metadata[b"unit"] == b"W m-2"
    assert str(schema.field("timestamp").type) == "timestamp[us, tz=UTC]"
    about = json.loads(schema.metadata[b"astrodome"])
    assert about["files"] == ["go1520110607.fits"]
    assert about["software"].startswith("astrodome-goes ")
    assert path.relative_to(day_store).parts == ("year=2011", "month=06", "xrs.parquet")


def test_two_processes_that_write_one_month_lose_and_double_nothing(tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writers = [
        subprocess.Popen([*command, str(first), "60"], stdout=subprocess.DEVNULL)
        for first in (0, 30)
    ]
    assert [writer.wait() for writer in writers] == [0, 0]
    times = everything(tmp_path)["timestamp"]
    assert len(times) == len(np.unique(times)) == 2 * 40 * 60


def test_a_killed_writer_leaves_every_month_whole(tmp_path, torture):
    for number in range(torture(2, 10)):
        folder = tmp_path / str(number)
        command = [sys.executable, "-c", WRITER, str(folder), "1410", "1"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None and writer.stdout.readline() == "1410\n"
            time.sleep(random.Random(number).uniform(0, 0.6))
            os.kill(writer.pid, signal.SIGKILL)
            reported = len(writer.stdout.readlines()) + 1
        kept = everything(folder)
        whole, rest = divmod(len(kept), 60)
        assert whole >= reported and rest == 0
        np.testing.assert_array_equal(kept["xrsb"], np.repeat(1411 + np.arange(whole), 60))
        Store(folder).merge(kept[:60], ["again"])
        assert not [*folder.rglob("*.part*")]
