"""Compare the reading of a shuffled and transformed SDO ML v2 store with sdo-cli."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from . import suns
from .measure import Effort, Figure, cost, rate, workers

CHANNEL = "131A"
"""Channel for which no bad frames are known, because filtering these is slow in sdo-cli."""
FRAMES, SIDE, CHUNK, SIZE = 300, 512, 10, 256
FEWEST = 130
"""Number of frames for small inputs. The sampler of sdo-cli requires more than 120."""
TURNS = 2
"""Maximum number of runs with a time range, because such an epoch takes 30 s in sdo-cli."""


def sdoml(place: Path, effort: Effort) -> Iterator[Figure]:
    """Measure running processes that use all CPUs and read images in batches of 16.

    By default, astrodome checks all frames when it opens the store, and sdo-cli does not.
    Therefore, the first row of each pair includes the time to open the store.
    """
    frames = effort.size(FRAMES, FEWEST)
    given = {"store": store(place / "sdomlv2.zarr", frames), "size": SIZE, "count": frames}
    with workers("sdo", "sdoml") as sides:
        times = {"start": at(0), "end": at(frames)}
        for what, filters, turns, goal in (
            ("with a time range", times, effort.at_most(TURNS), "≥ 30"),
            ("without a time range", {}, effort, "≥ 3"),
        ):
            runs = sides.compare(turns, "epoch", **given, **filters)
            opened = [[sum(run) for run in side] for side in runs]
            epochs = ([epoch for _, epoch in side] for side in runs)
            title = f"{frames} frames of SDO ML v2 {what}"
            first = f"{title}, opened and read once, defaults (astrodome checks each frame)"
            yield rate(first, *opened, frames, "images")
            yield rate(f"{title}, each further epoch", *epochs, frames, "images", goal)
        unchecked = [sum(sides.ours("epoch", **given, check=False)) for _ in range(effort.repeat)]
        subject = f"{title}, opened and read once, `check_frames: false`"
        yield rate(subject, opened[0], unchecked, frames, "images")
        peaks = ([side("peak")] for side in sides)
        yield cost("SDO ML v2, memory", *peaks, "MB peak", "≤ 500 MB")


def at(number: int) -> str:
    return f"{datetime(2012, 3, 1) + number * timedelta(minutes=6):%Y-%m-%dT%H:%M:%S}Z"


def store(path: Path, frames: int) -> Path:
    """Write frames derived from a real image to a zarr store with chunks of ten frames."""
    import zarr
    from astrodome_solar.channels import find_channel
    from numcodecs import Blosc

    channel = find_channel(CHANNEL)
    gray = np.asarray(suns.sun().resize((SIDE, SIDE)), np.float32)[::-1] / 127.5 - 1
    frame, random = channel.intensity(gray), np.random.default_rng(0)
    options: dict[str, Any] = {"chunks": (CHUNK, SIDE, SIDE), "dtype": "float32"}
    options["compressors"] = Blosc(cname="lz4", clevel=5, shuffle=Blosc.SHUFFLE)
    group = zarr.open_group(str(path), mode="w", zarr_format=2).create_group("2012")
    array = group.create_array(channel.name, shape=(frames, SIDE, SIDE), **options)
    for first in range(0, frames, CHUNK):
        noise = random.normal(1, 1e-3, (CHUNK, SIDE, SIDE)).astype(np.float32)
        shifted = [np.roll(frame, (3 * n, -2 * n), (0, 1)) for n in range(first, first + CHUNK)]
        array[first : first + CHUNK] = np.stack(shifted) * noise
    times = [at(number) for number in range(frames)]
    array.attrs.update({"T_OBS": times, "WAVELNTH": [131] * frames, "EXPTIME": [2.0] * frames})
    return path
