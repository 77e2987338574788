"""Resize, patch and import with kills, full or read-only disks, and damaged files."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from astrodome.testing import Result
from astrodome_sdo_data.processing import folders
from astrodome_sdo_data.processing.resizing import resize
from PIL import Image

Data = Callable[..., Result]
SDO = (sys.executable, "-c", "from astrodome.app import main; main('sdo')", "data")
COMMANDS = {
    "resize": ("--size", "300"),
    "patch": ("--size", "96", "--max-patches", "40"),
}


def visible(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("[!.]*")}


def alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("verb", COMMANDS)
def test_a_killed_run_leaves_no_broken_file_and_the_same_command_completes_the_work(
    verb: str, archive: Path, tmp_path: Path, torture: Callable[[int, int], int]
) -> None:
    command = [*SDO, verb, "--path", str(archive), *COMMANDS[verb], "--targetpath"]
    started = time.monotonic()
    subprocess.run([*command, tmp_path / "whole"], check=True, capture_output=True)
    duration = time.monotonic() - started
    whole = visible(tmp_path / "whole")
    moments = random.Random(verb)
    for number in range(torture(2, 10)):
        out = tmp_path / str(number)
        process = subprocess.Popen(
            [*command, out], stderr=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(duration * moments.uniform(0.3, 0.95))
        process.kill()  # only the main process, not its workers
        process.wait()
        deadline = time.monotonic() + 20
        while alive(process.pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not alive(process.pid)
        left = visible(out) if out.exists() else {}
        assert left.items() <= whole.items()
        subprocess.run([*command, out], check=True, capture_output=True)
        assert visible(out) == whole


def test_ctrl_c_stops_a_run_and_the_same_command_resumes_it(archive: Path, tmp_path: Path) -> None:
    command = [*SDO, "patch", "--path", str(archive), *COMMANDS["patch"], "--max-patches", "300"]
    command += ["--targetpath", str(tmp_path / "out")]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.SIG_DFL
        ),  # which is ignored in background jobs
    )
    while not any(tmp_path.glob("out/[!.]*")):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted after" in errors and errors.endswith(" to resume.\n")
    assert "Traceback" not in errors
    for path in tmp_path.glob("out/[!.]*"):
        with Image.open(path) as image:
            image.load()
    subprocess.run(command, check=True, capture_output=True)
    assert len(visible(tmp_path / "out")) == 13 * 300


def test_old_temporary_files_are_deleted_and_recent_ones_are_kept(
    archive: Path, tmp_path: Path
) -> None:
    old, new = (tmp_path / f".{name}__193.jpeg.0123.part" for name in ("old", "new"))
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - folders.MAX_AGE - 5,) * 2)
    resize(archive, tmp_path, 32, wavelength="171")
    assert new.exists() and not old.exists()


@pytest.mark.parametrize("verb", COMMANDS)
def test_a_full_disk_is_an_error_and_complete_files_are_kept(
    verb: str, data: Data, archive: Path, tmp_path: Path, disk: Callable[[str], Path]
) -> None:
    data(verb, "--path", archive, *COMMANDS[verb], "--targetpath", tmp_path / "whole").succeeded()
    point = disk("size=64k")
    (point / "mine.txt").write_text("mine")
    result = data(verb, "--path", archive, *COMMANDS[verb], "--targetpath", point)
    assert result.code == 1
    assert f"No space left on the disk while writing {point}" in result.err
    assert "Traceback" not in result.err
    assert not list(point.glob(".*"))
    left = visible(point)
    assert left.pop("mine.txt") == b"mine"
    assert left and left.items() <= visible(tmp_path / "whole").items()


@pytest.mark.parametrize("verb", [*COMMANDS, "import"])
def test_a_read_only_target_is_an_error(
    verb: str, data: Data, archive: Path, disk: Callable[[str], Path]
) -> None:
    point = disk("size=64k,ro")
    if verb == "import":
        result = data("import", *sorted(archive.glob("*171*")), "--path", point)
    else:
        result = data(verb, "--path", archive, *COMMANDS[verb], "--targetpath", point)
    assert result.code == 1
    assert "Cannot read or write" in result.err and str(point) in result.err
    assert "Traceback" not in result.err


def test_a_target_without_write_permission_is_an_error(
    data: Data, archive: Path, tmp_path: Path
) -> None:
    if not os.geteuid():
        pytest.skip("root may write anywhere")
    (tmp_path / "out").mkdir(mode=0o555)
    result = data("resize", "--path", archive, "--targetpath", tmp_path / "out")
    assert result.code == 1 and "Permission denied" in result.err


def test_a_target_that_is_a_file_is_an_error(data: Data, archive: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    result = data("resize", "--path", archive, "--targetpath", tmp_path / "out")
    assert result.code == 1 and "File exists" in result.err
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.parametrize("suffix", [".jpeg", ".png", ".jp2"])
def test_a_damaged_image_does_not_stop_the_run(
    suffix: str,
    data: Data,
    corona: Image.Image,
    tmp_path: Path,
    torture: Callable[[int, int], int],
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    corona.save(folder / f"whole__193{suffix}")
    content = (folder / f"whole__193{suffix}").read_bytes()
    chance = random.Random(suffix)
    for number in range(torture(30, 600)):
        damaged = bytearray(content[: chance.randrange(len(content))])
        if number % 2:
            damaged = bytearray(content)
            for _ in range(chance.randrange(1, 30)):
                damaged[chance.randrange(min(len(content), 10 ** chance.randrange(2, 6)))] ^= (
                    chance.randrange(1, 256)
                )
        (folder / f"{number}__193{suffix}").write_bytes(damaged)
    result = data("resize", "--path", folder, "--targetpath", tmp_path / "out", "--json")
    failed = {each["name"]: each["reason"] for each in result.json["failed"]}
    assert result.json["done"] + len(failed) == torture(31, 601)
    assert f"whole__193{suffix}" not in failed
    assert all(reason.startswith("The ") for reason in failed.values()), failed
    for path in (tmp_path / "out").iterdir():
        with Image.open(path) as image:
            image.load()


@pytest.mark.parametrize("original", ["aia171", "aia193"])
def test_damaged_observations_are_reported_and_the_others_imported(
    original: str,
    data: Data,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    torture: Callable[[int, int], int],
) -> None:
    source: Path = request.getfixturevalue(original)
    content = source.read_bytes()
    chance = random.Random(original)
    paths = [source]
    for number in range(torture(12, 300)):
        damaged = bytearray(content[: chance.randrange(len(content)) if number % 2 else None])
        for _ in range(chance.randrange(1, 40)):
            reach = min(len(damaged), 10 ** chance.randrange(3, 7)) or 1
            damaged[chance.randrange(reach)] = chance.randrange(32, 127)
        paths.append(tmp_path / f"{number}{source.suffix}")
        paths[-1].write_bytes(damaged)
    result = data("import", *paths, "--path", tmp_path / "out", "--overwrite", "--json")
    failed = {each["name"]: each["reason"] for each in result.json["failed"]}
    assert result.json["done"] >= 1
    assert str(source) not in failed
    assert "Traceback" not in result.err
    known = ("The ", "Cannot read ", "No range ", "sunpy ", str(source), str(tmp_path))
    other = [reason for reason in failed.values() if not reason.startswith(known)]
    assert not [reason for reason in other if not re.match(r"[A-Z_-]+ is (missing|not )", reason)]
