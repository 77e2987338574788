"""The store stays valid and without duplicates, also with several writers and after a kill."""

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
from astrodome_goes import Store
from astrodome_goes.archives.formats import read_file
from pandas.testing import assert_frame_equal

WRITER = """
import sys
import numpy as np
import pandas as pd
from astrodome_goes import Store
from astrodome_goes.store.sample_table import sample_table
store, first, step = Store(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
for minute in range(first, 40 * 60, step):
    times = np.datetime64("2020-01-31T00:00:00") + minute * 60 + np.arange(60)
    samples = sample_table(
        timestamp=times, xrsa=np.nan, xrsb=(minute + 1) * 1e-7, xrsa_quality=0, xrsb_quality=0,
        satellite=16, product="csv",
    )
    store.merge(samples, [str(minute)])
    print(minute, flush=True)
"""
"""Merge the minutes of 40 hours one after the other, across the end of a month."""


def test_importing_again_or_in_another_order_changes_nothing(goes, xrs, day, stored, tmp_path):
    files = [xrs("go1520110607.fits"), day("08/06/2011"), xrs("go1520120601.fits.gz")]
    goes("import", *files, "--store", tmp_path / "one", "--jobs", 1).succeeded()
    for path in [*files[::-1], files[0]]:
        goes("import", path, "--store", tmp_path / "two").succeeded()
    one, two = stored(tmp_path / "one"), stored(tmp_path / "two")
    assert_frame_equal(one, two)
    assert len(one) == sum(len(read_file(path)) for path in files)
    assert one["timestamp"].is_monotonic_increasing and one["timestamp"].is_unique


def test_a_month_that_does_not_change_is_not_written_again(goes, xrs, tmp_path):
    goes("import", xrs("go1520110607.fits"), "--store", tmp_path).succeeded()
    (path,) = tmp_path.rglob("*.parquet")
    before = path.stat()
    goes("import", xrs("go1520110607.fits"), "--store", tmp_path).succeeded()
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_later_files_are_found_by_the_next_lookup(goes, day, tmp_path):
    goes("import", day(), "--store", tmp_path).succeeded()
    at = ("get", "--store", tmp_path, "--timestamp", "2011-06-20T06:41")
    assert goes(*at).code == 1
    goes("import", day("20/06/2011"), "--store", tmp_path).succeeded()
    assert "M2.5" in goes(*at).succeeded().out


@pytest.mark.parametrize("order", [1, -1])
def test_the_highest_satellite_is_kept_for_a_minute_in_any_order_of_import(
    order, goes, day, stored, tmp_path
):
    low, high = day(satellite=14, factor=3), day(satellite=15)
    for path in [low, high][::order]:
        goes("import", path, "--store", tmp_path / "store").succeeded()
    assert_frame_equal(stored(tmp_path / "store"), read_file(high))


@pytest.mark.parametrize("order", [1, -1])
def test_a_lower_satellite_is_kept_while_the_higher_one_has_no_good_sample(
    order, goes, day, stored, tmp_path
):
    low, blind = day(satellite=14), day(satellite=15, factor=-1)
    for path in [low, blind][::order]:
        goes("import", path, "--store", tmp_path / "store").succeeded()
    assert_frame_equal(stored(tmp_path / "store"), read_file(low))


def test_the_files_contain_units_and_source_files(day_store):
    (path,) = day_store.rglob("*.parquet")
    schema = pq.read_schema(path)
    assert schema.field("xrsb").metadata[b"unit"] == b"W m-2"
    assert str(schema.field("timestamp").type) == "timestamp[us, tz=UTC]"
    about = json.loads(schema.metadata[b"astrodome"])
    assert about["files"] == ["go1520110607.fits"]
    assert about["software"].startswith("astrodome-goes ")
    assert path.relative_to(day_store).parts == ("year=2011", "month=06", "xrs.parquet")


def test_two_processes_that_write_one_month_lose_and_duplicate_nothing(stored, tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writers = [
        subprocess.Popen([*command, str(first), "60"], stdout=subprocess.DEVNULL)
        for first in (0, 30)
    ]
    assert [writer.wait() for writer in writers] == [0, 0]
    times = stored(tmp_path)["timestamp"]
    assert len(times) == times.nunique() == 2 * 40 * 60


def test_a_killed_writer_leaves_valid_files(stored, tmp_path, torture):
    for number in range(torture(2, 10)):
        folder = tmp_path / str(number)
        command = [sys.executable, "-c", WRITER, str(folder), "1410", "1"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None and writer.stdout.readline() == "1410\n"
            time.sleep(random.Random(number).uniform(0, 0.6))
            os.kill(writer.pid, signal.SIGKILL)
            reported = len(writer.stdout.readlines()) + 1
        kept = stored(folder)
        whole, rest = divmod(len(kept), 60)
        assert whole >= reported and rest == 0
        minutes = np.repeat(1411 + np.arange(whole), 60)
        np.testing.assert_allclose(kept["xrsb"], minutes * 1e-7, rtol=1e-6)
        Store(folder).merge(kept[:60], ["again"])
        assert not [*folder.rglob("*.part*")]
