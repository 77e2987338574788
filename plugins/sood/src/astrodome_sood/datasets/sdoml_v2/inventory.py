"""What a store of SDO ML v2 holds, a record for each year and channel."""

from __future__ import annotations

from typing import Any

import numpy as np
from astrodome import AstrodomeError

from .. import channels
from .archive import Archive, Recording


def inventory(archive: Archive) -> list[dict[str, Any]]:
    """A record for each array: frames, their times, steps (s), shape, chunk, and what is wrong.

    Raises AstrodomeError when the store holds no frames.
    """
    rows = [
        _record(archive, year, name) for year in archive.years for name in archive.channels(year)
    ]
    if not rows:
        raise AstrodomeError(
            f"{archive.where} holds no frames.", "A store has groups of years with arrays in them."
        )
    return rows


def _record(archive: Archive, year: str, name: str) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(
        ("frames", "first", "last", "cadence", "longest_gap", "side", "chunk", "attributes")
    )
    row = {"year": year, "channel": name} | row | {"problem": ""}
    try:
        recording = archive.recording(year, channels.find(name))
        if recording is None:
            return row | {"problem": f"{name} is spelled in another way than the known channels."}
        return row | _of(recording)
    except AstrodomeError as error:
        return row | {"problem": error.message}


def _of(recording: Recording) -> dict[str, Any]:
    row: dict[str, Any] = {
        "frames": len(recording),
        "side": int(recording.array.shape[1]),
        "chunk": recording.chunk,
        "attributes": len(recording.attributes),
    }
    problems = [
        f"{key} has {count} of {len(recording)} values" for key, count in recording.dropped.items()
    ]
    try:
        times = recording.times
    except AstrodomeError as error:
        return row | {"problem": error.message}
    known = np.sort(times[~np.isnat(times)]).astype("datetime64[s]")
    if len(known) < len(times):
        problems.append(f"{len(times) - len(known)} frames without a time")
    if len(known):
        row |= {"first": f"{known[0]}Z", "last": f"{known[-1]}Z"}
    steps = np.diff(known).astype("int64")
    if len(steps):
        row |= {"cadence": float(np.median(steps)), "longest_gap": int(steps.max())}
    return row | {"problem": "; ".join(problems)}
