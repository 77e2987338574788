"""`sdo goes download` from a fake server for the archives, with and without faults."""

from __future__ import annotations

import io
import os
import random
import re
import signal
import threading
import time
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import h5py
import numpy as np
import pytest
from astrodome_goes import Store
from astrodome_goes.archives.formats import read_file
from astrodome_goes.source import GoesFlux
from astrodome_goes.store.parquet import read_month
from pandas.testing import assert_frame_equal
from services.goes import REAL, flare_day, noaa_path
from sunpy.data.test import get_test_filepath

DAY = timedelta(days=1)
AVG1M = "xrsf-l2-avg1m_science"


def publish(archives, first, days, satellite=15, product="avg1m"):
    for number in range(days):
        archives.add(first + number * DAY, satellite, product)


def days_in(samples):
    return sorted(samples["timestamp"].dt.strftime("%Y-%m-%d").unique())


def span(first, last, folder):
    """Return the arguments of a command that downloads these days."""
    return "download", "--start", first, "--end", last, "--output", folder


def requested(archives, words):
    return [request.path for request in archives.requests if words in request.path]


@pytest.fixture
def goes(starter):
    """Run ``sdo goes …`` in a separate process, like a user."""
    return starter.run


@pytest.fixture
def week(archives):
    """Data of GOES 15 from 2015-05-29 to 2015-06-04, across the end of a month."""
    publish(archives, date(2015, 5, 29), 7)
    return ("download", "--start", "2015-05-29", "--end", "2015-06-04")


def test_the_commands_in_the_manual_of_sdo_cli_work_unchanged(
    goes, archives, stored, tmp_path, monkeypatch, torture
):
    """With ASTRODOME_TORTURE all eleven years, otherwise one day of each of three months."""
    monkeypatch.chdir(tmp_path)
    every = torture(0, 1)
    first, last = ("2010-01-01", "2020-12-31") if every else ("2015-05-01", "2015-07-31")
    day = date.fromisoformat(first)
    while day <= date.fromisoformat(last):
        if every or day.day == 1:
            publish(archives, day, 1, 15 if day < date(2017, 2, 7) else 16)
        day += DAY
    archives.files[noaa_path(date(2015, 6, 1), 15, "avg1m")] = flare_day_at(date(2015, 6, 1))
    times = (f"--start={first}T00:00:00", f"--end={last}T23:59:59")
    loaded = goes("download", *times, "--output=./tmp/goes").succeeded()
    assert f"{132 if every else 3} months downloaded." in loaded.err
    assert ("archives for 2015-05-02" in loaded.err) == (not every)
    found = goes("get", "--timestamp=2015-06-01T02:20:00", "--cache-dir=./tmp/goes").succeeded()
    assert "B1.7" in found.out
    days = days_in(stored(Path("tmp/goes")))
    assert len(days) == (4018 if every else 3)


def flare_day_at(day):
    """Return the real day with a flare, with another date."""
    content = io.BytesIO(flare_day())
    with h5py.File(content, "r+") as file:
        file["time"][:] += (day - date(2011, 6, 7)).days * 86400.0
    return content.getvalue()


def test_the_largest_flare_of_a_downloaded_2011_06_07_is_the_m2_5_at_06_41(
    goes, archives, tmp_path
):
    archives.files[noaa_path(date(2011, 6, 7), 15, "avg1m")] = flare_day()
    goes(*span("2011-06-07", "2011-06-07", tmp_path)).succeeded()
    (flare,) = goes("flares", "--limit", 1, "--json", "--store", tmp_path).succeeded().json
    assert (flare["peak"], flare["class"]) == ("2011-06-07T06:41:00", "M2.5")


def test_every_real_file_of_noaa_is_stored_unchanged(goes, archives, stored, tmp_path):
    for name in REAL[2:]:
        product, satellite, day = re.search(r"-l2-(\w+)_g(\d\d)_d(\d{8})", name).groups()
        satellite, day = int(satellite), date.fromisoformat(day)
        path = noaa_path(day, satellite, product)
        archives.files[path] = Path(get_test_filepath(name)).read_bytes()
        resolution = "1m" if product == "avg1m" else "1s"
        store = tmp_path / name
        goes(
            *("download", "--start", day, "--end", day, "--resolution", resolution),
            *("--satellite", satellite, "--output", store),
        ).succeeded()
        samples = read_file(Path(get_test_filepath(name)), satellite)
        np.testing.assert_array_equal(stored(store)["xrsb"], samples["xrsb"])
        assert set(stored(store)["product"]) == {name.split("_")[1]}


