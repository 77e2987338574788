"""Compare downloads from a fake server and the resizing of full-size images with sdo-cli.

Planning and checking a download of 100,000 images is measured only for astrodome.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
from astrodome_sdo_data import manifest
from astrodome_solar import filenames

from tests.services.gsu import Archive

from . import pictures, suns
from .measure import (
    Effort,
    Figure,
    Worker,
    alone,
    in_turn,
    process,
    rate,
    repeated,
    script,
    worker,
    workers,
)

LATENCY = 0.02
"""Duration of each response of the fake server, in seconds."""
CONNECTIONS = 8
"""Default number of connections of ``sdo data download``; sdo-cli always uses one."""
IMAGES, ALONE = 400, 1600
"""Number of images for the comparison, and for the comparison with the maximum rate."""
MANY = 100_000
SMALL = "256"
START = datetime(2012, 1, 1)


def download(place: Path, effort: Effort) -> Iterator[Figure]:
    """Measure downloads and the resizing of full-size images."""
    yield from _transfer(place, effort)
    yield from _many(place, effort)
    yield from _resize(place, effort)


def _transfer(place: Path, effort: Effort) -> Iterator[Figure]:
    """Measure downloads with one connection, and with the default number of connections."""
    targets = pictures.new_folders(place / "images")
    count, many = effort.size(IMAGES, 8), effort.size(ALONE, 16)
    archive = Archive(suns.sun().reduce(4), latency=LATENCY)
    with archive.server() as server, workers("sdo", "download") as (a, b):
        given = {"url": server.root, "size": SMALL}

        def run(side: Worker, images: int, **more: int) -> float:
            taken: float = side("download", target=next(targets), count=images, **given, **more)
            return taken

        one = in_turn(lambda: run(a, count), lambda: run(b, count, jobs=1), effort)
        eight = repeated(lambda: run(b, count, jobs=CONNECTIONS), effort)
        more = repeated(lambda: run(b, many, jobs=CONNECTIONS), effort)
    subject = f"`sdo data download`, {count:,} images, 20 ms per response"
    yield rate(f"{subject}, 1 connection", *one, count, "images")
    defaults = f"{subject}, defaults (astrodome: {CONNECTIONS} connections)"
    yield rate(defaults, one[0], eight, count, "images", "≥ 6")
    share = [100 * many / seconds * LATENCY / CONNECTIONS for seconds in more]
    subject = f"`sdo data download`, {many:,} images, percentage of the maximum rate"
    yield alone(subject, share, "%", "≥ 80 %")


def _many(place: Path, effort: Effort) -> Iterator[Figure]:
    """Plan a download of 100,000 images, and check a download that is already complete."""
    count = effort.size(MANY, 200)
    with worker(sys.executable, "ours_download") as b:
        seconds = repeated(lambda: b("plan", target=place / "empty", count=count), effort)
    yield alone(f"planning of {count:,} images, library call", seconds, "s", "≤ 2 s")
    end = START + (count - 1) * timedelta(minutes=6)
    when = [f"--start={START:%Y-%m-%dT%H:%M:%S}", f"--end={end:%Y-%m-%dT%H:%M:%S}", "--freq=6min"]
    command = [script("sdo"), "data", "download", *when]
    plan = [*command, "--path", str(place / "empty"), "--dry-run"]
    planned = repeated(lambda: process(plan, place), effort)
    subject = f"planning of {count:,} images, `sdo data download --dry-run`"
    yield alone(subject, [x.wall for x in planned], "s", "≤ 2 s")
    yield alone(f"{subject}, memory", [x.memory for x in planned], "MB peak", "≤ 500 MB")
    whole = _complete(place / "whole", count)
    checked = repeated(lambda: process([*command, "--path", str(whole)], place), effort)
    subject = f"check of a complete download of {count:,} images, `sdo data download`"
    yield alone(subject, [x.wall for x in checked], "s", "≤ 5 s")
    yield alone(f"{subject}, memory", [x.memory for x in checked], "MB peak", "≤ 500 MB")


def _complete(folder: Path, count: int) -> Path:
    """Create a folder with ``count`` image files and a manifest that lists them."""
    folder.mkdir()
    rows = []
    for number in range(count):
        time = START + number * timedelta(minutes=6)
        path = folder / filenames.file_name(time, 171)
        path.write_bytes(b"\xff\xd8\xff\xd9")
        about = path.stat()
        rows.append((path.name, time, about.st_size, about.st_mtime_ns))
    table = pd.DataFrame(rows, columns=["file_name", "t_obs", "bytes", "mtime_ns"])
    table = table.assign(wavelength=171, status=manifest.DONE, source="gsu", size="2k")
    table = table.assign(has_header=False, sha256="0" * 64, reason="")
    manifest.write(folder, table.set_index("file_name").reindex(columns=list(manifest.COLUMNS)))
    return folder


def _resize(place: Path, effort: Effort) -> Iterator[Figure]:
    """Resize JPEG images from 4096 x 4096 to 256 x 256 pixels on one CPU."""
    count = effort.size(20, 1)
    source = suns.folder(place / "full", count, 4096, "L")
    with workers("sdo", "sdo") as sides:
        scaled, exact = (
            pictures.library_calls(sides, "resize", source, count, effort, more, size=256)
            for more in ({"jobs": 1}, {"jobs": 1, "exact": True})
        )
    subject = f"`resize` as a library call, {count} images of 4096² to 256², 1 CPU"
    defaults = f"{subject}, defaults (astrodome: scaled JPEG decoding)"
    yield rate(defaults, *scaled, count, "images", "≥ 20 images/s")
    yield rate(f"{subject}, all pixels decoded (`--exact`)", *exact, count, "images")
