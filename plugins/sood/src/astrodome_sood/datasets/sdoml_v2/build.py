"""Build a zarr store with the layout of SDO ML v2 from FITS files and images.

As in the published store, the solar disk has the same radius and position in all frames, row 0 is
the southernmost row, and intensities are divided by the exposure time. Grey levels of JPEG and
PNG images are converted to the intensities that they represent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
import zarr
from astrodome import AstrodomeError, compute, errors, temporary
from astrodome_solar.formats.reading import read_image
from astrodome_solar.formats.solar_image import SolarImage
from astrodome_solar.metadata import NAME, find_row
from numcodecs import Blosc
from numpy.typing import NDArray

from ... import progress
from .. import folder
from ..scaling import DISK_RADIUS
from .images import NO_VALUE

Frame = tuple[NDArray[np.float32], dict[str, Any]]
EXTENSIONS = (*folder.EXTENSIONS, ".fits", ".fits.gz", ".fit", ".fts", ".jp2")


@dataclass(frozen=True)
class StoreLayout:
    """Frame size, chunk size and shard size of a store.

    ``size`` is the width and height of the frames in pixels. ``chunk`` is the number of frames in
    a chunk, and ``shard`` is the number of frames in a shard, or 0 to write no shards.
    """

    size: int = 512
    chunk: int = 12
    zarr_format: int = 2
    shard: int = 0


def find_sources(paths: Iterable[Path]) -> list[Path]:
    """Return the given files, and all images and FITS files in the given folders.

    Subfolders are included, and duplicates are removed. Raises AstrodomeError if a path does not
    exist, or if no images or FITS files are found.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise errors.not_found(path, kind="File or folder")
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            is_image = file.name.lower().endswith(EXTENSIONS) and not file.name.startswith(".")
            if file == path or is_image:
                found[file] = None
    if not found:
        raise AstrodomeError(
            "No images found.", f"Expected files with the extensions {', '.join(EXTENSIONS)}."
        )
    return list(found)


def build(
    sources: Iterable[Path], out: Path, layout: StoreLayout | None = None, **options: Any
) -> compute.Outcome:
    """Write all images to a store, grouped by year and channel and sorted by time.

    ``out`` is created only when the store is complete. ``options`` are passed to
    :func:`astrodome_solar.read_image`. The returned outcome lists the images that cannot be used.
    Raises AstrodomeError if ``out`` already exists, or if no image can be used.
    """
    layout = layout or StoreLayout()
    if layout.shard and (layout.zarr_format < 3 or layout.shard % layout.chunk):
        raise AstrodomeError(
            "Shards need zarr format 3 and a whole number of chunks.",
            "For example: --zarr-format 3 --chunk 12 --shard 120",
            exit_code=2,
        )
    if out.exists():
        raise AstrodomeError(f"{out} already exists.", "Choose another --out, or remove it.")
    failed: list[tuple[str, str]] = []
    groups = _group(find_sources(sources), options, failed)
    out.parent.mkdir(parents=True, exist_ok=True)
    done = 0
    with temporary.folder(out) as target:
        root = zarr.open_group(str(target), mode="w", zarr_format=layout.zarr_format)  # type: ignore[arg-type]
        total = sum(len(group) for group in groups.values())
        with progress.task("Building", total, resumes=False) as task:
            for (year, channel), group in groups.items():
                frames = _frames(group, layout.size, options, failed, task)
                done += _write(root.require_group(year), channel, frames, len(group), layout)
        if not done:
            raise AstrodomeError(
                f"None of the {len(failed)} images can be used.", f"{failed[0][0]}: {failed[0][1]}"
            )
        if layout.zarr_format == 2:
            zarr.consolidate_metadata(str(target), zarr_format=2)
        target.rename(out)
    return compute.Outcome(done=done, failed=failed)


def _group(
    paths: Sequence[Path], options: dict[str, Any], failed: list[tuple[str, str]]
) -> dict[tuple[str, str], list[Path]]:
    """Return the image paths sorted by time, keyed by (year, channel)."""

    def read(path: Path) -> tuple[datetime, str]:
        image = read_image(path, **options)
        return image.time, image.channel.name

    found: dict[tuple[str, str], dict[datetime, Path]] = {}
    for done in compute.map(read, paths, threads=True, ordered=True):
        if done.value is None:
            failed.append((str(done.item), done.error.removeprefix(f"{done.item}: ")))
            continue
        time, channel = done.value
        group = found.setdefault((str(time.year), channel), {})
        if time in group:
            failed.append((str(done.item), f"{group[time]} has the same channel and time."))
        else:
            group[time] = done.item
    return {key: [path for _, path in sorted(found[key].items())] for key in sorted(found)}