def test_the_last_day_is_included_and_no_other_day(goes, archives, stored, tmp_path):
    publish(archives, date(2012, 2, 25), 8)
    goes(
        *("download", "--start", "2012-02-27T00:00:00", "--end", "2012-02-29T00:00:00"),
        *("--output", tmp_path),
    ).succeeded()
    days = days_in(stored(tmp_path))
    assert days == ["2012-02-27", "2012-02-28", "2012-02-29"]


def test_only_the_highest_satellite_of_each_day_is_downloaded(goes, archives, stored, tmp_path):
    publish(archives, date(2019, 1, 1), 3, 15)
    publish(archives, date(2019, 1, 2), 2, 16)
    publish(archives, date(2019, 1, 3), 1, 17)
    goes(*span("2019-01-01", "2019-01-03", tmp_path)).succeeded()
    fetched = [name.rpartition("_g")[2][:2] for name in requested(archives, ".nc")]
    assert sorted(fetched) == ["15", "16", "17"]
    assert Counter(stored(tmp_path)["satellite"].tolist()).keys() == {15, 16, 17}


def test_one_satellite_can_be_selected_in_every_archive(goes, archives, stored, tmp_path):
    publish(archives, date(2020, 3, 2), 6, 16)
    publish(archives, date(2020, 3, 2), 3, 15)
    get = ("download", "--start", "2020-03-02", "--end", "2020-03-06", "--json")
    found = goes(*get, "--satellite", "GOES-15", "--output", tmp_path / "old").succeeded().json
    assert found["days_without_file"] == ["2020-03-05", "2020-03-06"]
    assert set(stored(tmp_path / "old")["satellite"].tolist()) == {15}
    goes(*get, "--satellite", "16", "--output", tmp_path / "new").succeeded()
    assert set(stored(tmp_path / "new")["satellite"].tolist()) == {16}


@pytest.mark.parametrize(
    ("day", "earlier", "later"),
    [
        ("2017-02-06", True, False),
        ("2017-02-07", True, True),
        ("2020-03-04", True, True),
        ("2020-03-05", False, True),
    ],
)
def test_only_satellites_that_observed_on_the_day_are_requested(
    day, earlier, later, goes, archives, tmp_path
):
    goes(*span(day, day, tmp_path))
    assert bool(requested(archives, "/goes15/")) == earlier
    assert bool(requested(archives, "/goes16/")) == later


def test_data_before_march_2001_come_from_the_archive_of_nasa(goes, archives, stored, tmp_path):
    archives.add(date(1986, 1, 1), 6, "fits")
    archives.add(date(2001, 2, 28), 8, "fits")
    archives.add(date(2001, 2, 28), 10, "fits")
    archives.add(date(2001, 3, 1), 8)
    goes(*span("1986-01-01", "1986-01-01", tmp_path)).succeeded()
    goes(*span("2001-02-28", "2001-03-01", tmp_path)).succeeded()
    kept = stored(tmp_path)
    assert sorted(set(kept["satellite"].tolist())) == [6, 8, 10]
    assert str(kept["timestamp"].iloc[-1])[:10] == "2001-03-01"


def test_the_same_command_again_downloads_only_missing_files(
    goes, archives, week, stored, tmp_path
):
    goes(*week, "--output", tmp_path).succeeded()
    before = stored(tmp_path)
    archives.requests.clear()
    result = goes(*week, "--output", tmp_path, "--json").succeeded()
    assert not requested(archives, ".nc") and result.json["skipped"] == 2
    publish(archives, date(2015, 6, 5), 1)
    goes(*week[:-1], "2015-06-05", "--output", tmp_path).succeeded()
    assert len(requested(archives, ".nc")) == 1
    assert len(stored(tmp_path)) > len(before)


def test_a_new_version_of_a_file_is_downloaded(goes, archives, week, tmp_path):
    goes(*week, "--output", tmp_path).succeeded()
    path = noaa_path(date(2015, 6, 2), 15, "avg1m")
    fresh = path.replace("v1-0-0", "v1-0-10")
    archives.files[fresh] = archives.files[path]
    archives.files[path.replace("v1-0-0", "v1-0-9")] = b"an older version"
    archives.requests.clear()
    goes(*week, "--output", tmp_path).succeeded()
    assert requested(archives, ".nc") == [fresh]


FAULTS = ("429 after 1", "500", "503", "cut", "html", "reset", "never")
PAGE_FAULTS = ("429 after 1", "503", "reset")


