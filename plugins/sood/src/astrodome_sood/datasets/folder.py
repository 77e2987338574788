"""A folder of images, decoded once into memory (or a scratch file when they are many).

Eight bits a pixel are kept, as the JPEG images of the Sun have them, so that an epoch
costs no decoding and needs no worker processes.
"""

from __future__ import annotations

import math
import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from astrodome import AstrodomeError, compute, files
from numpy.typing import NDArray
from PIL import Image

ENDINGS = (".jpeg", ".jpg", ".png")
NAME = re.compile(r"(?P<time>\d{4}-\d\d-\d\dT\d{6})__(?P<wave>\d+)(?:__(?P<part>.+))?")
Levels = NDArray[np.unsignedinteger[Any]]
IN_MEMORY = 2**30
"""Bytes of pixels above which they go to a scratch file instead of memory."""


def find(folder: Path) -> list[Path]:
    """The images at any depth of a folder, in the order of their names.

    Raises AstrodomeError when the folder is not there or holds none.
    """
    if not folder.is_dir():
        raise AstrodomeError(f"There is no folder {folder}.", "Check the path of the images.")
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in ENDINGS and not path.name.startswith(".")
    )
    if not found:
        raise AstrodomeError(
            f"{folder} holds no image.", f"Looked for {', '.join(ENDINGS)}, also in subfolders."
        )
    return found


def describe(path: Path) -> dict[str, Any]:
    """What ``{%Y-%m-%dT%H%M%S}__{wave}[__{part}]`` says; None where a name says nothing.

    Keys: ``path`` (absolute), ``t_obs`` (ISO 8601, UTC), ``wavelength`` (angstrom), ``part``.
    """
    about: dict[str, Any] = dict.fromkeys(("t_obs", "wavelength", "part"))
    if match := NAME.fullmatch(path.stem):
        try:
            time = datetime.strptime(match["time"], "%Y-%m-%dT%H%M%S").replace(tzinfo=UTC)
        except ValueError:
            time = None
        about |= {
            "t_obs": time and time.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "wavelength": int(match["wave"]),
            "part": match["part"],
        }
    return {"path": str(path.absolute()), **about}


def decode(path: Path, size: int) -> NDArray[np.uint8]:
    """One image as grey levels, shape (size, size).

    Raises ValueError or OSError when it cannot be read whole.
    """
    with Image.open(path) as image:
        image.draft("L", (2 * size, 2 * size))  # the codec skips what resizing would drop
        if image.mode.startswith("I"):  # 16 bits, which convert would clip
            grey = Image.fromarray((np.asarray(image) / 257).round().astype(np.uint8))
        else:
            grey = image.convert("L")
        if grey.size != (size, size):
            grey = grey.resize((size, size), Image.Resampling.BILINEAR)
        return np.asarray(grey)


@dataclass(frozen=True)
class Kind:
    """A kind of image files: how to find, decode and describe them, and the levels of a pixel."""

    find: Callable[[Path], list[Path]] = find
    decode: Callable[[Path, int], Levels] = decode
    describe: Callable[[Path], Mapping[str, Any]] = describe
    levels: type[np.unsignedinteger[Any]] = np.uint8


PICTURES = Kind()


class FolderImages:
    """Images of a folder: a sequence of float32 (1, size, size) in [-1, 1].

    ``failed`` holds (name, reason) of the images that could not be read.
    """

    def __init__(
        self,
        pixels: Levels,
        paths: Sequence[Path],
        rows: NDArray[np.int64],
        kind: Kind = PICTURES,
    ) -> None:
        self.paths = list(paths)
        self.failed: list[tuple[str, str]] = []
        self._pixels, self._rows, self._kind = pixels, rows, kind

    @classmethod
    def read(cls, folder: Path, size: int, threads: int = 0, kind: Kind = PICTURES) -> FolderImages:
        """Decode every image of a folder to ``size`` px; a bad one is left out and named.

        Raises AstrodomeError when there is no image, or none that can be read.
        """
        paths = kind.find(folder)
        pixels = _store((len(paths), size, size), kind.levels)
        good: list[Path] = []
        failed: list[tuple[str, str]] = []
        with ThreadPoolExecutor(threads or compute.cores()) as pool:
            for path, (image, why) in zip(
                paths, pool.map(lambda path: _tried(kind, path, size), paths), strict=True
            ):
                if image is None:
                    failed.append((str(path.relative_to(folder)), why))
                else:
                    pixels[len(good)] = image
                    good.append(path)
        if not good:
            raise AstrodomeError(
                f"None of the {len(paths)} images in {folder} can be read.",
                f"The first one, {failed[0][0]}: {failed[0][1]}",
            )
        images = cls(pixels, good, np.arange(len(good)), kind)
        images.failed = failed
        return images

    def digest(self) -> str:
        """SHA-256 over names and contents of the files."""
        return files.digest(self.paths)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        image: NDArray[np.float32] = self.batch([index])[0]
        return image

    def batch(self, indices: Sequence[int]) -> NDArray[np.float32]:
        """Several images at once, float32 (N, 1, size, size) in [-1, 1]."""
        rows = self._rows[indices]
        pixels: NDArray[np.float32] = self._pixels[rows, None].astype(np.float32)
        pixels *= np.float32(2 / np.iinfo(self._kind.levels).max)
        pixels -= np.float32(1)
        return pixels

    def describe(self, index: int) -> Mapping[str, Any]:
        return self._kind.describe(self.paths[index])

    def split(self, share: float, seed: int) -> tuple[FolderImages, FolderImages]:
        """Two disjoint parts, the second of about ``share`` of the images.

        Parts of one observation stay together when there are ten observations or
        more, since random patches of an image overlap.
        """
        if len(self) < 2:
            raise AstrodomeError("Training needs two images or more: one is for validation.")
        names = [path.stem.split("__")[:2] for path in self.paths]
        groups = np.unique(["__".join(name) for name in names], return_inverse=True)[1]
        if groups.max() + 1 < 10:
            groups = np.arange(len(self))
        order = np.random.default_rng(seed).permutation(groups.max() + 1)
        held = order[: min(max(1, round(share * len(order))), len(order) - 1)]
        validation = np.isin(groups, held)
        return self._part(~validation), self._part(validation)

    def _part(self, chosen: NDArray[np.bool_]) -> FolderImages:
        indices = np.flatnonzero(chosen)
        paths = [self.paths[i] for i in indices]
        return FolderImages(self._pixels, paths, self._rows[indices], self._kind)


def _tried(kind: Kind, path: Path, size: int) -> tuple[Levels | None, str]:
    try:
        return kind.decode(path, size), ""
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return None, " ".join(str(error).split()) or type(error).__name__


def _store(shape: tuple[int, int, int], levels: type[np.unsignedinteger[Any]]) -> Levels:
    size = math.prod(shape) * np.dtype(levels).itemsize
    if size <= IN_MEMORY:
        return np.empty(shape, levels)
    with tempfile.TemporaryFile(prefix="astrodome-") as scratch:
        if hasattr(os, "posix_fallocate"):  # a full disk is an error now and not a crash later
            os.posix_fallocate(scratch.fileno(), 0, size)
        return np.memmap(scratch, levels, "w+", shape=shape)
