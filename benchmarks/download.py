"""``data download`` from a twin of the image service, planning and checking of 100,000 images, and
``data resize`` of full-size ones on one core."""

from __future__ import annotations

import itertools
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
from astrodome_sdo_data import manifest, naming

from . import older, suns
from .measure import INSIDE, Figure, process, rate, script, worker

LATENCY = 0.02
CONNECTIONS = 8
IMAGES, OLDER_IMAGES = 1600, 100
MANY = 100_000
SMALL = "256"
START = datetime(2012, 1, 1)
END = START + (MANY - 1) * timedelta(minutes=6)
NOTHING = float("nan")
"""The older tool has no such thing."""


def download(place: Path, repeat: int) -> Iterator[Figure]:
    """Everything about downloads, and the resizing of full-size images."""
    yield from _transfer(place, repeat)
    yield from _many(place, repeat)
    yield from _resize(place, repeat)


@contextmanager
def _twin(place: Path) -> Iterator[str]:
    """The address of a twin that takes 20 ms for an answer."""
    picture = place / "sun.png"
    suns.sun().reduce(4).save(picture)
    command = [sys.executable, str(INSIDE / "gsu_twin.py"), str(picture), str(LATENCY)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin and process.stdout
        yield process.stdout.readline().strip()
        process.stdin.close()


def _transfer(place: Path, repeat: int) -> Iterator[Figure]:
    """Images of 256 x 256 pixels over eight connections; the older tool has one at a time."""
    targets = (place / f"images{number}" for number in itertools.count())
    python = older.environment("sdo") / "python"
    with (
        _twin(place) as url,
        worker(python, "older_download") as a,
        worker(sys.executable, "ours_download") as b,
    ):
        given = {"url": url, "size": SMALL}
        turns = [
            (
                OLDER_IMAGES / a("download", target=next(targets), count=OLDER_IMAGES, **given),
                IMAGES / b("download", target=next(targets), count=IMAGES, **given),
            )
            for _ in range(repeat + 1)
        ][1:]
    theirs, ours = (statistics.median(side) for side in zip(*turns, strict=True))
    yield Figure("download, 20 ms latency", theirs, ours, "images/s", ours / theirs, "≥ 6")
    share = 100 * ours / (CONNECTIONS / LATENCY)
    yield Figure("download, of 8 / latency", NOTHING, share, "%", NOTHING, "≥ 80 %")


def _many(place: Path, repeat: int) -> Iterator[Figure]:
    """A year and more at six minutes: planned, and checked when all of it is there."""
    with worker(sys.executable, "ours_download") as b:
        empty = place / "empty"
        seconds = [b("plan", target=empty, count=MANY) for _ in range(repeat + 1)][1:]
    yield _alone("plan 100,000 images, inside", seconds, "s", "≤ 2 s")
    when = [f"--start={START:%Y-%m-%dT%H:%M:%S}", f"--end={END:%Y-%m-%dT%H:%M:%S}", "--freq=6min"]
    command = [script("sdo"), "data", "download", *when]
    planned = [process([*command, "--path", str(empty), "--dry-run"], place) for _ in range(repeat)]
    yield _alone("plan 100,000 images, command", [x.wall for x in planned], "s", "≤ 2 s")
    yield _alone("its memory", [x.memory for x in planned], "MB peak", "≤ 500 MB")
    whole = _complete(place / "whole")
    checked = [process([*command, "--path", str(whole)], place) for _ in range(repeat + 1)][1:]
    yield _alone("check 100,000 images, command", [x.wall for x in checked], "s", "≤ 5 s")
    yield _alone("its memory", [x.memory for x in checked], "MB peak", "≤ 500 MB")


def _alone(subject: str, ours: list[float], unit: str, goal: str) -> Figure:
    return Figure(subject, NOTHING, statistics.median(ours), unit, NOTHING, goal)


def _complete(folder: Path) -> Path:
    """A folder that holds 100,000 files and the manifest of them."""
    folder.mkdir()
    rows = []
    for number in range(MANY):
        time = START + number * timedelta(minutes=6)
        path = folder / naming.file_name(time, 171)
        path.write_bytes(b"\xff\xd8\xff\xd9")
        about = path.stat()
        rows.append((path.name, time, about.st_size, about.st_mtime_ns))
    table = pd.DataFrame(rows, columns=["file_name", "t_obs", "bytes", "mtime_ns"])
    table = table.assign(wavelength=171, status=manifest.DONE, source="gsu", size="2k")
    table = table.assign(has_header=False, sha256="0" * 64, reason="")
    manifest.write(folder, table.set_index("file_name").reindex(columns=list(manifest.COLUMNS)))
    return folder


def _resize(place: Path, repeat: int) -> Iterator[Figure]:
    """20 JPEG of 4096 x 4096 pixels to 256 x 256, one after the other."""
    source = suns.folder(place / "full", 20, 4096, "L")
    targets = (place / f"small{number}" for number in itertools.count())
    python = older.environment("sdo") / "python"
    with worker(python, "older_download") as a, worker(sys.executable, "ours_download") as b:
        turns = [
            tuple(side("resize", source=source, target=next(targets), size=256) for side in (a, b))
            for _ in range(repeat + 1)
        ][1:]
    theirs, ours = (list(side) for side in zip(*turns, strict=True))
    yield rate("resize 4096² to 256², one core", theirs, ours, 20, "images", "≥ 20 images/s")
