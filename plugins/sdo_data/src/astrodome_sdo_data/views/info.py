"""What a folder of images holds: counts, sizes, gaps in time, files that are damaged.

A file's first and last bytes say whether it is whole; ``decode`` also reads every pixel.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice, pairwise
from mmap import ACCESS_READ, mmap
from pathlib import Path
from statistics import median
from typing import Any, BinaryIO

from astrodome import AstrodomeError, compute
from astrodome_solar import filenames
from astrodome_solar.formats import jpeg2000, raster
from PIL import Image

BATCH = 256
"""Files looked at in one piece of work."""
SLACK = 1.5
"""A step of more than this many cadences is a gap: observations keep to no second."""
PATCH = re.compile(r"__\d+__\d+$")
END, PNG_END = b"\xff\xd9", b"IEND\xaeB`\x82"
"""The last marker of JPEG and JPEG 2000, and that of PNG."""
TAIL = 64
"""Bytes at the end of a file that hold its last marker, and what some writers append to it."""


@dataclass(frozen=True)
class Seen:
    """One file: its name below the folder, bytes, pixels, and what is wrong with it."""

    name: str
    bytes: int
    pixels: tuple[int, int] = (0, 0)
    fault: str = ""


@dataclass(frozen=True)
class Gap:
    """Between two neighbouring images there is room for ``missing`` more (times in UTC)."""

    after: datetime
    before: datetime
    missing: int


@dataclass
class Channel:
    """The images of one wavelength (angstrom); ``cadence`` in seconds, 0 for a single image."""

    wavelength: int
    times: list[datetime] = field(default_factory=list)
    bytes: int = 0
    months: Counter[str] = field(default_factory=Counter)
    pixels: Counter[str] = field(default_factory=Counter)
    patches: int = 0
    cadence: float = 0.0
    gaps: list[Gap] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {
            "wavelength": self.wavelength,
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
class Contents:
    """All that was found in a folder; ``bad`` holds (name, reason)."""

    folder: Path
    channels: list[Channel]
    bad: list[tuple[str, str]]
    unnamed: int

    def as_dict(self) -> dict[str, Any]:
        return {
            "folder": str(self.folder),
            "images": sum(len(channel.times) for channel in self.channels),
            "bytes": sum(channel.bytes for channel in self.channels),
            "unnamed": self.unnamed,
            "wavelengths": [channel.as_dict() for channel in self.channels],
            "bad": [{"name": name, "reason": why} for name, why in self.bad],
        }


def examine(
    folder: Path,
    *,
    cadence: float = 0.0,
    decode: bool = False,
    jobs: int = 0,
    advance: Callable[[int], object] | None = None,
) -> Contents:
    """Look at every image of a folder and below it.

    ``cadence`` is the expected time between images in seconds; 0 takes the median step of
    each wavelength. ``unnamed`` counts images whose name carries no time and wavelength;
    patches are counted but their image is not. ``advance`` gets the number of files done.
    Raises AstrodomeError when there is no such folder.
    """
    if not folder.is_dir():
        raise AstrodomeError(f"There is no folder {folder}.", "Give the folder of the images.")
    by_wavelength: dict[int, Channel] = {}
    observed: dict[int, set[datetime]] = defaultdict(set)
    bad: list[tuple[str, str]] = []
    unnamed = 0
    for seen in _look(folder, decode, jobs, advance):
        named = filenames.parse_file_name(seen.name)
        if seen.fault:
            bad.append((seen.name, seen.fault))
        elif named is None:
            unnamed += 1
        else:
            t_obs, wavelength = named.time, named.wavelength
            channel = by_wavelength.setdefault(wavelength, Channel(wavelength))
            channel.bytes += seen.bytes
            channel.pixels["x".join(map(str, seen.pixels))] += 1
            if PATCH.search(Path(seen.name).stem):
                channel.patches += 1
            elif t_obs not in observed[wavelength]:
                observed[wavelength].add(t_obs)
                channel.months[f"{t_obs:%Y-%m}"] += 1
    channels = [by_wavelength[wavelength] for wavelength in sorted(by_wavelength)]
    for channel in channels:
        channel.times = sorted(observed[channel.wavelength])
        channel.cadence, channel.gaps = gaps(channel.times, cadence)
    return Contents(folder, channels, sorted(bad), unnamed)


def gaps(times: Sequence[datetime], cadence: float = 0.0) -> tuple[float, list[Gap]]:
    """The cadence (s; the median step unless given) and the gaps longer than it in sorted times."""
    steps = [(after - before).total_seconds() for before, after in pairwise(times)]
    if not steps:
        return cadence, []
    cadence = cadence or median(steps)
    limit = timedelta(seconds=SLACK * cadence)
    return cadence, [
        Gap(before, after, max(1, round((after - before).total_seconds() / cadence) - 1))
        for before, after in pairwise(times)
        if after - before > limit
    ]


def _look(
    folder: Path, decode: bool, jobs: int, advance: Callable[[int], object] | None
) -> Iterator[Seen]:
    def look(batch: list[tuple[str, int]]) -> list[Seen]:
        return [_seen(folder, name, size, decode) for name, size in batch]

    batch = 4 if decode else BATCH
    for ended in compute.map(look, _batches(_files(folder), batch), jobs=jobs, threads=True):
        if ended.value is None:
            raise AstrodomeError(ended.error)
        yield from ended.value
        if advance:
            advance(len(ended.value))


def _files(folder: Path) -> Iterator[tuple[str, int]]:
    """Images below a folder, relative to it, with their bytes; hidden ones are passed over."""
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        with os.scandir(place) as entries:
            for entry in entries:
                if entry.name[0] == ".":
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
                elif os.path.splitext(entry.name)[1].lower() in raster.FORMATS:  # noqa: PTH122
                    size = entry.stat().st_size if entry.is_file() else -1
                    yield os.path.relpath(entry.path, folder), size


def _batches(items: Iterable[tuple[str, int]], size: int) -> Iterator[list[tuple[str, int]]]:
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch


def _seen(folder: Path, name: str, size: int, decode: bool) -> Seen:
    try:
        return Seen(name, size, pixels=_checked(folder / name, size, decode))
    except AstrodomeError as error:
        return Seen(name, size, fault=error.message)
    except OSError as error:
        return Seen(name, size, fault=f"It cannot be read: {error.strerror or error}.")


def _checked(path: Path, size: int, decode: bool) -> tuple[int, int]:
    """Width and height of a whole image; raises AstrodomeError when something is wrong."""
    if size == 0:
        raise AstrodomeError("It is empty.")
    with path.open("rb") as file, raster.reading():
        image = Image.open(file, formats=tuple(set(raster.FORMATS.values())))
        pixels = image.size
        if not _ends(file, image.format or ""):
            raise AstrodomeError("It is cut off: its last bytes are missing.")
        if decode:
            raster.decoded(raster.open_image(path))
    return pixels


def _ends(file: BinaryIO, form: str) -> bool:
    """Whether the last marker of its format is where the file ends."""
    if form == "JPEG2000":
        with mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            return all(data[c.end - 2 : c.end] == END for c in jpeg2000.codestreams(data))
    file.seek(0, os.SEEK_END)
    file.seek(max(0, file.tell() - TAIL))
    return (END if form == "JPEG" else PNG_END) in file.read()