def test_temporary_faults_do_not_change_the_result(goes, archives, stored, tmp_path):
    publish(archives, date(2015, 5, 24), 8 + 1)
    goes(*span("2015-05-24", "2015-06-01", tmp_path / "calm")).succeeded()
    for number, fault in enumerate(FAULTS):
        archives.faults_at(f"d201505{24 + number}", fault)
    archives.faults_at(f"{AVG1M}/2015/06/", *PAGE_FAULTS[:2])
    archives.faults_at(f"{AVG1M}/2015/05/", *PAGE_FAULTS[2:])
    goes(*span("2015-05-24", "2015-06-01", tmp_path / "faults")).succeeded()
    assert not any(archives.at.values())
    assert_frame_equal(stored(tmp_path / "faults"), stored(tmp_path / "calm"))


PERMANENT_FAULTS = {
    "429 after 0": "returned 429",
    "500": "returned 500",
    "html": "is a web page instead of a data file",
    "cut": "failed during the transfer of",
    "never": "did not respond at",
}


def test_an_incomplete_month_is_named_and_the_other_files_are_stored(
    goes, archives, stored, tmp_path
):
    publish(archives, date(2015, 5, 25), 8)
    command = span("2015-05-25", "2015-06-01", tmp_path)
    bad = {f"201505{25 + number}": fault for number, fault in enumerate(PERMANENT_FAULTS)}
    for day, fault in bad.items():
        archives.faults_at(f"d{day}", *[fault] * 30)
    result = goes(*command, "--json")
    assert result.code == 1 and "Traceback" not in result.err
    assert result.json["done"] == 1
    (failed,) = result.json["failed"]
    assert failed["name"] == "2015-05"
    assert "5 of 7 files could not be downloaded" in failed["reason"]
    for day, fault in bad.items():
        reason = failed["reason"].partition(f"d{day}_v1-0-0.nc: ")[2]
        assert PERMANENT_FAULTS[fault] in reason.partition(";")[0], failed["reason"]
    assert len(days_in(stored(tmp_path))) == 3

    archives.at.clear()
    archives.requests.clear()
    goes(*command).succeeded()
    assert sorted(Path(path).name[23:31] for path in requested(archives, ".nc")) == sorted(bad)
    assert len(days_in(stored(tmp_path))) == 8


def test_a_month_fails_without_its_directory_page(goes, archives, tmp_path):
    for month in (3, 4, 5, 6):
        publish(archives, date(2015, month, 1), 1)
    faults = {"2015-03": "500", "2015-04": "html", "2015-05": "never"}
    for month, fault in faults.items():
        archives.faults_at(f"{AVG1M}/{month.replace('-', '/')}/", *[fault] * 30)
    result = goes(*span("2015-03-01", "2015-06-01", tmp_path), "--json")
    assert result.code == 1 and result.json["done"] == 1
    assert [failed["name"] for failed in result.json["failed"]] == list(faults)
    assert all("The GOES archive" in f["reason"] for f in result.json["failed"])
    archives.at.clear()
    again = goes(*span("2015-03-01", "2015-06-01", tmp_path), "--json").succeeded()
    assert (again.json["done"], again.json["skipped"]) == (3, 1)


def test_the_download_stops_after_some_months_without_a_response(goes, tmp_path, monkeypatch):
    for root in ("NASA", "NOAA", "NGDC"):
        monkeypatch.setenv(f"ASTRODOME_GOES_URL_{root}", "http://127.0.0.1:1")
    result = goes(*span("1999-01-01", "1999-06-30", tmp_path), "--json")
    reasons = [failed["reason"] for failed in result.json["failed"]]
    assert result.code == 1 and len(reasons) == 6
    assert all("did not respond at http://127.0.0.1:1/goes/fits" in why for why in reasons[:4])
    assert set(reasons[4:]) == {"skipped because the previous 4 months failed"}


def test_a_month_without_files_is_named(goes, archives, week, tmp_path):
    result = goes(*span("2014-02-01", "2014-02-02", tmp_path))
    assert (
        result.code == 1 and "2014-02: the archives contain no files for this month" in result.err
    )


@pytest.mark.parametrize(("last", "more"), [(6, ""), (7, " and 1 more"), (8, " and 2 more")])
def test_the_first_five_days_without_a_file_are_named(goes, archives, tmp_path, last, more):
    publish(archives, date(2015, 6, 1), 1)
    result = goes(*span("2015-06-01", f"2015-06-{last:02}", tmp_path)).succeeded()
    named = ", ".join(f"2015-06-{day:02}" for day in range(2, 7))
    assert f"No files found in the archives for {named}{more}.\n" in result.err


