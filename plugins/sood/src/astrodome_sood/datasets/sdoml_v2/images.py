"""Image data set that contains frames in an SDO ML v2 store.

Random access to single frames would decode a whole chunk for each frame. Therefore, the chunks are
shuffled and divided into small groups, and the frames in each group are shuffled.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import torch
from astrodome import AstrodomeError, compute
from astrodome_solar.geometry import ImageGeometry
from numpy.typing import NDArray
from torch import Tensor

from ... import progress
from ...config import DataSection
from .. import scaling
from .chunks import ChunkCache, invalid, read_frames, reading_threads, release_memory_early
from .frames import ChunkKey, FrameIndex
from .selection import parse_duration
from .store import ChannelFrames

SHUFFLED_CHUNKS = 6
"""Maximum number of chunks whose frames are shuffled together."""
MAX_PREPARED_BYTES = 64 * 2**20
"""Maximum size in bytes of the preprocessed frames in memory."""
NOT_FINITE = "The image contains NaN or infinite pixels."


def prepare_chunk(
    arrays: Sequence[ChannelFrames],
    rows_by_chunk: Mapping[ChunkKey, Sequence[int]],
    size: int,
    mask_radius: float | None,
    key: ChunkKey,
) -> Tensor:
    """Return the preprocessed frames in a chunk. Raises AstrodomeError if a frame is invalid."""
    array, rows = arrays[key[0]], rows_by_chunk[key]
    frames = read_frames(array, key[1], rows)
    if (bad := invalid(frames)).any():
        raise AstrodomeError(
            f"Frame {rows[int(bad.nonzero()[0])]} of {array.name} contains NaN or infinite pixels.",
            "Set data.sdo_ml_v2.check_frames to true to skip invalid frames.",
        )
    mask = scaling.disk_mask(frames.shape[-1], mask_radius) if mask_radius else None
    return scaling.prepare(frames, array.channel, size, mask)


class StoreImages:
    """Sequence of images, each of which consists of one frame per channel in an SDO ML v2 store.

    Each image is a float32 array with shape (C, size, size) and values in [-1, 1]. ``failed``
    contains a tuple (name, error message) for each frame or array that could not be used.
    """

    def __init__(self, frames: FrameIndex, location: str, size: int, data: DataSection) -> None:
        self.frames, self.location, self.size, self._data = frames, location, size, data
        section = data.sdo_ml_v2
        self._mask_radius = section.mask_limb_radius_scale_factor if section.mask_limb else None
        self.failed, self.warnings = frames.failed, frames.warnings
        self._rows = frames.rows_by_chunk()
        most_rows = max(map(len, self._rows.values()), default=1)
        fitting = MAX_PREPARED_BYTES // (4 * size**2 * most_rows)
        per_image = frames.row.shape[1] if len(frames) else 1
        self._together = max(1, min(SHUFFLED_CHUNKS, fitting // (2 * per_image)))
        largest = max((array.chunk_bytes for array in frames.arrays), default=1)
        self._threads = reading_threads(largest, data.num_data_loader_workers)
        release_memory_early()
        cached = 2 * self._together * per_image + self._threads
        # A method would refer to this object, which would keep the cache in memory after use.
        prepare = partial(prepare_chunk, frames.arrays, self._rows, size, self._mask_radius)
        self._cache = ChunkCache(prepare, cached, self._threads)
        self._cache.expect(self._rows)

    def __len__(self) -> int:
        return len(self.frames)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.location}: {len(self)} images>"

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        image: NDArray[np.float32] = self.batch([index])[0]
        return image

    def batch(self, indices: Sequence[int]) -> NDArray[np.float32]:
        """Return images as a float32 array with shape (N, C, size, size) and values in [-1, 1].

        Raises AstrodomeError if a chunk cannot be read, or if a frame contains NaN or infinite
        pixels.
        """
        frames = [
            self._cache.get(key)[self._rows[key].index(row)]
            for image in indices
            for key, row in zip(self.frames.chunks(image), self.frames.row[image], strict=True)
        ]
        channels = self.frames.row.shape[1]
        result: NDArray[np.float32] = torch.stack(frames).unflatten(0, (-1, channels)).numpy()
        return result

    def order(self, random: torch.Generator) -> list[int]:
        """Return the image indices in random order for one epoch, shuffled in groups of chunks."""
        if self._data.sdo_ml_v2.sampling_strategy != "chunk":
            return list(torch.randperm(len(self), generator=random).tolist())
        images: dict[ChunkKey, list[int]] = {}
        for image in range(len(self)):
            images.setdefault(self.frames.chunks(image)[0], []).append(image)
        chunks = list(images.values())
        shuffled = [chunks[i] for i in torch.randperm(len(chunks), generator=random).tolist()]
        order: list[int] = []
        for start in range(0, len(shuffled), self._together):
            group = list(chain.from_iterable(shuffled[start : start + self._together]))
            order += [group[i] for i in torch.randperm(len(group), generator=random).tolist()]
        self._cache.expect(dict.fromkeys(key for i in order for key in self.frames.chunks(i)))
        return order

    def describe(self, index: int) -> Mapping[str, Any]:
        """Return the metadata of an image; ``path`` refers to the frame of the first channel."""
        array = self.frames.arrays[self.frames.array[index, 0]]
        time = self.frames.times[index].astype("datetime64[s]")
        return {
            "path": f"{array.name}/{self.frames.row[index, 0]}",
            "t_obs": f"{time}Z",
            "wavelength": array.channel.wavelength,
            "part": array.channel.name if array.channel.is_hmi else None,
        }

    def keywords(self, index: int) -> list[Mapping[str, Any]]:
        """Return the attributes of the frame of each channel, for example QUALITY and NSPIKES."""
        places = zip(self.frames.array[index], self.frames.row[index], strict=True)
        return [self.frames.arrays[array].attributes(row) for array, row in places]

    def geometry(self, index: int) -> ImageGeometry:
        """Return the geometry of an image."""
        time = self.frames.times[index].astype("datetime64[us]").item()
        return scaling.frame_geometry(self.size, time)

    def digest(self) -> str:
        """Return the SHA-256 digest of the frame names, frame times and preprocessing settings."""
        digest = hashlib.sha256(repr((self.size, self._mask_radius)).encode())
        for array in self.frames.arrays:
            digest.update(f"{array.year}/{array.channel.name}{array.array.shape}".encode())
        for values in (self.frames.times.astype("int64"), self.frames.array, self.frames.row):
            digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()

    def split(self, share: float, seed: int) -> tuple[StoreImages, StoreImages]:
        """Split the images into a training set and a validation set by time interval.

        Time is divided into intervals with the configured length
        ``train_val_split_temporal_chunk_size``. A random subset of the intervals is used for
        training; ``train_val_split_ratio`` is the fraction of the intervals in it. The argument
        ``share`` is ignored. Raises AstrodomeError if all frames are in one interval.
        """
        section = self._data.sdo_ml_v2
        key = "data.sdo_ml_v2.train_val_split_temporal_chunk_size"
        text = section.train_val_split_temporal_chunk_size
        length = parse_duration(text, key)
        origin = self.frames.times.min().astype("datetime64[D]").astype("datetime64[ms]")
        intervals, interval = np.unique((self.frames.times - origin) // length, return_inverse=True)
        if len(intervals) < 2:
            raise AstrodomeError(
                f"Cannot split {len(self)} frames into training and validation sets, because all "
                f"frames are in one interval of {text}.",
                f"Set {key} to a shorter duration.",
            )
        shuffled = np.random.default_rng(seed).permutation(len(intervals))
        share = section.train_val_split_ratio
        count = min(max(1, round(share * len(intervals))), len(intervals) - 1)
        training = np.isin(interval, shuffled[:count])
        return self._part(training), self._part(~training)

    def _part(self, chosen: NDArray[np.bool_]) -> StoreImages:
        return StoreImages(self.frames.part(chosen), self.location, self.size, self._data)

    def without_invalid_frames(self) -> StoreImages:
        """Read all frames, and return the images that contain no invalid frames.

        Invalid frames are added to ``failed``. Raises AstrodomeError if no images are left.
        """
        good = np.ones(len(self), bool)
        failed = list(self.failed)
        count = sum(map(len, self._rows.values()))
        with progress.task("Checking frames", count, "frames", resumes=False) as task:
            for done in compute.map(
                self._invalid_rows, self._rows, jobs=self._threads, threads=True, ordered=True
            ):
                array, rows = done.item[0], self._rows[done.item]
                for row in rows if done.value is None else done.value:
                    name = f"{self.frames.arrays[array].name}/{row}"
                    failed.append((name, done.error or NOT_FINITE))
                    good &= ~((self.frames.array == array) & (self.frames.row == row)).any(axis=1)
                task.advance(len(rows))
        if not good.any():
            raise AstrodomeError(
                f"None of the {len(self)} frames in {self.location} can be used.",
                f"Last error: {failed[-1][0]}: {failed[-1][1]}",
            )
        checked = self._part(good)
        checked.failed, checked.warnings = failed, self.warnings
        return checked

    def _invalid_rows(self, key: ChunkKey) -> list[int]:
        """Return the selected rows in a chunk that contain NaN or infinite pixels."""
        rows = self._rows[key]
        bad = invalid(read_frames(self.frames.arrays[key[0]], key[1], rows))
        return [rows[i] for i in bad.nonzero()[:, 0].tolist()]
