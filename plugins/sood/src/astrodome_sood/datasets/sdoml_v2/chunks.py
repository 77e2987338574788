"""Chunks of a store, decoded once when they are first needed and read ahead by threads.

Only what a network sees is kept: frames resized and scaled, a few chunks of them.
"""

from __future__ import annotations

import ctypes
import platform
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

import torch
from astrodome import AstrodomeError, compute
from torch import Tensor

from .. import channels
from .archive import Recording
from .frames import Key

M_MMAP_THRESHOLD = -3
IN_FLIGHT = 128 * 2**20
"""Bytes of undecoded frames that may be read ahead."""
Value = TypeVar("Value")


class Reader:
    """What a chunk's chosen frames look like to a network, (n, size, size) in [-1, 1]."""

    def __init__(
        self,
        recordings: Sequence[Recording],
        rows: Mapping[Key, Sequence[int]],
        size: int,
        mask_factor: float | None,
    ) -> None:
        self._recordings, self._rows = recordings, rows
        self._size, self._factor = size, mask_factor

    def read(self, key: Key) -> Tensor:
        """The frames of a chunk that are wanted: ``rows[key]``, in ascending order.

        Raises AstrodomeError when the chunk cannot be read or a frame has pixels without value.
        """
        recording, rows = self._recordings[key[0]], self._rows[key]
        raw = raw_frames(recording, key[1], rows)
        bad = ~torch.isfinite(raw).flatten(1).all(1)
        if bad.any():
            row = rows[int(bad.nonzero()[0])]
            raise AstrodomeError(
                f"Frame {row} of {recording.name} has pixels without a value.",
                "Leave it out: data.sdo_ml_v2.check_frames finds such frames before they are used.",
            )
        mask = channels.disk(raw.shape[-1], self._factor) if self._factor else None
        seen = torch.empty((len(rows), self._size, self._size))
        for frame, place in zip(raw, seen, strict=True):  # one at a time stays in the cache
            place[:] = channels.prepared(frame[None], recording.channel, self._size, mask)[0]
        return seen


def raw_frames(recording: Recording, chunk: int, rows: Sequence[int]) -> Tensor:
    """Frames ``rows`` (ascending, of one chunk) in the units of the store, (n, H, W)."""
    start = chunk * recording.chunk
    pixels = recording.pixels(start, min(start + recording.chunk, len(recording)))
    if len(rows) == len(pixels):
        return torch.from_numpy(pixels)
    return torch.from_numpy(pixels[[row - start for row in rows]])


class ReadAhead(Generic[Value]):
    """Values by key, kept while they are likely to be asked for again.

    ``expect`` tells in which order keys will come; the next ``ahead`` of them are made by
    threads meanwhile. At most ``keep`` values are held.
    """

    def __init__(self, make: Callable[[Key], Value], keep: int, ahead: int) -> None:
        self._make, self._keep, self._ahead = make, keep, ahead
        self._held: OrderedDict[Key, Future[Value]] = OrderedDict()
        self._order: list[Key] = []
        self._place: dict[Key, int] = {}
        self._pool: ThreadPoolExecutor | None = None

    def expect(self, keys: Iterable[Key]) -> None:
        """The order in which keys will be asked for from now on."""
        self._order = list(keys)
        self._place = {key: place for place, key in enumerate(self._order)}

    def get(self, key: Key) -> Value:
        """The value of a key; what making it raised, is raised here."""
        future = self._held.get(key) or self._submit(key)
        self._held.move_to_end(key)
        place = self._place.get(key)
        if place is not None:
            for following in self._order[place + 1 : place + 1 + self._ahead]:
                if following not in self._held:
                    self._submit(following)
        while len(self._held) > self._keep:
            self._held.popitem(last=False)
        try:
            return future.result()
        except BaseException:
            self._held.pop(key, None)
            raise

    def _submit(self, key: Key) -> Future[Value]:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(max(1, self._ahead), "read-ahead")
        future = self._held[key] = self._pool.submit(self._make, key)
        return future

    def __getstate__(self) -> dict[str, object]:
        """Without threads and what they have made, for another process."""
        return {**self.__dict__, "_held": OrderedDict(), "_pool": None}


def give_back() -> None:
    """Have freed chunks go back to the system at once.

    glibc keeps freed blocks of up to 32 MiB for the next one, in a heap for each thread, and
    chunks are of that size: a reader would hold several times what it uses.
    """
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 2**22)


def threads(chunk_bytes: int) -> int:
    """How many chunks to read at a time: one a core, as far as memory allows."""
    return max(1, min(compute.cores(), IN_FLIGHT // max(1, chunk_bytes)))
