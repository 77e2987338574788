"""An epoch over an SDO ML v2 store, shuffled and transformed, compared with sdo-cli."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from . import suns
from .measure import Effort, Figure, cost, in_turn, rate, workers

CHANNEL = "131A"
"""A channel without known bad frames; sdo-cli always filters these, which is slow."""
FRAMES, SIDE, CHUNK, SIZE = 300, 512, 10, 256
FEWEST = 130
"""Number of frames for small inputs; the sampler of sdo-cli needs more than 120."""
TURNS = 2
"""Maximum number of runs: with a time range, an epoch of sdo-cli takes half a minute."""


def sdoml(place: Path, effort: Effort) -> Iterator[Figure]:
    """Measure warm processes that use all CPUs: float32 (1, 256, 256) in batches of 16.
    By default, astrodome checks all frames when it opens the store; sdo-cli does not. So the
    first row of each pair is the rate of opening the store and reading it once.
    """
    frames = effort.size(FRAMES, FEWEST)
    given = {"store": store(place / "sdomlv2.zarr", frames), "size": SIZE, "count": frames}
    with workers("sdo", "sdoml") as (a, b):
        times = {"start": at(0), "end": at(frames)}
        for what, filters, turns, goals in (
            ("with a time range", times, effort.at_most(TURNS), ("", "≥ 30")),
            ("without a time range", {}, effort, ("", "≥ 3")),
        ):
            call = {**given, **filters}
            opened, epochs = _halves(
                in_turn(
                    lambda call=call: a("epoch", **call),
                    lambda call=call: b("epoch", **call),
                    turns,
                )
            )
            title = f"{frames} frames of SDO ML v2 {what}"
            first = f"{title}, opened and read once, defaults (ours checks each frame)"
            yield rate(first, *opened, frames, "images", goals[0])
            yield rate(f"{title}, each further epoch", *epochs, frames, "images", goals[1])
        unchecked = [sum(b("epoch", **given, check=False)) for _ in range(effort.repeat)]
        subject = f"{title}, opened and read once, `check_frames: false`"
        yield rate(subject, opened[0], unchecked, frames, "images")
        yield cost("SDO ML v2, memory", [a("peak")], [b("peak")], "MB peak", "≤ 500 MB")


Seconds = tuple[list[float], list[float]]


def _halves(turns: tuple[list[list[float]], list[list[float]]]) -> tuple[Seconds, Seconds]:
    """Return the seconds of both sides for opening plus one epoch, and for an epoch only."""
    older_turns, ours_turns = turns
    whole = [sum(turn) for turn in older_turns], [sum(turn) for turn in ours_turns]
    return whole, ([turn[1] for turn in older_turns], [turn[1] for turn in ours_turns])


def at(number: int) -> str:
    return f"{datetime(2012, 3, 1) + number * timedelta(minutes=6):%Y-%m-%dT%H:%M:%S}Z"


def store(path: Path, frames: int) -> Path:
    """Write frames derived from the real image with noise, in LZ4 chunks of ten (zarr format 2)."""
    import zarr
    from astrodome_solar.channels import find_channel
    from numcodecs import Blosc

    channel = find_channel(CHANNEL)
    grey = np.asarray(suns.sun().resize((SIDE, SIDE)), np.float32)[::-1] / 127.5 - 1
    frame, random = channel.intensity(grey), np.random.default_rng(0)
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