def _frames(
    group: Sequence[Path],
    size: int,
    options: dict[str, Any],
    failed: list[tuple[str, str]],
    task: progress.Task,
) -> Iterator[Frame]:
    """Yield each valid frame in a group of images, with its attributes."""

    def read(path: Path) -> Frame:
        return to_frame(read_image(path, **options), path, size)

    for done in compute.map(read, group, threads=True, ordered=True):
        task.advance()
        if done.value is None:
            failed.append((str(done.item), done.error.removeprefix(f"{done.item}: ")))
        else:
            yield done.value


def to_frame(image: SolarImage, path: Path, size: int) -> Frame:
    """Convert an image to a frame and its attributes.

    The frame is a float32 array with shape (size, size), whose row 0 is the southernmost row. The
    disk is moved and scaled to the position and radius used in SDO ML. An image file without a
    metadata table is only resized. Raises AstrodomeError if the image or its geometry is invalid.
    """
    t_obs = image.time.isoformat(timespec="milliseconds") + "Z"
    about: dict[str, Any] = {"T_OBS": t_obs, "WAVELNTH": image.wavelength}
    if image.header:
        about |= {"EXPTIME": image.exposure, "QUALITY": image.quality}
        about["DATE-OBS"] = image.header.get("date-obs")  # Preserves leap seconds.
    upright = image.north_up(order=1)
    frame = upright.intensities()
    if not np.isfinite(frame).all():
        raise AstrodomeError(NO_VALUE)
    if not image.header:
        if not any((parent / NAME).is_file() for parent in path.absolute().parents):
            return _resize(frame, size), about
        quality = find_row(path).get("QUALITY")
        about |= {"QUALITY": int(float(quality))} if quality else {}
    geometry = upright.geometry
    (x, y), limb = geometry.to_pixel(np.zeros((1, 2)))[0], geometry.limb()
    radius = float(np.ptp(limb[:, 0]) / 2)
    return _register(frame, radius, (x, upright.height - y), size), about


def _register(
    frame: NDArray[np.float32], radius: float, center: tuple[float, float], size: int
) -> NDArray[np.float32]:
    """Crop and resize a frame so that the disk has the position and radius used in SDO ML."""
    side = round(radius / DISK_RADIUS)
    height, width = frame.shape
    left, below = round(center[0] - side / 2), round(center[1] - side / 2)
    square = np.full((side, side), frame.min(), np.float32)
    from_y, to_y = max(0, below), min(height, below + side)
    from_x, to_x = max(0, left), min(width, left + side)
    if from_y < to_y and from_x < to_x:
        square[from_y - below : to_y - below, from_x - left : to_x - left] = frame[
            from_y:to_y, from_x:to_x
        ]
    return _resize(square, size)


def _resize(frame: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    if frame.shape == (size, size):
        return np.ascontiguousarray(frame)
    image = torch.from_numpy(np.ascontiguousarray(frame))[None, None]
    resized = torch.nn.functional.interpolate(image, (size, size), mode="bilinear", antialias=True)
    result: NDArray[np.float32] = resized[0, 0].numpy()
    return result


def _write(
    group: zarr.Group,
    channel: str,
    frames: Iterable[Frame],
    expected: int,
    layout: StoreLayout,
) -> int:
    """Write the frames of a channel one chunk at a time, and return the number of frames."""
    block = layout.shard or layout.chunk
    options: dict[str, Any] = {"chunks": (layout.chunk, layout.size, layout.size)}
    if layout.zarr_format == 2:
        options["compressors"] = Blosc(cname="lz4", clevel=5, shuffle=Blosc.SHUFFLE)
    if layout.shard:
        options["shards"] = (layout.shard, layout.size, layout.size)
    shape = (expected, layout.size, layout.size)
    array = group.create_array(channel, shape=shape, dtype="float32", **options)
    attributes: list[dict[str, Any]] = []
    held: list[NDArray[np.float32]] = []
    for frame, about in frames:
        held.append(frame)
        attributes.append(about)
        if len(held) == block:
            array[len(attributes) - block : len(attributes)] = np.stack(held)
            held = []
    if held:
        array[len(attributes) - len(held) : len(attributes)] = np.stack(held)
    if not attributes:
        del group[channel]
        return 0
    if len(attributes) < expected:
        array.resize((len(attributes), *shape[1:]))
    names = sorted(set().union(*attributes))
    array.attrs.update({name: [about.get(name) for about in attributes] for name in names})
    return len(attributes)
