"""Select frames in a store. The frames of several channels are matched by time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from astrodome import AstrodomeError
from astrodome_solar.channels import Channel, find_channel
from numpy.typing import NDArray

from .selection import FrameFilter, Rows, nearest, select
from .store import ChannelFrames, FrameStore, Times

PAIR_TOLERANCE = np.timedelta64(3, "m")
"""Maximum time difference between the frames of different channels in an image."""
ChunkKey = tuple[int, int]
"""Index of a frame array, and index of a chunk in that array."""


@dataclass
class FrameIndex:
    """Times of the selected images in a store, and the positions of their frames.

    ``times`` are in UTC and have the shape (N,). For each image and channel, ``array`` contains the
    index of a frame array, and ``row`` contains the index of a row in this array. Both have the
    shape (N, C). ``failed`` contains a tuple (name, error message) for each array with invalid
    times.
    """

    arrays: list[ChannelFrames]
    times: Times
    array: NDArray[np.int64]
    row: NDArray[np.int64]
    failed: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.times)

    def part(self, chosen: NDArray[Any]) -> FrameIndex:
        """Return the subset of images that is selected by an index array or a mask."""
        return replace(
            self,
            times=self.times[chosen],
            array=self.array[chosen],
            row=self.row[chosen],
            failed=[],
            warnings=[],
        )

    @cached_property
    def chunk(self) -> NDArray[np.int64]:
        """Index of the chunk that contains each frame, as an array with shape (N, C)."""
        length = np.array([array.chunk for array in self.arrays])
        chunk: NDArray[np.int64] = self.row // length[self.array]
        return chunk

    def chunks(self, image: int) -> list[ChunkKey]:
        """Return the keys of the chunks that contain the frames of an image."""
        return list(zip(self.array[image].tolist(), self.chunk[image].tolist(), strict=True))

    def rows_by_chunk(self) -> dict[ChunkKey, list[int]]:
        """Return the selected rows in each chunk.

        The rows of a chunk are in ascending order. The chunks are in the order of the images.
        """
        columns = (self.array.ravel(), self.chunk.ravel(), self.row.ravel())
        found: dict[ChunkKey, set[int]] = {}
        for array, chunk, row in zip(*(column.tolist() for column in columns), strict=True):
            found.setdefault((array, chunk), set()).add(row)
        return {key: sorted(rows) for key, rows in found.items()}


def find_frames(store: FrameStore, names: Sequence[str], filters: FrameFilter) -> FrameIndex:
    """Select the frames of one channel, or the frames of several channels matched by time.

    Years that contain no valid times are skipped and added to ``failed``. Raises AstrodomeError if
    no frames pass the filters.
    """
    empty = np.array([], np.int64)
    index = FrameIndex([], empty.astype("datetime64[ms]"), empty, empty)
    found = [_select_channel(store, find_channel(name), filters, index) for name in names]
    pairs = _pair([times for times, _, _ in found], names, store, index)
    chosen = list(zip(found, pairs, strict=True))
    index.times = found[0][0][pairs[0]]
    index.array = np.stack([arrays[own] for (_, arrays, _), own in chosen], axis=1)
    index.row = np.stack([rows[own] for (_, _, rows), own in chosen], axis=1)
    return index


def _select_channel(
    store: FrameStore, channel: Channel, filters: FrameFilter, index: FrameIndex
) -> tuple[Times, Rows, Rows]:
    """Return the times, array indices and rows of the selected frames of a channel.

    The arrays and the problems that occur are added to ``index``.
    """
    found: list[tuple[Times, Rows, Rows]] = []
    empty: AstrodomeError | None = None
    for array in store.all_frames(channel, filters.years):
        try:
            times = array.times
        except AstrodomeError as error:
            index.failed.append((array.name, error.message))
            continue
        if unknown := int(np.isnat(times).sum()):
            index.failed.append((array.name, f"{unknown} frames have no valid time."))
        try:
            rows = select(times, channel, filters, array.name)
        except AstrodomeError as error:
            if len(filters.years) == 1 or error.exit_code == 2:
                raise
            empty = error
            continue
        found.append((times[rows], np.full(len(rows), len(index.arrays)), rows))
        index.arrays.append(array)
    if not found:
        raise empty or AstrodomeError(
            index.failed[-1][1],
            "The attribute T_OBS of each array must contain the times of its frames.",
        )
    times, arrays, selected = (np.concatenate(column) for column in zip(*found, strict=True))
    return times, arrays, selected


def _pair(
    times: list[Times], names: Sequence[str], store: FrameStore, index: FrameIndex
) -> list[Rows]:
    """Match the frames of several channels by time, and return one index array per channel.

    The index arrays select the frames at the times for which all channels have a frame.
    """
    kept = np.arange(len(times[0]))
    partners: list[Rows] = []
    for other in times[1:]:
        order = np.argsort(other, kind="stable")
        chosen, points = nearest(other[order], times[0], PAIR_TOLERANCE)
        partner = np.full(len(times[0]), -1)
        partner[points] = order[chosen]
        partners.append(partner)
        kept = kept[partner[kept] >= 0]
    if not len(kept):
        raise AstrodomeError(
            f"No frames found in {store.location} for which the times of the channels "
            f"{', '.join(names)} differ by at most 3 minutes."
        )
    if lost := len(times[0]) - len(kept):
        index.warnings.append(
            f"Skipped {lost} of {len(times[0])} frames because another channel has no frame at the "
            "same time."
        )
    return [kept, *(partner[kept] for partner in partners)]
