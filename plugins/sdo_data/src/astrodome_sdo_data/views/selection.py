"""Select images in a folder, and group images that were taken at about the same time."""

from __future__ import annotations

import math
import os
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from astrodome import AstrodomeError
from astrodome_solar.filenames import parse_file_name
from astrodome_solar.times import parse_range

from ..processing.folders import list_images

Item = TypeVar("Item")


@dataclass(frozen=True, order=True)
class SelectedImage:
    """Image file with its observation time (UTC), wavelength in angstroms and path."""

    t_obs: datetime
    wavelength: int
    path: Path


Cells = tuple[SelectedImage | None, ...]
"""Images in the cells of a contact sheet or a movie frame. None represents an empty cell."""


def select_images(
    folder: str | os.PathLike[str],
    wavelength: int | str = "*",
    *,
    start: Any = None,
    end: Any = None,
    freq: str = "",
) -> list[SelectedImage]:
    """Return the images in a folder from ``start`` to ``end`` (UTC, inclusive), sorted by time.

    If ``freq`` is given, only the first image at each wavelength in each interval of this length is
    returned. Raises AstrodomeError if no matching images are found.
    """
    folder = Path(folder).expanduser()
    first, last = parse_range(
        datetime.min if start is None else start, datetime.max if end is None else end
    )
    found = []
    for name in list_images(folder, wavelength):
        parsed = parse_file_name(name)
        if parsed and not parsed.part:  # Exclude patches.
            found.append(SelectedImage(parsed.time, parsed.wavelength, folder / name))
    if not found:
        raise AstrodomeError(
            f"No image with a name such as 2012-03-07T000000__171.jpeg found in {folder}.",
            "Use 'sdo data import' or 'sdo data download' to create named images.",
        )
    selected = sorted(file for file in found if first <= file.t_obs <= last)
    if not selected:
        earliest, latest = min(found).t_obs, max(found).t_obs
        raise AstrodomeError(
            f"No image in the time range found in {folder}, which contains images from {earliest} "
            f"to {latest}.",
            "Choose another time range.",
        )
    if freq:
        from ..sources.grid import interval

        return _first_of_each_interval(selected, interval(freq))
    return selected


def _first_of_each_interval(
    images: Sequence[SelectedImage], freq: timedelta
) -> list[SelectedImage]:
    first: dict[tuple[str, int], SelectedImage] = {}
    for image in images:
        channel = image.path.stem.partition("__")[2]  # Include the HMI observable.
        first.setdefault((channel, (image.t_obs - images[0].t_obs) // freq), image)
    return sorted(first.values())


def evenly_spaced(items: Sequence[Item], count: int) -> list[Item]:
    """Return at most ``count`` evenly spaced items, including the first and the last item.

    If ``count`` is 0, all items are returned.
    """
    if not count or len(items) <= count:
        return list(items)
    if count == 1:
        return [items[0]]
    return [items[round(n * (len(items) - 1) / (count - 1))] for n in range(count)]


def group_by_time(images: Sequence[SelectedImage]) -> list[dict[int, SelectedImage]]:
    """Group images that were taken at about the same time.

    Each image is in exactly one group, and a group has at most one image at each wavelength. All
    images in a group are at most half a typical step later than the first image in the group. The
    typical step is the shortest median time between consecutive images at the same wavelength.

    Parameters
    ----------
    images : sequence of SelectedImage
        Images at any wavelengths, in any order.

    Returns
    -------
    list of dict
        Groups in chronological order. Each group maps wavelengths in angstroms to images.
    """
    tolerance, rows = _typical_step(images) / 2, list[dict[int, SelectedImage]]()
    begin = datetime.min
    for image in sorted(images):
        if not rows or image.wavelength in rows[-1] or image.t_obs - begin > tolerance:
            rows.append({})
            begin = image.t_obs
        rows[-1][image.wavelength] = image
    return rows


def _typical_step(images: Sequence[SelectedImage]) -> timedelta:
    """Return the shortest median time between consecutive images at the same wavelength."""
    times = [sorted({image.t_obs for image in each}) for each in _by_wavelength(images).values()]
    steps = [sorted(after - before for before, after in pairwise(each)) for each in times]
    return min((each[len(each) // 2] for each in steps if each), default=timedelta.max)


def _by_wavelength(images: Sequence[SelectedImage]) -> dict[int, list[SelectedImage]]:
    """Return the images sorted by time, keyed by wavelength."""
    groups: dict[int, list[SelectedImage]] = {}
    for image in sorted(images):
        groups.setdefault(image.wavelength, []).append(image)
    return dict(sorted(groups.items()))


def movie_frames(images: Sequence[SelectedImage], count: int = 0) -> list[Cells]:
    """Return at most ``count`` frames of a movie, or all frames if ``count`` is 0.

    Each frame is one of the groups that :func:`group_by_time` returns. If a group has no image at a
    wavelength, the image at this wavelength that is nearest in time is repeated. The time
    difference must not exceed the median time between consecutive images.
    """
    groups, tolerance = _by_wavelength(images), _typical_step(images)
    return [
        tuple(
            row.get(wavelength) or _nearest(group, min(row.values()).t_obs, tolerance)
            for wavelength, group in groups.items()
        )
        for row in evenly_spaced(group_by_time(images), count)
    ]


def _nearest(
    images: Sequence[SelectedImage], t_obs: datetime, tolerance: timedelta
) -> SelectedImage | None:
    index = bisect_left(images, t_obs, key=lambda image: image.t_obs)
    neighbours = images[max(0, index - 1) : index + 1]
    near = min(neighbours, key=lambda image: abs(image.t_obs - t_obs))
    return near if abs(near.t_obs - t_obs) <= tolerance else None


def sheet_cells(
    images: Sequence[SelectedImage], count: int = 0, columns: int = 0
) -> tuple[Cells, int]:
    """Return the cells of a contact sheet, row by row, and the number of columns.

    For several wavelengths, the sheet has one column per wavelength and one row for each group that
    :func:`group_by_time` returns. If ``columns`` is given, or if there is only one wavelength, the
    cells are filled consecutively. Each image is shown at most once.

    Parameters
    ----------
    images : sequence of SelectedImage
        Images to show.
    count : int
        Maximum number of images. 0 means no limit.
    columns : int
        Number of columns. 0 means one column per wavelength, or a square layout if there is only
        one wavelength.
    """
    wavelengths = list(_by_wavelength(images))
    if len(wavelengths) > 1 and not columns:
        rows = group_by_time(images)
        most = count // len(wavelengths)
        if not count or len(images) <= count or most:
            rows = evenly_spaced(rows, most if len(images) > count else 0)
            return tuple(row.get(w) for row in rows for w in wavelengths), len(wavelengths)
    cells = evenly_spaced(images, count)
    return tuple(cells), min(columns or math.ceil(math.sqrt(len(cells))), len(cells))
