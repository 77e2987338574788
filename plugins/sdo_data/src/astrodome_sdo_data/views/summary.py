"""Summarize an image folder: number of images, sizes, time gaps and damaged files."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, pairwise
from mmap import ACCESS_READ, mmap
from pathlib import Path
from statistics import median
from typing import Any, BinaryIO, NamedTuple

from astrodome import AstrodomeError, compute, errors
from astrodome_solar.filenames import ImageName, parse_file_name
from astrodome_solar.formats import jpeg2000, raster
from PIL import Image

BATCH = 256
"""Number of files that are checked together in a worker."""
GAP_FACTOR = 1.5
"""Minimum length of a gap as a multiple of the typical step between images."""
END, PNG_END = b"\xff\xd9", b"IEND\xaeB`\x82"
"""End markers of JPEG and JPEG 2000 files, and of PNG files."""
TAIL = 64
"""Number of bytes at the end of a file in which the end marker is searched.

The marker can be followed by padding."""


class _FileInfo(NamedTuple):
    """Relative path, size in bytes, size in pixels and problem description of a file."""

    name: str
    bytes: int
    pixels: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Gap:
    """Time gap between two consecutive images (UTC).

    ``missing`` is the number of images that are missing in the gap.
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
    months: Counter[str]
    pixels: Counter[str]
    patches: int
    cadence: float
    gaps: list[Gap]

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


@dataclass
class FolderSummary:
    """Summary of the images in a folder.

    ``bad`` contains the name of each damaged file and the problem description. ``unnamed`` is the
    number of images whose names do not contain a time and wavelength.
    """

    folder: Path
    wavelengths: list[WavelengthSummary]
    bad: list[tuple[str, str]]
    unnamed: int

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
    advance: Callable[[int], object] | None = None,
) -> FolderSummary:
    """Summarize the images in a folder and its subfolders.

    Parameters
    ----------
    folder : path
        Folder with images.
    cadence : float
        Expected time between images in seconds. 0 means the median time between images of each
        wavelength.
    decode : bool
        Whether to decode all images. By default, only the start and the end of each file are
        checked.
    jobs : int
        Number of files to check in parallel. 0 means one per CPU core.
    advance : callable, optional
        Function that is called with the number of newly checked files.

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
    if not folder.is_dir():
        raise errors.not_found(folder, kind="Folder")
    bad: list[tuple[str, str]] = []
    unnamed = 0
    by_channel: dict[tuple[int, str], list[tuple[ImageName, _FileInfo]]] = {}
    for file in _check_files(folder, decode, jobs, advance):
        name = parse_file_name(file.name)
        if file.problem:
            bad.append((file.name, file.problem))
        elif name is None:
            unnamed += 1
        else:
            by_channel.setdefault((name.wavelength, name.channel), []).append((name, file))
    summaries = [_summary(*key, by_channel[key], cadence) for key in sorted(by_channel)]
    return FolderSummary(folder, summaries, sorted(bad), unnamed)


def _summary(
    wavelength: int, channel: str, images: Sequence[tuple[ImageName, _FileInfo]], cadence: float
) -> WavelengthSummary:
    times = sorted({name.time for name, _ in images if not name.part})
    return WavelengthSummary(
        wavelength,
        channel,
        times,
        sum(file.bytes for _, file in images),
        Counter(f"{time:%Y-%m}" for time in times),
        Counter(file.pixels for _, file in images),
        sum(bool(name.part) for name, _ in images),
        *find_gaps(times, cadence),
    )


def find_gaps(times: Sequence[datetime], cadence: float = 0.0) -> tuple[float, list[Gap]]:
    """Return the cadence in seconds and the gaps in sorted times.

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


def _check_files(
    folder: Path, decode: bool, jobs: int, advance: Callable[[int], object] | None
) -> Iterator[_FileInfo]:
    def check(batch: list[tuple[str, int]]) -> list[_FileInfo]:
        return [_file_info(folder, name, size, decode) for name, size in batch]

    files = _image_files(folder)
    size = 4 if decode else BATCH
    batches = iter(lambda: list(islice(files, size)), [])
    for result in compute.map(check, batches, jobs=jobs, threads=True):
        if result.value is None:
            raise AstrodomeError(result.error)
        yield from result.value
        if advance:
            advance(len(result.value))


def _image_files(folder: Path) -> Iterator[tuple[str, int]]:
    """Yield the relative path and the size in bytes of each image file that is not hidden."""
    pending = [folder]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.name[0] == ".":
                    continue
                if entry.is_dir(follow_symlinks=False):
                    pending.append(Path(entry.path))
                elif os.path.splitext(entry.name)[1].lower() in raster.FORMATS:  # noqa: PTH122
                    size = entry.stat().st_size if entry.is_file() else -1
                    yield os.path.relpath(entry.path, folder), size


def _file_info(folder: Path, name: str, size: int, decode: bool) -> _FileInfo:
    try:
        width, height = _checked_size(folder / name, size, decode)
    except AstrodomeError as error:
        return _FileInfo(name, size, problem=error.message)
    except OSError as error:
        return _FileInfo(name, size, problem=f"Cannot read the file: {error.strerror or error}.")
    return _FileInfo(name, size, f"{width}x{height}")


def _checked_size(path: Path, size: int, decode: bool) -> tuple[int, int]:
    """Return the width and height of an image.

    Raises AstrodomeError if the image is incomplete or invalid.
    """
    if size == 0:
        raise AstrodomeError("The file is empty.")
    with path.open("rb") as file, raster.reading():
        image = Image.open(file, formats=tuple(set(raster.FORMATS.values())))
        width_and_height = image.size
        if not _is_complete(file, image.format or ""):
            raise AstrodomeError("The image is truncated: its last bytes are missing.")
        if decode:
            raster.decoded(raster.open_image(path))
    return width_and_height


def _is_complete(file: BinaryIO, form: str) -> bool:
    """Return whether the file ends with the end marker of its format."""
    if form == "JPEG2000":
        with mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            return all(data[c.end - 2 : c.end] == END for c in jpeg2000.codestreams(data))
    file.seek(0, os.SEEK_END)
    file.seek(max(0, file.tell() - TAIL))
    return (END if form == "JPEG" else PNG_END) in file.read()
