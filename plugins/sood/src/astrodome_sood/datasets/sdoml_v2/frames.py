"""Which frames of a store are asked for, of one channel or of several at the same times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from astrodome import AstrodomeError, console
from numpy.typing import NDArray

from .. import channels
from . import selection
from .archive import Archive, Recording, Times

PAIRED = np.timedelta64(3, "m")
"""How far apart frames of several channels may be to count as one image."""
Key = tuple[int, int]
"""A chunk: the number of its recording, and its number within that."""


@dataclass
class Frames:
    """Which frames there are: of each image its time, and a (recording, row) a channel.

    ``times`` (N,) UTC; ``recording`` and ``row`` are of shape (N, C).
    """

    recordings: list[Recording]
    times: Times
    recording: NDArray[np.int64]
    row: NDArray[np.int64]
    failed: list[tuple[str, str]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.times)

    def part(self, chosen: NDArray[Any]) -> Frames:
        return replace(
            self,
            times=self.times[chosen],
            recording=self.recording[chosen],
            row=self.row[chosen],
            failed=[],
        )

    @cached_property
    def chunk(self) -> NDArray[np.int64]:
        """Number of the chunk that a frame lies in, (N, C)."""
        length = np.array([recording.chunk for recording in self.recordings])
        chunk: NDArray[np.int64] = self.row // length[self.recording]
        return chunk

    def keys(self, image: int) -> list[Key]:
        """The chunks that an image comes from, a channel each."""
        return list(zip(self.recording[image].tolist(), self.chunk[image].tolist(), strict=True))

    def rows_by_chunk(self) -> dict[Key, list[int]]:
        """The rows that are wanted of each chunk, ascending; chunks in the order of the images."""
        columns = (self.recording.ravel(), self.chunk.ravel(), self.row.ravel())
        found: dict[Key, set[int]] = {}
        for recording, chunk, row in zip(*(column.tolist() for column in columns), strict=True):
            found.setdefault((recording, chunk), set()).add(row)
        return {key: sorted(rows) for key, rows in found.items()}


def find(archive: Archive, names: Sequence[str], wanted: selection.Wanted) -> Frames:
    """The frames that a configuration asks for; one channel, or several at the same times.

    A year whose times are unknown is left out and named in ``failed``. Raises AstrodomeError
    when nothing is left.
    """
    recordings: list[Recording] = []
    failed: list[tuple[str, str]] = []
    found: list[tuple[Times, NDArray[np.int64], NDArray[np.int64]]] = []
    for name in names:
        own, rows = _of_channel(archive, channels.find(name), wanted, failed)
        numbers = [np.full(len(part), len(recordings) + i) for i, part in enumerate(rows)]
        own_times = [each.times[part] for each, part in zip(own, rows, strict=True)]
        found.append((np.concatenate(own_times), np.concatenate(numbers), np.concatenate(rows)))
        recordings += own
    times, index = _paired([each[0] for each in found], names, archive.where)
    return Frames(
        recordings,
        times,
        np.stack([each[1][own] for each, own in zip(found, index, strict=True)], axis=1),
        np.stack([each[2][own] for each, own in zip(found, index, strict=True)], axis=1),
        failed,
    )


def _of_channel(
    archive: Archive,
    channel: channels.Channel,
    wanted: selection.Wanted,
    failed: list[tuple[str, str]],
) -> tuple[list[Recording], list[NDArray[np.int64]]]:
    own: list[Recording] = []
    rows: list[NDArray[np.int64]] = []
    empty: AstrodomeError | None = None
    for recording in archive.recordings(channel, wanted.years):
        try:
            times = recording.times
        except AstrodomeError as error:
            failed.append((recording.name, error.message))
            continue
        if unknown := int(np.isnat(times).sum()):
            failed.append((recording.name, f"{unknown} of its frames have no time of observation."))
        if recording.dropped:
            short = ", ".join(f"{key} ({n})" for key, n in recording.dropped.items())
            console.warn(
                f"{recording.name}: attributes without {len(recording)} values go unused: {short}."
            )
        try:
            rows.append(selection.select(times, channel, wanted, recording.name))
            own.append(recording)
        except AstrodomeError as error:
            if len(wanted.years) == 1 or error.exit_code == 2:
                raise
            empty = error
    if not own:
        if empty is not None:
            raise empty
        raise AstrodomeError(failed[-1][1], "See `sdo sood dataset info` for what the store holds.")
    return own, rows


def _paired(
    times: list[Times], names: Sequence[str], where: str
) -> tuple[Times, list[NDArray[np.int64]]]:
    """The images that all channels have: the first channel's times, and each channel's indices."""
    kept = np.arange(len(times[0]))
    of_first: list[NDArray[np.int64]] = []
    for other in times[1:]:
        order = np.argsort(other, kind="stable")
        chosen, points = selection.nearest(other[order], times[0], PAIRED)
        partner = np.full(len(times[0]), -1)
        partner[points] = order[chosen]
        of_first.append(partner)
        kept = kept[partner[kept] >= 0]
    if not len(kept):
        raise AstrodomeError(
            f"{where} has no time at which all of {', '.join(names)} were taken within 3 minutes."
        )
    if lost := len(times[0]) - len(kept):
        console.warn(f"{lost} of {len(times[0])} frames have no partner in the other channels.")
    return times[0][kept], [kept, *(partner[kept] for partner in of_first)]
