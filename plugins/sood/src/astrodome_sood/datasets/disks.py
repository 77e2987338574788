"""Read full-disk images, and cut patches from them in memory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from astrodome import AstrodomeError
from numpy.typing import NDArray

Pixels = NDArray[np.float32]
Corner = tuple[int, int]
"""Column and row of the upper left pixel of a patch."""


@dataclass(frozen=True)
class Disk:
    """Square image in which the solar disk is centered.

    ``pixels`` is a float32 array with shape (side, side) and values in [-1, 1]; row 0 is at the
    top of the image. ``radius`` is the radius of the solar disk in pixels. ``t_obs`` is the
    observation time (ISO 8601, UTC), and ``wavelength`` is in angstroms.
    """

    name: str
    pixels: Pixels = field(repr=False)
    radius: float
    t_obs: str
    wavelength: int

    @property
    def side(self) -> int:
        """Width and height of the image in pixels."""
        return len(self.pixels)

    @cached_property
    def on_disk(self) -> NDArray[np.bool_]:
        """Mask of the pixels on the solar disk, with shape (side, side)."""
        offset = np.arange(self.side) + 0.5 - self.side / 2
        return np.asarray(offset[:, None] ** 2 + offset**2 < self.radius**2)

    def matched_to(self, other: Disk) -> Disk:
        """Return the disk with a linear intensity scale that matches the disk of another image.

        The 1st and 99th percentiles of the intensities on both disks are equal afterwards.
        """
        low, high = np.percentile(self.pixels[self.on_disk], (1, 99))
        to_low, to_high = np.percentile(other.pixels[other.on_disk], (1, 99))
        scaled = (self.pixels - low) * ((to_high - to_low) / max(high - low, 1e-6)) + to_low
        return replace(self, pixels=np.clip(scaled, -1, 1).astype(np.float32))

    def contains(self, corner: Corner, size: int) -> bool:
        """Return whether a patch of ``size`` × ``size`` pixels is completely on the disk."""
        x, y = corner
        middle = self.side / 2
        corners = [(x + i, y + j) for i in (0, size) for j in (0, size)]
        return all((a - middle) ** 2 + (b - middle) ** 2 < self.radius**2 for a, b in corners)

    def grid(self, size: int, left: int = 0, right: int | None = None) -> list[Corner]:
        """Return the corners of adjacent patches on the disk, from column ``left`` to ``right``."""
        stop = self.side if right is None else right
        corners = [
            (x, y)
            for y in range(0, self.side - size + 1, size)
            for x in range(left, stop - size + 1, size)
        ]
        return [corner for corner in corners if self.contains(corner, size)]

    def random_corners(self, count: int, size: int, right: int, seed: int) -> list[Corner]:
        """Return the corners of random patches on the disk, to the left of column ``right``."""
        random = np.random.default_rng(seed)
        found: list[Corner] = []
        while len(found) < count:
            x, y = random.integers(0, (right - size + 1, self.side - size + 1)).tolist()
            if self.contains((x, y), size):
                found.append((x, y))
        return found


def read_disk(
    path: str | os.PathLike[str],
    name: str,
    side: int,
    radius: float,
    plane: int | None = None,
    enlarge: bool = False,
) -> Disk:
    """Read an image file, and scale it so that the solar disk has the given radius in pixels.

    If ``enlarge`` is False, a smaller disk keeps its size. The image is cropped, or padded with
    black, to ``side`` × ``side`` pixels. It is not rotated. Raises AstrodomeError if the geometry
    of the image is unknown.
    """
    from astrodome_solar import read_image
    from PIL import Image

    image = read_image(path, plane=plane)
    limb = image.geometry.limb()
    found = float(np.ptp(limb, axis=0).mean()) / 2
    if not np.isfinite(found) or found <= 0:
        raise AstrodomeError(f"{path}: the radius of the solar disk is unknown.")
    factor = radius / found if enlarge or radius < found else 1.0
    picture = image.to_picture()
    size = (round(picture.width * factor), round(picture.height * factor))
    if size != picture.size:
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    center = limb[:-1].mean(axis=0) * factor
    corner = np.rint(center - side / 2).astype(int)
    box = (*corner.tolist(), *(corner + side).tolist())
    levels = np.asarray(picture.crop(box), np.float32)
    pixels = levels * np.float32(2 / 255) - np.float32(1)
    t_obs = f"{image.time.isoformat(timespec='seconds')}Z"
    return Disk(name, pixels, found * factor, t_obs, image.wavelength)


class DiskPatches:
    """Data set of patches that are cut from one or several disks.

    ``cuts`` contains, for each disk, the corners of its patches. Each image is a float32 array with
    shape (1, size, size). The part number of a patch is its number in the list of corners.
    """

    def __init__(self, cuts: Sequence[tuple[Disk, Sequence[Corner]]], size: int) -> None:
        self.cuts, self.size = [(disk, list(corners)) for disk, corners in cuts], size
        self.location = ", ".join(disk.name for disk, _ in cuts)
        self.failed: list[tuple[str, str]] = []
        self.warnings: list[str] = []
        self._places = [
            (disk, number, corner)
            for disk, corners in self.cuts
            for number, corner in enumerate(corners)
        ]

    def __repr__(self) -> str:
        return f"<DiskPatches {self.location}: {len(self)} images>"

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> Pixels:
        disk, _, (x, y) = self._places[index]
        return disk.pixels[None, y : y + self.size, x : x + self.size]

    def batch(self, indices: Sequence[int]) -> Pixels:
        """Return images as an array with shape (N, 1, size, size)."""
        return np.stack([self[index] for index in indices])

    def describe(self, index: int) -> Mapping[str, Any]:
        """Return the metadata of a patch; see :class:`.ImageSet`."""
        disk, number, _ = self._places[index]
        return {
            "path": f"{disk.name}__{number}",
            "t_obs": disk.t_obs,
            "wavelength": disk.wavelength,
            "part": str(number),
        }

    def digest(self) -> str:
        """Return the SHA-256 digest of the pixels."""
        found = hashlib.sha256()
        for index in range(len(self)):
            found.update(self[index].tobytes())
        return found.hexdigest()

    def split(self, share: float, seed: int) -> tuple[DiskPatches, DiskPatches]:
        """Split the patches at random; ``share`` is the fraction of validation patches."""
        if len(self) < 2:
            raise AstrodomeError(f"Training requires at least two images, got {len(self)}.")
        order = np.random.default_rng(seed).permutation(len(self))
        held = set(order[: min(max(1, round(share * len(self))), len(self) - 1)].tolist())
        return self._part(set(range(len(self))) - held), self._part(held)

    def _part(self, chosen: set[int]) -> DiskPatches:
        part = DiskPatches(self.cuts, self.size)
        part._places = [self._places[index] for index in sorted(chosen)]
        return part
