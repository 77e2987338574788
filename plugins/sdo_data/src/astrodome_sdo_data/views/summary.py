"""Summarize an image folder: number of images, sizes, time gaps and damaged files."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from mmap import ACCESS_READ, mmap
from pathlib import Path
from statistics import median
from typing import Any, BinaryIO

from astrodome import AstrodomeError, compute
from astrodome_solar.filenames import ImageName, parse_file_name
from astrodome_solar.formats import jpeg2000, raster
from PIL import Image

from ..processing.folders import Advance, image_files

GAP_FACTOR = 1.5
"""Minimum length of a gap as a multiple of the typical step between images."""
END, PNG_END = b"\xff\xd9", b"IEND\xaeB`\x82"
"""End markers of JPEG and JPEG 2000 files, and of PNG files."""
TAIL = 64
"""Number of bytes at the end of a file in which the end marker is expected.

The marker can be followed by padding."""


@dataclass(frozen=True)
class Gap:
    """Time gap between two consecutive images (UTC).

    ``missing`` is the estimated number of images that are missing in the gap.
    """

    after: datetime
    before: datetime
    missing: int


@dataclass
class WavelengthSummary:
    """Summary of the images with the same wavelength, observable and level.

    ``wavelength`` is in angstroms. ``channel`` also contains the observable and level, for example
    ``171`` or ``6173_magnetogram``. ``cadence`` is the typical time between images in seconds, or 0
    if there is only one image. ``bytes`` and ``pixels`` include patches.
    """

    wavelength: int
    channel: str
    times: list[datetime]
    bytes: int
    pixels: Counter[str]
    patches: int
    cadence: float
    gaps: list[Gap]

    @property
    def months(self) -> Counter[str]:
        """Number of images, keyed by month, for example ``2012-01``."""
        return Counter(f"{time:%Y-%m}" for time in self.times)

    def as_dict(self) -> dict[str, Any]:
        """Return the summary as a JSON-serializable dict."""
        return {
            "wavelength": self.wavelength,
            "channel": self.channel,
            "images": len(self.times),
            "patches": self.patches,
            "first": self.times[0] if self.times else None,
            "last": self.times[-1] if self.times else None,
            "cadence_s": self.cadence or None,
            "missing": sum(gap.missing for gap in self.gaps),
            "bytes": self.bytes,
            "pixels": dict(self.pixels.most_common()),
            "months": dict(sorted(self.months.items())),
            "gaps": [vars(gap) for gap in self.gaps],
        }


@dataclass(repr=False)
class FolderSummary:
    """Summary of the images in a folder.

    ``bad`` contains the name of each damaged file and a description of the problem.
    ``unnamed`` is the number of images whose names do not contain a time and wavelength.
    """

    folder: Path
    wavelengths: list[WavelengthSummary]
    bad: list[tuple[str, str]]
    unnamed: int

    def __repr__(self) -> str:
        counts = {each.channel: len(each.times) for each in self.wavelengths}
        return f"FolderSummary('{self.folder}', images={counts}, {len(self.bad)} damaged)"

    def as_dict(self) -> dict[str, Any]:
        """Return the summary as a JSON-serializable dict."""
        return {
            "folder": str(self.folder),
            "images": sum(len(each.times) for each in self.wavelengths),
            "bytes": sum(each.bytes for each in self.wavelengths),
            "unnamed": self.unnamed,
            "wavelengths": [each.as_dict() for each in self.wavelengths],
            "bad": [{"name": name, "reason": reason} for name, reason in self.bad],
        }


def summarize(
    folder: str | os.PathLike[str],
    *,
    cadence: float = 0.0,
    decode: bool = False,
    jobs: int = 0,
    advance: Advance | None = None,
) -> FolderSummary:
    """Summarize the images in a folder and its subfolders.

    Parameters
    ----------
    folder : path
        Folder with images.
    cadence : float
        Expected time between images in seconds. 0 means the median time between images at each
        wavelength.
    decode : bool
        Whether to decode all images. By default, only the start and the end of each file are
        checked.
    jobs : int
        Number of files to check in parallel. 0 means one per CPU core.
    advance : callable, optional
        Function that is called without arguments after each file.

    Returns
    -------
    FolderSummary
        Number of images, sizes and time gaps for each wavelength, and damaged files.

    Raises
    ------
    AstrodomeError
        If the folder does not exist.

    Examples
    --------
    >>> summary = summarize(images)
    >>> [(each.wavelength, len(each.times), each.cadence) for each in summary.wavelengths]
    [(171, 3, 360.0)]
    """
    folder = Path(folder).expanduser()
    bad: list[tuple[str, str]] = []
    unnamed = 0
    by_channel: dict[tuple[int, str], list[tuple[ImageName, int, str]]] = {}
    check = partial(_check_file, decode)
    for result in compute.map(check, image_files(folder), jobs=jobs, threads=True):
        name = parse_file_name(result.item)
        if result.value is None:
            bad.append((str(result.item.relative_to(folder)), result.error))
        elif name is None:
            unnamed += 1
        else:
            images = by_channel.setdefault((name.wavelength, name.channel), [])
            images.append((name, *result.value))
        if advance:
            advance()
    summaries = [_summary(*key, by_channel[key], cadence) for key in sorted(by_channel)]
    return FolderSummary(folder, summaries, sorted(bad), unnamed)


def _summary(
    wavelength: int, channel: str, images: Sequence[tuple[ImageName, int, str]], cadence: float
) -> WavelengthSummary:
    names, sizes, pixels = zip(*images, strict=True)
    times = sorted({name.time for name in names if not name.part})
    patches = sum(bool(name.part) for name in names)
    gaps = find_gaps(times, cadence)
    return WavelengthSummary(
        wavelength, channel, times, sum(sizes), Counter(pixels), patches, *gaps
    )


def find_gaps(times: Sequence[datetime], cadence: float = 0.0) -> tuple[float, list[Gap]]:
    """Return the cadence of a sorted sequence of times in seconds, and the gaps in the sequence.

    If ``cadence`` is 0, the median time step is used.
    """
    steps = [(after - before).total_seconds() for before, after in pairwise(times)]
    if not steps:
        return cadence, []
    cadence = cadence or median(steps)
    limit = timedelta(seconds=GAP_FACTOR * cadence)
    return cadence, [
        Gap(before, after, max(1, round((after - before).total_seconds() / cadence) - 1))
        for before, after in pairwise(times)
        if after - before > limit
    ]


def _check_file(decode: bool, path: Path) -> tuple[int, str]:
    """Return the size of an image file in bytes, and its width and height, such as ``512x512``.

    Raises AstrodomeError if the file is incomplete or invalid, or cannot be read.
    """
    try:
        size = path.stat().st_size
        if size == 0:
            raise AstrodomeError("The file is empty.")
        with path.open("rb") as file, raster.reading():
            image = Image.open(file, formats=tuple(set(raster.FORMATS.values())))
            if not _is_complete(file, image.format or ""):
                raise AstrodomeError("The image is truncated: its last bytes are missing.")
            if decode:
                raster.decoded(raster.open_image(path))
    except OSError as error:
        raise AstrodomeError(f"Cannot read the file: {error.strerror or error}.") from error
    return size, f"{image.width}x{image.height}"


def _is_complete(file: BinaryIO, form: str) -> bool:
    """Return whether the file ends with the end marker of its format."""
    if form == "JPEG2000":
        with mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            return all(data[c.end - 2 : c.end] == END for c in jpeg2000.codestreams(data))
    file.seek(0, os.SEEK_END)
    file.seek(max(0, file.tell() - TAIL))
    return (END if form == "JPEG" else PNG_END) in file.read()
