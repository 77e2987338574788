"""Build a zarr store with the layout of SDO ML v2 from FITS files and images.

As in the published SDO ML v2 store, the solar disk has the same radius and position in all frames,
row 0 is the southernmost row, and intensities are divided by the exposure time. Gray levels of JPEG
and PNG images are converted to the intensities that they represent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
import zarr
from astrodome import AstrodomeError, InvalidInputError, compute, errors, temporary
from astrodome_solar.formats.reading import read_image
from astrodome_solar.formats.solar_image import SolarImage
from astrodome_solar.metadata import NAME, find_row
from numcodecs import Blosc
from numpy.typing import NDArray

from ... import progress
from .. import folder
from ..scaling import DISK_RADIUS, resize
from .images import NOT_FINITE

Row = tuple[int, dict[str, Any]]
"""Index of a frame, and attributes of the frame."""
EXTENSIONS = (*folder.EXTENSIONS, ".fits", ".fits.gz", ".fit", ".fts", ".jp2")


@dataclass(frozen=True)
class StoreLayout:
    """Frame size, chunk size and shard size of a store.

    ``size`` is the width and height of the frames in pixels. ``chunk`` is the number of frames in
    a chunk. ``zarr_format`` is the version of the zarr format. ``shard`` is the number of frames in
    a shard; 0 disables sharding.
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
            "No images or FITS files found in the specified folders.",
            f"Expected files with the extensions {', '.join(EXTENSIONS)}.",
        )
    return list(found)


def plan_build(sources: Iterable[Path], out: Path, layout: StoreLayout) -> list[Path]:
    """Return the files that :func:`build` would read, after checking the layout and ``out``."""
    if layout.shard and (layout.zarr_format < 3 or layout.shard % layout.chunk):
        raise InvalidInputError(
            f"Invalid shard size {layout.shard} for the chunk size {layout.chunk} and "
            f"zarr_format {layout.zarr_format}: sharding requires zarr_format 3, and the shard "
            "size must be a multiple of the chunk size.",
            "For example, set zarr_format to 3, chunk to 12 and shard to 120.",
        )
    if out.exists():
        raise AstrodomeError(
            f"{out} already exists.", "Specify another folder, or delete the existing one."
        )
    return find_sources(sources)


def build(
    sources: Iterable[Path], out: Path, layout: StoreLayout | None = None, **options: Any
) -> compute.Outcome:
    """Write all images to a store, grouped by year and channel and sorted by time.

    ``out`` is created only when the store is complete. ``options`` are passed to
    :func:`astrodome_solar.read_image`. The returned outcome lists the images that cannot be used.
    Raises AstrodomeError if ``out`` already exists, or if no image can be used.
    """
    layout = layout or StoreLayout()
    paths = plan_build(sources, out, layout)
    out.parent.mkdir(parents=True, exist_ok=True)
    with temporary.folder(out) as target:
        root = zarr.open_group(str(target), mode="w", zarr_format=layout.zarr_format)  # type: ignore[arg-type]
        unsorted = target / ".frames.npy"  # The time and the channel are known only after reading.
        shape = (len(paths), layout.size, layout.size)
        frames = np.lib.format.open_memmap(unsorted, "w+", np.float32, shape)
        groups, failed = _read_frames(paths, frames, options)
        if not groups:
            raise AstrodomeError(
                f"None of the {len(failed)} images can be used.",
                f"First error: {failed[0][0]}: {failed[0][1]}",
            )
        for (year, channel), found in sorted(groups.items()):
            rows = [found[time] for time in sorted(found)]
            _write(root.require_group(year), channel, frames, rows, layout)
        unsorted.unlink()
        if layout.zarr_format == 2:
            zarr.consolidate_metadata(str(target), zarr_format=2)
        target.rename(out)
    return compute.Outcome(done=sum(map(len, groups.values())), failed=failed)


def _read_frames(
    paths: Sequence[Path], frames: NDArray[np.float32], options: Mapping[str, Any]
) -> tuple[dict[tuple[str, str], dict[datetime, Row]], list[tuple[str, str]]]:
    """Read each image once, and write its frame to ``frames``.

    Return the index and the attributes of each frame, grouped by (year, channel) and keyed by time.
    Also return a tuple (name, error message) for each image that cannot be used.
    """

    def read(path: Path) -> tuple[datetime, str, NDArray[np.float32], dict[str, Any]]:
        image = read_image(path, **options)
        return image.time, image.channel.name, *to_frame(image, path, frames.shape[1])

    groups: dict[tuple[str, str], dict[datetime, Row]] = {}
    failed: list[tuple[str, str]] = []
    with progress.task("Building", len(paths), resumes=False) as task:
        for row, done in enumerate(compute.map(read, paths, threads=True, ordered=True)):
            task.advance()
            if done.value is None:
                failed.append((str(done.item), done.error.removeprefix(f"{done.item}: ")))
                continue
            time, channel, frames[row], about = done.value
            group = groups.setdefault((str(time.year), channel), {})
            if time in group:
                other = paths[group[time][0]]
                failed.append((str(done.item), f"The image {other} has the same channel and time."))
            else:
                group[time] = row, about
    return groups, failed


def to_frame(
    image: SolarImage, path: Path, size: int
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """Convert an image to a frame and its attributes.

    The frame is a float32 array with shape (size, size), whose row 0 is the southernmost row. The
    disk is moved and scaled to the position and radius used in SDO ML. An image file without a
    metadata table is only resized. Raises AstrodomeError if the image or its geometry is invalid.
    """
    t_obs = image.time.isoformat(timespec="milliseconds") + "Z"
    about: dict[str, Any] = {"T_OBS": t_obs, "WAVELNTH": image.wavelength}
    if image.header:
        about |= {"EXPTIME": image.exposure, "QUALITY": image.quality}
        about |= {key: image.header.get(key.lower()) for key in ("NSPIKES", "NSATPIX")}
        about["DATE-OBS"] = image.header.get("date-obs")  # Preserves leap seconds.
    upright = image.north_up(order=1)
    frame = upright.intensities()
    if not np.isfinite(frame).all():
        raise AstrodomeError(NOT_FINITE)
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
    starts = [round(center[axis] - side / 2) for axis in (1, 0)]
    missing = [
        (max(0, -start), max(0, start + side - length))
        for start, length in zip(starts, frame.shape, strict=True)
    ]
    padded = np.pad(frame, missing, constant_values=frame.min())
    below, left = (max(0, start) for start in starts)
    return _resize(padded[below : below + side, left : left + side], size)


def _resize(frame: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    return resize(torch.from_numpy(np.ascontiguousarray(frame))[None], size)[0].numpy()


def _write(
    group: zarr.Group,
    channel: str,
    frames: NDArray[np.float32],
    rows: Sequence[Row],
    layout: StoreLayout,
) -> None:
    """Write the frames of a channel, one chunk or shard at a time."""
    options: dict[str, Any] = {"chunks": (layout.chunk, layout.size, layout.size)}
    if layout.zarr_format == 2:
        options["compressors"] = Blosc(cname="lz4", clevel=5, shuffle=Blosc.SHUFFLE)
    if layout.shard:
        options["shards"] = (layout.shard, layout.size, layout.size)
    shape = (len(rows), layout.size, layout.size)
    array = group.create_array(channel, shape=shape, dtype="float32", **options)
    block = layout.shard or layout.chunk
    for start in range(0, len(rows), block):
        stop = start + block
        array[start:stop] = frames[[row for row, _ in rows[start:stop]]]
    names = sorted(set().union(*(about for _, about in rows)))
    array.attrs.update({name: [about.get(name) for _, about in rows] for name in names})