def test_incomplete_files_of_a_killed_run_are_downloaded_again(
    goes, archives, week, stored, tmp_path
):
    name = Path(noaa_path(date(2015, 5, 29), 15, "avg1m")).name
    left = tmp_path / ".files" / "2015-05"
    left.mkdir(parents=True)
    whole = archives.files[noaa_path(date(2015, 5, 29), 15, "avg1m")]
    (left / name).write_bytes(whole[: len(whole) // 2])
    kept = noaa_path(date(2015, 5, 30), 15, "avg1m")
    (left / Path(kept).name).write_bytes(archives.files[kept])
    goes(*week, "--output", tmp_path).succeeded()
    assert len(requested(archives, name)) == 1 and not requested(archives, Path(kept).name)
    assert len(days_in(stored(tmp_path))) == 7
    assert not left.exists()


def test_invalid_arguments_exit_with_status_2(goes, archives, tmp_path):
    for wrong, words in (
        (("--satellite", "best"), "Invalid satellite 'best'"),
        (("--resolution", "5m"), "Invalid resolution '5m'"),
        (("--start", "2015-06-02", "--end", "2015-06-01"), "is before the start"),
    ):
        result = goes("download", *wrong, "--output", tmp_path)
        assert result.code == 2 and words in result.err
    assert not archives.requests and not any(tmp_path.iterdir())


def test_every_command_uses_the_folder_in_the_settings(goes, archives, tmp_path, monkeypatch):
    monkeypatch.setenv("ASTRODOME_GOES_STORE", str(tmp_path / "flux"))
    publish(archives, date(2015, 6, 1), 1)
    goes("download", "--start", "2015-06-01", "--end", "2015-06-01").succeeded()
    assert (tmp_path / "flux" / "year=2015" / "month=06" / "xrs.parquet").exists()
    assert GoesFlux().flux_at(["2015-06-01T00:10"])[0] > 0
    goes("get", "--timestamp", "2015-06-01T00:10").succeeded()


def test_a_killed_download_leaves_complete_months_and_the_next_run_completes_the_store(
    starter, archives, torture, stored, tmp_path
):
    publish(archives, date(2015, 5, 27), 10)
    get = ("download", "--start", "2015-05-27", "--end", "2015-06-05", "--output")
    starter.run(*get, tmp_path / "calm").succeeded()
    calm = stored(tmp_path / "calm")
    months = [read_month(path) for path in Store(tmp_path / "calm").months().values()]
    total = len(archives.requests)
    for number in range(torture(2, 100)):
        chance = random.Random(number)
        folder = tmp_path / str(number)
        archives.requests.clear()
        child = starter.start(*get, folder)
        wanted = chance.randint(1, total)
        limit = time.monotonic() + 60
        while len(archives.requests) < wanted and time.monotonic() < limit:
            time.sleep(0.002)
        time.sleep(chance.choice([0, 0.01, 0.05, 0.2]))
        starter.kill(child)
        starter.wait(child)
        for path, month in zip(Store(folder).months().values(), months, strict=False):
            assert_frame_equal(read_month(path), month)
        starter.run(*get, folder).succeeded()
        assert_frame_equal(stored(folder), calm)
        assert not [*folder.rglob("*.part*")] and not [*folder.rglob("*.nc")]


def test_four_processes_that_download_into_one_store_lose_and_duplicate_nothing(
    archives, stored, tmp_path, starter
):
    publish(archives, date(2015, 5, 29), 6)
    get = span("2015-05-29", "2015-06-03", tmp_path / "store")

    children = [starter.start(*get) for _ in range(4)]
    for child in children:
        starter.wait(child).succeeded()
    times = stored(tmp_path / "store")["timestamp"]
    assert len(times) == times.nunique() == 6 * 51
    assert len(requested(archives, ".nc")) == 6


def test_ctrl_c_ends_a_download(archives, starter, tmp_path):
    publish(archives, date(2015, 6, 1), 3)
    archives.faults_at(".nc", *["never"] * 9)
    child = starter.start(*span("2015-06-01", "2015-06-03", tmp_path))
    limit = time.monotonic() + 60
    while not requested(archives, ".nc") and time.monotonic() < limit:
        time.sleep(0.01)
    os.kill(child, signal.SIGINT)
    patience = threading.Timer(20, lambda: starter.kill(child))
    patience.start()
    ended = starter.wait(child)
    patience.cancel()
    assert ended.code == 130, ended
    assert "Interrupted after 0 of 3 days. Run the same command again to resume." in ended.err
    assert "Traceback" not in ended.err
