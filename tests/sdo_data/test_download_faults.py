"""Downloads with faults of the service, kills, other processes, and full or read-only disks."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from astrodome.testing import Result
from astrodome_sdo_data import manifest
from astrodome_solar import filenames
from services.fake_server import Request
from services.gsu import CADENCE, Archive, FakeGsu
from services.starter import Starter

Data = Callable[..., Result]
START = datetime(2012, 3, 7)
LOCKS = {".manifest.parquet.lock", ".meta.csv.lock"}
FAULTS = (
    *("500", "502", "503", "429", "429 after 0", "429 after 1", "503 after 9999", "404"),
    *("reset", "never", "drip", "cut", "html", "loop"),
    *("truncated", "longer", "short length", "small", "garbage", "empty", "noise"),
)


def asked(count: int, *waves: int) -> list[str]:
    """Return the options to request ``count`` images of each wavelength."""
    end = START + (count - 1) * CADENCE
    when = [f"--start={START:%Y-%m-%dT%H:%M:%S}", f"--end={end:%Y-%m-%dT%H:%M:%S}", "--freq=6min"]
    return [*when, *(f"--wavelength={wave}" for wave in waves or (171,)), "--size=256"]


def wanted(archive: Archive, count: int, *waves: int) -> dict[str, bytes]:
    """Return the requested images as they are in the archive."""
    times = [START + number * CADENCE for number in range(count)]
    return {
        filenames.file_name(time, wave): archive.image(time, wave, 256)
        for time in times
        for wave in waves or (171,)
    }


def state(folder: Path) -> dict[str, Any]:
    """Return the content of a folder, without the time stamps in the manifest."""
    found: dict[str, Any] = {
        path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()
    }
    assert {name for name in found if name[0] == "."} <= LOCKS
    assert not any(path.is_dir() for path in folder.iterdir())
    found = {name: content for name, content in found.items() if name[0] != "."}
    found["manifest.parquet"] = manifest.read(folder).drop(columns="mtime_ns").to_csv()
    if "meta.parquet" in found:
        found["meta.parquet"] = pd.read_parquet(folder / "meta.parquet").to_csv()
    return found


def struck(fault: str, seed: int, share: float) -> Callable[[Request], str]:
    """Return a plan with random faults that depend on seed, address and attempt."""
    attempts: Counter[str] = Counter()

    def plan(request: Request) -> str:
        address = f"{request.path}{request.query}"
        attempts[address] += 1
        hit = random.Random(f"{seed}{address}{attempts[address]}").random() < share
        return fault if hit else ""

    return plan


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set short timeouts."""
    for key, value in {"read_timeout": 0.25, "deadline": 0.4, "retries": 3}.items():
        monkeypatch.setenv(f"ASTRODOME_GSU_{key.upper()}", str(value))


@pytest.mark.parametrize("fault", FAULTS)
def test_with_any_fault_of_the_service_an_image_is_correct_or_its_failure_is_in_the_manifest(
    fault: str,
    data: Data,
    gsu: FakeGsu,
    quick: None,
    tmp_path: Path,
    torture: Callable[[int, int], int],
) -> None:
    right = wanted(gsu.archive, 4)
    command = (*asked(4), "--metadata", "--json")
    data("download", "--path", tmp_path / "whole", *command).succeeded()
    whole = state(tmp_path / "whole")
    for seed in range(torture(1, 50)):
        folder = tmp_path / str(seed)
        gsu.archive.plan = struck(fault, seed, random.Random(seed).choice([0.3, 0.6, 1.0]))
        started = time.monotonic()
        result = data("download", "--path", folder, *command)
        assert time.monotonic() - started < 60
        assert "Traceback" not in result.err
        there = {path.name: path.read_bytes() for path in folder.glob("*.jpeg")}
        assert there.items() <= right.items()
        table = manifest.read(folder)
        assert list(table.index) == sorted(right)
        assert set(table.index[table["status"] == "done"]) == set(there)
        others = table[table["status"] != "done"]
        assert others["status"].isin(["failed", "missing"]).all() and others["reason"].all()
        assert {problem["image"] for problem in result.json["problems"]} == set(others.index)
        assert result.code == int(len(others) > 0)
        assert not [path for path in folder.rglob("*") if path.is_dir()]
        gsu.archive.plan = lambda request: ""
        data("download", "--path", folder, *command, "--retry-failed").succeeded()
        assert state(folder) == whole


def test_retry_after_delays_all_connections(data: Data, gsu: FakeGsu, tmp_path: Path) -> None:
    gsu.add_faults("503 after 1")
    started = time.monotonic()
    data("download", "--path", tmp_path, *asked(8), "--jobs=2").succeeded()
    assert time.monotonic() - started >= 1
    assert len(gsu.requests) == 9


def run_until_killed(
    starter: Starter, command: list[str], server: FakeGsu, moments: random.Random
) -> bool:
    """Kill a download at its start or after some requests; return False if it ended before."""
    process = starter.start("download", *command)
    if moments.random() < 0.2:
        time.sleep(moments.uniform(0.01, 0.5))
    else:
        enough = len(server.requests) + moments.randint(1, 40)
        while len(server.requests) < enough and starter.running(process):
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.05))
    starter.kill(process)
    return starter.wait(process).code == -signal.SIGKILL


