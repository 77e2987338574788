"""An epoch over an SDO ML v2 store, shuffled and with the transforms, beside the older data set."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from . import older, suns
from .measure import Figure, cost, in_turn, rate, worker

CHANNEL = "131A"
"""One without known bad frames, which the older data set always filters out, slowly."""
FRAMES, SIDE, CHUNK, SIZE = 300, 512, 10, 256
FEW = 60
"""Frames that the older data set reads in a turn with a filter: it needs 0.07 s for each."""


def sdoml(place: Path, repeat: int) -> Iterator[Figure]:
    """Both sides warm, one process each, all cores; frames as float32 (1, 256, 256) in batches."""
    given = {"store": store(place / "sdomlv2.zarr"), "size": SIZE}
    with (
        worker(older.environment("sdo") / "python", "older_sdoml") as a,
        worker(sys.executable, "ours_sdoml") as b,
    ):

        def seconds(filtered: bool) -> tuple[list[float], list[float]]:
            first, last = at(0), at(FRAMES)
            times = {"start": first, "end": last} if filtered else {}
            few = FEW if filtered else FRAMES
            return in_turn(
                lambda: a("epoch", **given, **times, count=few) * FRAMES / few,
                lambda: b("epoch", **given, **times),
                repeat,
            )

        yield rate("SDO ML v2, with a filter", *seconds(True), FRAMES, "images", "≥ 30")
        yield rate("SDO ML v2, without one", *seconds(False), FRAMES, "images", "≥ 3")
        yield cost("SDO ML v2, memory", [a("peak")], [b("peak")], "MB peak", "≤ 500 MB")


def at(number: int) -> str:
    return f"{datetime(2012, 3, 1) + number * timedelta(minutes=6):%Y-%m-%dT%H:%M:%S}Z"


def store(path: Path) -> Path:
    """Frames out of the real image, with a little noise, for floats have more than grey
    levels; LZ4 chunks of ten, zarr format 2."""
    import zarr
    from astrodome_sood.datasets import channels
    from numcodecs import Blosc

    channel = channels.find(CHANNEL)
    grey = np.asarray(suns.sun().resize((SIDE, SIDE)), np.float32)[::-1] / 127.5 - 1
    frame, random = channel.intensity(grey), np.random.default_rng(0)
    options: dict[str, Any] = {"chunks": (CHUNK, SIDE, SIDE), "dtype": "float32"}
    options["compressors"] = Blosc(cname="lz4", clevel=5, shuffle=Blosc.SHUFFLE)
    group = zarr.open_group(str(path), mode="w", zarr_format=2).create_group("2012")
    array = group.create_array(channel.name, shape=(FRAMES, SIDE, SIDE), **options)
    for first in range(0, FRAMES, CHUNK):
        noise = random.normal(1, 1e-3, (CHUNK, SIDE, SIDE)).astype(np.float32)
        shifted = [np.roll(frame, (3 * n, -2 * n), (0, 1)) for n in range(first, first + CHUNK)]
        array[first : first + CHUNK] = np.stack(shifted) * noise
    times = [at(number) for number in range(FRAMES)]
    array.attrs.update({"T_OBS": times, "WAVELNTH": [131] * FRAMES, "EXPTIME": [2.0] * FRAMES})
    return path
