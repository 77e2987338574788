"""Prefetch the chunks of a store in threads, and cache the preprocessed frames."""

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
"""Maximum size in bytes of the decoded chunks that are prefetched."""
M_MMAP_THRESHOLD = -3


def read_frames(array: ChannelFrames, chunk: int, rows: Sequence[int]) -> Tensor:
    """Read frames from one chunk.

    ``rows`` contains the indices of the frames in ``array``, in ascending order. The returned
    tensor has the shape (n, H, W) and contains intensities in the units of the store.
    """
    frames = array.read_chunk(chunk)
    if len(rows) < len(frames):
        frames = frames[[row - chunk * array.chunk for row in rows]]
    return torch.from_numpy(frames)


def invalid(frames: Tensor) -> Tensor:
    """Return a mask with shape (n,) that is True for frames with NaN or infinite pixels."""
    return ~torch.isfinite(frames).flatten(1).all(1)


class ChunkCache:
    """Cache of preprocessed chunks. The chunks that are expected next are prefetched in threads.

    Parameters
    ----------
    read
        Function that returns the preprocessed frames in a chunk.
    size
        Maximum number of chunks in the cache.
    ahead
        Number of chunks to prefetch, and number of threads.
    """

    def __init__(self, read: Callable[[ChunkKey], Tensor], size: int, ahead: int) -> None:
        self._read, self._size, self._ahead = read, size, ahead
        self._cached: OrderedDict[ChunkKey, Future[Tensor]] = OrderedDict()
        self._order: list[ChunkKey] = []
        self._place: dict[ChunkKey, int] = {}
        self._pool: ThreadPoolExecutor | None = None

    def expect(self, keys: Iterable[ChunkKey]) -> None:
        """Set the order in which chunks will be requested."""
        self._order = list(keys)
        self._place = {key: place for place, key in enumerate(self._order)}

    def get(self, key: ChunkKey) -> Tensor:
        """Return the preprocessed frames in a chunk.

        If an exception occurred while the chunk was read, this exception is raised.
        """
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
        """Return the state for pickling, without the threads and the cached chunks."""
        return {**self.__dict__, "_cached": OrderedDict(), "_pool": None}


def release_memory_early() -> None:
    """Make glibc return the memory of freed chunks to the operating system immediately.

    By default, glibc keeps freed memory of up to 32 MiB in a separate heap for each thread. Chunks
    have about this size, so the process would hold several times the memory that it uses. If many
    batches of images are scored, the heap grows in the same way.
    """
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 2**22)


def reading_threads(chunk_bytes: int, workers: int = 0) -> int:
    """Return the number of chunks to read concurrently.

    The number is ``workers``, or the number of CPU cores if ``workers`` is 0. It is reduced if the
    chunks are so large that they would need more than ``MAX_BYTES_AHEAD``.
    """
    return max(1, min(workers or compute.cores(), MAX_BYTES_AHEAD // max(1, chunk_bytes)))