def test_a_run_after_kills_at_random_times_gives_the_same_result_as_an_undisturbed_run(
    data: Data,
    starter: Starter,
    gsu: FakeGsu,
    tmp_path: Path,
    torture: Callable[[int, int], int],
) -> None:
    count, kills = torture(60, 500), torture(4, 100)
    command = [*asked(count), "--metadata"]
    data("download", "--path", tmp_path / "whole", *command).succeeded()
    gsu.archive.latency = 0.02
    moments = random.Random(0)
    killed = 0
    folder = tmp_path / "killed"
    while killed < kills:
        if run_until_killed(starter, ["--path", str(folder), *command], gsu, moments):
            killed += 1
        else:  # completed before the kill: start again
            assert state(folder) == state(tmp_path / "whole")
            folder = tmp_path / f"killed{killed}"
        for path in folder.glob("*.jpeg"):
            assert path.read_bytes() == (tmp_path / "whole" / path.name).read_bytes()
    gsu.archive.latency = 0
    data("download", "--path", folder, *command).succeeded()
    assert state(folder) == state(tmp_path / "whole")


def test_several_processes_on_one_folder_give_the_same_result_as_one(
    data: Data,
    starter: Starter,
    gsu: FakeGsu,
    tmp_path: Path,
    torture: Callable[[int, int], int],
) -> None:
    command = [*asked(torture(24, 500)), "--metadata", "--json"]
    number = torture(4, 8)
    data("download", "--path", tmp_path / "whole", *command).succeeded()
    gsu.requests.clear()
    gsu.archive.latency = 0.01
    line = ["download", "--path", tmp_path / "shared", *command, "--jobs=2"]
    for process in [starter.start(*line) for _ in range(number)]:
        starter.wait(process).succeeded()
    assert state(tmp_path / "shared") == state(tmp_path / "whole")
    times = Counter(str(request.query) for request in gsu.requests if "/images/" in request.path)
    assert max(times.values()) <= number
    assert sum(times.values()) < 0.625 * number * len(times), (
        "images of other processes are not fetched again"
    )


def test_a_full_disk_is_an_error_and_earlier_images_are_kept(
    data: Data, gsu: FakeGsu, disk: Callable[[str], Path]
) -> None:
    point = disk("size=300k")
    (point / "mine.txt").write_text("mine")
    data("download", "--path", point, *asked(3)).succeeded()
    result = data("download", "--path", point, *asked(200))
    assert result.code == 1 and "Traceback" not in result.err
    assert re.search(rf"No space left on the disk while writing {point}", result.err)
    assert (point / "mine.txt").read_text() == "mine"
    right = wanted(gsu.archive, 200)
    there = {path.name: path.read_bytes() for path in point.glob("*.jpeg")}
    assert len(there) >= 3 and there.items() <= right.items()
    assert manifest.read(point)["status"].eq("done").sum() >= 3
    subprocess.run(["mount", "-o", "remount,size=20m", str(point)], check=True)
    data("download", "--path", point, *asked(200)).succeeded()
    assert {path.name: path.read_bytes() for path in point.glob("*.jpeg")} == right


def test_a_read_only_target_is_an_error_and_earlier_images_are_kept(
    data: Data, gsu: FakeGsu, disk: Callable[[str], Path]
) -> None:
    point = disk("size=4m")
    data("download", "--path", point, *asked(3)).succeeded()
    before = state(point)
    subprocess.run(["mount", "-o", "remount,ro", str(point)], check=True)
    result = data("download", "--path", point, *asked(5))
    assert result.code == 1 and "Traceback" not in result.err
    assert "Cannot read or write" in result.err and str(point) in result.err
    assert state(point) == before
    found = data("download", "--path", point, *asked(5), "--dry-run", "--json").succeeded().json
    assert (found["existing"], found["to_fetch"]) == (3, 2)


def test_a_damaged_manifest_is_an_error(data: Data, gsu: FakeGsu, tmp_path: Path) -> None:
    data("download", "--path", tmp_path, *asked(3)).succeeded()
    (tmp_path / "manifest.parquet").write_bytes(b"PAR1, or not")
    result = data("download", "--path", tmp_path, *asked(3))
    assert result.code == 1 and "Invalid manifest" in result.err
    assert "existing images are kept" in result.err


def test_ctrl_c_ends_a_download_soon_and_keeps_fetched_images(
    starter: Starter, gsu: FakeGsu, tmp_path: Path
) -> None:
    gsu.archive.latency = 0.05
    process = starter.start("download", "--path", tmp_path / "a", *asked(200))
    while len(gsu.requests) < 30:
        assert starter.running(process)
        time.sleep(0.01)
    os.kill(process, signal.SIGINT)
    limit = time.monotonic() + 20
    while starter.running(process) and time.monotonic() < limit:
        time.sleep(0.01)
    if starter.running(process):
        starter.kill(process)
    ended = starter.wait(process)
    assert ended.code == 130 and "Traceback" not in ended.err, ended
    assert "Interrupted after" in ended.err and " of 200 images" in ended.err
    table = manifest.read(tmp_path / "a")
    done = table.index[table["status"] == "done"]
    assert len(table) == 200 and 10 < len(done) < 200
    assert {path.name for path in (tmp_path / "a").glob("*.jpeg")} == set(done)
    assert not list((tmp_path / "a").glob(".incoming*"))
