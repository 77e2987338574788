"""Read chunks of a store ahead of time in threads, and keep the prepared frames of a few."""

from __future__ import annotations

import ctypes
import platform
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from astrodome import compute
from torch import Tensor

from .frames import ChunkKey
from .store import ChannelFrames

MAX_BYTES_AHEAD = 128 * 2**20
"""Maximum size of undecoded frames that are read ahead."""
M_MMAP_THRESHOLD = -3


def read_frames(array: ChannelFrames, chunk: int, rows: Sequence[int]) -> Tensor:
    """Return frames of one chunk in the units of the store, (n, H, W); ``rows`` ascend."""
    frames = array.read_chunk(chunk)
    if len(rows) < len(frames):
        frames = frames[[row - chunk * array.chunk for row in rows]]
    return torch.from_numpy(frames)


def invalid(frames: Tensor) -> Tensor:
    """Return the mask (n,) of frames with pixels that are NaN or infinite."""
    return ~torch.isfinite(frames).flatten(1).all(1)


class ChunkCache:
    """Cache of prepared chunks that reads the next chunks of an expected order in threads.

    Parameters
    ----------
    read
        Function that returns the prepared frames of a chunk.
    size
        Maximum number of chunks in the cache.
    ahead
        Number of chunks to read ahead, and number of threads.
    """

    def __init__(self, read: Callable[[ChunkKey], Tensor], size: int, ahead: int) -> None:
        self._read, self._size, self._ahead = read, size, ahead
        self._cached: OrderedDict[ChunkKey, Future[Tensor]] = OrderedDict()
        self._order: list[ChunkKey] = []
        self._place: dict[ChunkKey, int] = {}
        self._pool: ThreadPoolExecutor | None = None

    def expect(self, keys: Iterable[ChunkKey]) -> None:
        """Set the order in which chunks will be used."""
        self._order = list(keys)
        self._place = {key: place for place, key in enumerate(self._order)}

    def get(self, key: ChunkKey) -> Tensor:
        """Return a chunk. Raises the exception that was raised while it was read."""
        future = self._cached.get(key) or self._submit(key)
        self._cached.move_to_end(key)
        if (place := self._place.get(key)) is not None:
            for following in self._order[place + 1 : place + 1 + self._ahead]:
                if following not in self._cached:
                    self._submit(following)
        while len(self._cached) > self._size:
            self._cached.popitem(last=False)
        try:
            return future.result()
        except BaseException:
            self._cached.pop(key, None)
            raise

    def _submit(self, key: ChunkKey) -> Future[Tensor]:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(max(1, self._ahead), "read-ahead")
        future = self._cached[key] = self._pool.submit(self._read, key)
        return future

    def __getstate__(self) -> dict[str, object]:
        """Return the state for another process, without threads and cached chunks."""
        return {**self.__dict__, "_cached": OrderedDict(), "_pool": None}


def release_memory_early() -> None:
    """Make glibc return freed chunks to the system immediately.

    By default, glibc keeps freed blocks of up to 32 MiB in a separate heap for each thread. Chunks
    have this size, so the process would hold several times the memory that it uses.
    """
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 2**22)


def reading_threads(chunk_bytes: int, workers: int = 0) -> int:
    """Return the number of chunks to read at the same time: ``workers``, or one per CPU core.

    Fewer are returned if the chunks are large.
    """
    return max(1, min(workers or compute.cores(), MAX_BYTES_AHEAD // max(1, chunk_bytes)))
