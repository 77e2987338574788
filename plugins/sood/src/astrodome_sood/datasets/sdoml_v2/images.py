"""Selected frames of a store as an image set, read in the order of the storage's chunks.

Random access would decode a whole chunk for each frame. So chunks come in random order, a
few at a time, and the frames of those few are shuffled together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import torch
from astrodome import AstrodomeError, console
from numpy.typing import NDArray

from . import selection
from .archive import Recording
from .chunks import ReadAhead, Reader, give_back, raw_frames, threads
from .frames import Frames, Key

TOGETHER = 6
"""Chunks whose frames are shuffled together, as far as memory allows."""
PREPARED = 64 * 2**20
"""Bytes of prepared frames to hold."""


@dataclass(frozen=True)
class Look:
    """How frames are prepared and split. ``mask_factor``: scale of the disk to keep, None: all."""

    size: int
    mask_factor: float | None = None
    train_share: float = 0.7
    time_chunk: str = "14d"
    by_chunk: bool = True


class StoreImages:
    """Frames of an SDO ML v2 store: a sequence of float32 (C, size, size) in [-1, 1].

    ``failed`` holds (name, reason) of what could not be used.
    """

    def __init__(self, frames: Frames, look: Look) -> None:
        self.frames, self.look = frames, look
        self.failed = frames.failed
        self.chunks: dict[str, Any] = {}
        self._rows = frames.rows_by_chunk()
        self._slots = {
            key: {row: slot for slot, row in enumerate(rows)} for key, rows in self._rows.items()
        }
        largest = max((len(rows) for rows in self._rows.values()), default=1)
        fits = PREPARED // (4 * look.size**2 * largest)
        each = frames.row.shape[1] if len(frames) else 1
        self._together = max(1, min(TOGETHER, fits // (2 * each)))
        biggest = max((_chunk_bytes(recording) for recording in frames.recordings), default=1)
        reader = Reader(frames.recordings, self._rows, look.size, look.mask_factor)
        ahead = threads(biggest)
        give_back()
        keep = 2 * self._together * each + ahead
        self._blocks = ReadAhead(reader.read, keep, ahead)
        self._blocks.expect(self._rows)

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        image: NDArray[np.float32] = self.batch([index])[0]
        return image

    def batch(self, indices: Sequence[int]) -> NDArray[np.float32]:
        """Several images at once, float32 (N, C, size, size) in [-1, 1]."""
        images = []
        for image in indices:
            keys, rows = self.frames.keys(image), self.frames.row[image]
            images.append(
                torch.stack(
                    [
                        self._blocks.get(key)[self._slots[key][int(row)]]
                        for key, row in zip(keys, rows, strict=True)
                    ]
                )
            )
        result: NDArray[np.float32] = torch.stack(images).numpy()
        return result

    def order(self, random: torch.Generator) -> list[int]:
        """Indices for an epoch: chunks at random, the frames of a few chunks shuffled together."""
        if not self.look.by_chunk:
            return list(torch.randperm(len(self), generator=random).tolist())
        images: dict[Key, list[int]] = {}
        first = zip(
            self.frames.recording[:, 0].tolist(), self.frames.chunk[:, 0].tolist(), strict=True
        )
        for image, key in enumerate(first):
            images.setdefault(key, []).append(image)
        runs = list(images.values())
        shuffled = [runs[i] for i in torch.randperm(len(runs), generator=random).tolist()]
        order: list[int] = []
        for start in range(0, len(shuffled), self._together):
            few = list(chain.from_iterable(shuffled[start : start + self._together]))
            order += [few[i] for i in torch.randperm(len(few), generator=random).tolist()]
        self._blocks.expect(dict.fromkeys(key for i in order for key in self.frames.keys(i)))
        return order

    def describe(self, index: int) -> Mapping[str, Any]:
        recording = self.frames.recordings[self.frames.recording[index, 0]]
        time = self.frames.times[index].astype("datetime64[s]")
        return {
            "path": f"{recording.name}/{self.frames.row[index, 0]}",
            "t_obs": f"{time}Z",
            "wavelength": recording.channel.wavelength,
            "part": recording.channel.name if recording.channel.is_hmi else None,
        }

    def digest(self) -> str:
        """SHA-256 over which frames there are, by name and time, and how they are prepared."""
        told = hashlib.sha256(repr((self.look.size, self.look.mask_factor)).encode())
        for recording in self.frames.recordings:
            told.update(
                f"{recording.year}/{recording.channel.name}{recording.array.shape}".encode()
            )
        for values in (self.frames.times.astype("int64"), self.frames.recording, self.frames.row):
            told.update(np.ascontiguousarray(values).tobytes())
        return told.hexdigest()

    def split(self, share: float, seed: int) -> tuple[StoreImages, StoreImages]:
        """Two parts without a stretch of time in common, which ``chunks`` of each tells.

        Time is cut into ``look.time_chunk``, and whole pieces are drawn by the seed until
        ``look.train_share`` of them are for training; ``share`` is not asked. Raises AstrodomeError
        when all frames lie in one piece.
        """
        length = selection.duration(
            self.look.time_chunk, "data.sdo_ml_v2.train_val_split_temporal_chunk_size"
        )
        origin = self.frames.times.min().astype("datetime64[D]").astype("datetime64[ms]")
        pieces, piece = np.unique((self.frames.times - origin) // length, return_inverse=True)
        if len(pieces) < 2:
            raise AstrodomeError(
                f"All {len(self)} frames lie within {self.look.time_chunk}: training and "
                "validation cannot have different times.",
                "Set data.sdo_ml_v2.train_val_split_temporal_chunk_size to less.",
            )
        drawn = np.random.default_rng(seed).permutation(len(pieces))
        ours = min(max(1, round(self.look.train_share * len(pieces))), len(pieces) - 1)
        training = np.isin(piece, drawn[:ours])
        parts = []
        for chosen in (training, ~training):
            part = StoreImages(self.frames.part(chosen), self.look)
            starts = origin + pieces[np.unique(piece[chosen])] * length
            part.chunks = {
                "length": self.look.time_chunk,
                "starts": [f"{start.astype('datetime64[s]')}Z" for start in starts],
            }
            parts.append(part)
        return parts[0], parts[1]

    def checked(self) -> StoreImages:
        """Without the frames that cannot be read or have pixels without a value.

        ``failed`` names those. Decodes everything once. Raises AstrodomeError when nothing is left.
        """
        good = np.ones(len(self), bool)
        where: dict[tuple[int, int], list[int]] = {}
        for image in range(len(self)):
            for recording, row in zip(
                self.frames.recording[image], self.frames.row[image], strict=True
            ):
                where.setdefault((int(recording), int(row)), []).append(image)
        failed = list(self.failed)
        ahead = threads(max(map(_chunk_bytes, self.frames.recordings)))
        with (
            console.progress("Checking frames", len(where), "frames", resumes=False) as progress,
            ThreadPoolExecutor(ahead) as pool,
        ):
            for key, faults in pool.map(self._faults, self._rows):
                recording = self.frames.recordings[key[0]]
                for row, why in faults.items():
                    failed.append((f"{recording.name}/{row}", why))
                    good[where[key[0], row]] = False
                progress.advance(len(self._rows[key]))
        if not good.any():
            raise AstrodomeError(
                f"None of the {len(self)} frames can be used.", f"{failed[-1][0]}: {failed[-1][1]}"
            )
        images = StoreImages(self.frames.part(good), self.look)
        images.failed = failed
        return images

    def _faults(self, key: Key) -> tuple[Key, dict[int, str]]:
        rows = self._rows[key]
        try:
            raw = raw_frames(self.frames.recordings[key[0]], key[1], rows)
        except AstrodomeError as error:
            return key, dict.fromkeys(rows, error.message)
        bad = ~torch.isfinite(raw).flatten(1).all(1)
        return key, {
            rows[i]: "It has pixels without a value." for i in bad.nonzero()[:, 0].tolist()
        }


def _chunk_bytes(recording: Recording) -> int:
    return (
        recording.chunk * int(np.prod(recording.array.shape[1:])) * recording.array.dtype.itemsize
    )
