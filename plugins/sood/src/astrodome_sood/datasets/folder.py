"""Read the image files in a folder as an image data set.

Each image is decoded only once. The decoded pixels are stored as unsigned integers, in memory or,
if the array is large, in a temporary file. Therefore, training requires no worker processes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from astrodome import AstrodomeError, compute, errors, files
from astrodome_solar.filenames import parse_file_name
from astrodome_solar.geometry import ImageGeometry
from astrodome_solar.metadata import NAME as TABLE
from astrodome_solar.metadata import find_row
from numpy.typing import NDArray
from PIL import Image

from .arrays import allocate

EXTENSIONS = (".jpeg", ".jpg", ".png")
Pixels = NDArray[np.unsignedinteger[Any]]
MIN_OBSERVATIONS = 10
"""Minimum number of observations in a data set that is split by observation, not by image."""
STORE_FILES = (".zgroup", "zarr.json")
"""Names of files in the folder of a zarr store."""


def find(folder: Path) -> list[Path]:
    """Return the paths of the images in a folder and its subfolders, in sorted order.

    Raises AstrodomeError if the folder does not exist or contains no images.
    """
    if not folder.is_dir():
        raise errors.not_found(folder, "Check the path of the images.", kind="Folder")
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in EXTENSIONS and not path.name.startswith(".")
    )
    if not found:
        hint = f"Supported file extensions: {', '.join(EXTENSIONS)}. Subfolders are included."
        if any((folder / name).is_file() for name in STORE_FILES):
            hint = "For an SDO ML v2 store, use --set data.dataset=SDOMLDatasetV2."
        raise AstrodomeError(f"No images found in {folder}.", hint)
    return found


def describe(path: Path) -> dict[str, Any]:
    """Parse the metadata in a file name such as ``2012-03-07T000200__171__3.jpeg``.

    Return a dict with the keys ``path`` (absolute), ``t_obs`` (ISO 8601, UTC), ``wavelength`` (in
    angstroms) and ``part`` (patch number or observable). Values that are not in the name are None.
    """
    name = parse_file_name(path)
    return {
        "path": str(path.absolute()),
        "t_obs": name and f"{name.time.isoformat()}Z",
        "wavelength": name and name.wavelength,
        "part": (name and "_".join(filter(None, (name.quantity, name.part)))) or None,
    }


def geometry(path: Path, size: int) -> ImageGeometry:
    """Read the geometry of an image with ``size`` × ``size`` pixels from the metadata table.

    The table is the file ``meta.csv`` in the folder of the image or in one of its parent folders.
    Raises AstrodomeError if the file name contains no time, or if the table does not contain the
    geometry of the image.
    """
    name = parse_file_name(path)
    if name is None:
        raise AstrodomeError(
            f"The file name does not contain a time and a wavelength: {path}",
            "Expected a file name such as 2012-03-07T000200__171.jpeg.",
        )
    return ImageGeometry.from_metadata(find_row(path), size, size, name.time)


def decode(path: Path, size: int) -> Pixels:
    """Decode an image file to an array of gray levels with shape (size, size).

    Raises ValueError or OSError if the file is damaged or is not an image.
    """
    with Image.open(path) as image:
        image.draft("L", (2 * size, 2 * size))  # Decode JPEG files at a reduced resolution.
        if image.mode.startswith("I"):  # convert("L") would clip 16-bit values.
            gray = Image.fromarray((np.asarray(image) / 257).round().astype(np.uint8))
        else:
            gray = image.convert("L")
        if gray.size != (size, size):
            gray = gray.resize((size, size), Image.Resampling.BILINEAR)
        return np.asarray(gray)


def enlargement(path: Path, size: int) -> str:
    """Return a warning if an image file has less than ``size`` pixels, else an empty string."""
    with Image.open(path) as image:
        width, height = image.size
    if min(width, height) >= size:
        return ""
    return (
        f"Images are enlarged to {size} x {size} pixels: {path.name} has {width} x {height} "
        "pixels. To keep the resolution, train with a smaller --target-size (model.target_size)."
    )


def keywords(path: Path) -> list[Mapping[str, Any]]:
    """Return the row of an image in the metadata table, or an empty list if it does not exist."""
    if not any((parent / TABLE).is_file() for parent in path.absolute().parents):
        return []
    try:
        return [find_row(path)]
    except AstrodomeError:
        return []


class FolderImages:
    """Sequence of the images in a folder.

    Each image is a float32 array with shape (1, size, size) and values in [-1, 1]. ``failed``
    contains a tuple (name, error message) for each image that could not be read. Subclasses
    override the methods that read the files.
    """

    find = staticmethod(find)
    decode = staticmethod(decode)
    describe_file = staticmethod(describe)
    file_geometry = staticmethod(geometry)
    file_keywords = staticmethod(keywords)
    dtype: ClassVar[type[np.unsignedinteger[Any]]] = np.uint8

    def __init__(self, folder: Path, size: int, threads: int = 0) -> None:
        """Decode all images in a folder to ``size`` × ``size`` pixels, and skip invalid images.

        Raises AstrodomeError if the folder contains no images, or if none of them can be read.
        """
        paths = self.find(folder)
        self.paths: list[Path] = []
        self.location = str(folder.absolute())
        self.failed: list[tuple[str, str]] = []
        self.warnings: list[str] = []
        self._pixels = allocate((len(paths), size, size), self.dtype)
        decode = partial(self.decode, size=size)
        for done in compute.map(decode, paths, jobs=threads, threads=True, ordered=True):
            if done.value is None:
                self.failed.append((str(done.item.relative_to(folder)), done.error))
            else:
                self._pixels[len(self.paths)] = done.value
                self.paths.append(done.item)
        if not self.paths:
            raise AstrodomeError(
                f"None of the {len(paths)} images in {folder} can be read.",
                f"First error: {self.failed[0][0]}: {self.failed[0][1]}",
            )
        self._rows = np.arange(len(self.paths))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.location}: {len(self)} images>"

    def digest(self) -> str:
        """Return the SHA-256 digest of the file names and the file contents."""
        return files.digest(self.paths)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        image: NDArray[np.float32] = self.batch([index])[0]
        return image

    def batch(self, indices: Sequence[int]) -> NDArray[np.float32]:
        """Return images as a float32 array with shape (N, 1, size, size) and values in [-1, 1]."""
        pixels: NDArray[np.float32] = self._pixels[self._rows[indices], None].astype(np.float32)
        pixels *= np.float32(2 / np.iinfo(self.dtype).max)
        pixels -= np.float32(1)
        return pixels

    def describe(self, index: int) -> Mapping[str, Any]:
        """Return the metadata from the file name of an image; see :func:`describe`."""
        return self.describe_file(self.paths[index])

    def keywords(self, index: int) -> list[Mapping[str, Any]]:
        """Return the row of an image in the metadata table; see :func:`keywords`."""
        return self.file_keywords(self.paths[index])

    def geometry(self, index: int) -> ImageGeometry:
        """Return the geometry of an image.

        Raises AstrodomeError if the geometry is unknown.
        """
        return self.file_geometry(self.paths[index], self._pixels.shape[-1])

    def split(self, share: float, seed: int) -> tuple[FolderImages, FolderImages]:
        """Split the images into a training set and a validation set.

        ``share`` is the approximate fraction of the images in the validation set. Random patches
        from the same observation can overlap. If there are at least ten observations, all patches
        from an observation are therefore in the same set.
        """
        if len(self) < 2:
            raise AstrodomeError(
                f"Training requires at least two images, got {len(self)}.",
                "At least one image is used for training, and at least one for validation.",
            )
        names = ["__".join(path.stem.split("__")[:2]) for path in self.paths]
        groups = np.unique(names, return_inverse=True)[1]
        if groups.max() + 1 < MIN_OBSERVATIONS:
            groups = np.arange(len(self))
        order = np.random.default_rng(seed).permutation(groups.max() + 1)
        held = order[: min(max(1, round(share * len(order))), len(order) - 1)]
        validation = np.isin(groups, held)
        return self._part(~validation), self._part(validation)

    def _part(self, chosen: NDArray[np.bool_]) -> FolderImages:
        part = copy(self)
        part.paths = [self.paths[index] for index in np.flatnonzero(chosen)]
        part._rows = self._rows[chosen]
        return part
