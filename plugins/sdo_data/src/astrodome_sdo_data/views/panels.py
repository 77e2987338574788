"""Pictures of a folder: images in sunpy's colours with their times, on a sheet or as frames.

A panel is one image in colour with its stamp. A sheet is a grid of panels, a frame of a
film has a panel for each wavelength. :mod:`.film` writes both to files.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import numpy as np
from astrodome import AstrodomeError, compute
from astrodome_solar import filenames
from astrodome_solar.formats import raster
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from .. import images

INK, PAPER = (255, 255, 255), (0, 0, 0)
GAP = 2
"""Pixels between panels."""
COLOURED = 4.0
"""Mean difference (levels of 255) between red, green and blue from which a picture has colours
of its own, which it keeps."""
SMALLEST_STAMP = 64
"""Panels narrower than this many pixels have no room for a stamp."""


@dataclass(frozen=True, order=True)
class Shot:
    """An image of a folder: its time (UTC), wavelength (angstrom) and path."""

    t_obs: datetime
    wavelength: int
    path: Path


@dataclass(frozen=True)
class Look:
    """How panels look: pixels a side, with a stamp or without, in colour or grey."""

    size: int = 256
    stamp: bool = True
    colour: bool = True


Item = TypeVar("Item")
Frame = tuple[Shot | None, ...]
"""Places side by side, in a film one for each wavelength; None is a place without an image."""


def shots(
    folder: Path,
    wavelength: str = "*",
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    freq: timedelta | None = None,
) -> list[Shot]:
    """Images of a folder from ``start`` to ``end`` (UTC, both included), sorted by time.

    ``freq`` keeps the first image of each wavelength in every such interval. Raises
    AstrodomeError when none is left.
    """
    found = []
    for name in images.find(folder, wavelength):
        named = filenames.parse_file_name(name)
        if named and name.stem.count("__") == 1:  # patches are parts of an image
            found.append(Shot(named.time, named.wavelength, folder / name))
    if not found:
        raise AstrodomeError(
            f"{folder} holds no image with a name such as 2012-03-07T000000__171.jpeg.",
            "'sdo data import' and 'sdo data download' bring images into a folder.",
        )
    chosen = sorted(s for s in found if (start or s.t_obs) <= s.t_obs <= (end or s.t_obs))
    if not chosen:
        first, last = min(found).t_obs, max(found).t_obs
        raise AstrodomeError(
            f"{folder} holds no image of that time: they are from {first} to {last}.",
            "Check --start and --end.",
        )
    return _thinned(chosen, freq) if freq else chosen


def interval(text: str) -> timedelta:
    """The time that a pandas offset alias says, as ``6min`` or ``1D``.

    Raises AstrodomeError when it says none, or not a positive one.
    """
    import pandas as pd

    try:
        found = pd.Timedelta(text if text[:1].isdigit() else f"1{text}").to_pytimedelta()
    except ValueError:
        found = timedelta(0)
    if not isinstance(found, timedelta) or found <= timedelta(0):
        raise AstrodomeError(
            f"'{text}' is no interval of time.", "Give one such as 6min, 1h or 1D.", exit_code=2
        )
    return found


def _thinned(chosen: Sequence[Shot], freq: timedelta) -> list[Shot]:
    kept, taken = [], set()
    for shot in chosen:
        slot = shot.wavelength, (shot.t_obs - chosen[0].t_obs) // freq
        if slot not in taken:
            taken.add(slot)
            kept.append(shot)
    return kept


def spread(items: Sequence[Item], count: int) -> list[Item]:
    """Return at most ``count`` evenly spread items, with the first and the last; 0 means all."""
    if not count or len(items) <= count:
        return list(items)
    if count == 1:
        return [items[0]]
    return [items[round(n * (len(items) - 1) / (count - 1))] for n in range(count)]


def rows(chosen: Sequence[Shot]) -> list[dict[int, Shot]]:
    """Group images that were taken at about the same time; each image is in one row.

    A row has at most one image of each wavelength. The images of a row are at most half a usual
    step later than its first image; the usual step is that between images of one wavelength.

    Parameters
    ----------
    chosen : sequence of Shot
        Images of any wavelengths, in any order.

    Returns
    -------
    list of dict
        Rows in the order of time, each a mapping from wavelength (angstrom) to image.
    """
    near, grouped = _step(chosen) / 2, list[dict[int, Shot]]()
    begin = datetime.min
    for shot in sorted(chosen):
        if not grouped or shot.wavelength in grouped[-1] or shot.t_obs - begin > near:
            grouped.append({})
            begin = shot.t_obs
        grouped[-1][shot.wavelength] = shot
    return grouped


def _step(chosen: Sequence[Shot]) -> timedelta:
    """Return the shortest median step between images of one wavelength."""
    times = [sorted({shot.t_obs for shot in shots}) for shots in _channels(chosen).values()]
    steps = [sorted(after - before for before, after in pairwise(each)) for each in times]
    return min((each[len(each) // 2] for each in steps if each), default=timedelta.max)


def _channels(chosen: Sequence[Shot]) -> dict[int, list[Shot]]:
    """Return the images of each wavelength, sorted by time."""
    channels: dict[int, list[Shot]] = {}
    for shot in sorted(chosen):
        channels.setdefault(shot.wavelength, []).append(shot)
    return dict(sorted(channels.items()))


def frames(chosen: Sequence[Shot], count: int = 0) -> list[Frame]:
    """Return the frames of a film, at most ``count``; 0 means all.

    There is one frame for each row of :func:`rows`. If a row has no image of a wavelength, the
    nearest image in time is repeated, if it is within the usual step between images.
    """
    channels, reach = _channels(chosen), _step(chosen)
    return [
        tuple(
            row.get(wavelength) or _nearest(channel, min(row.values()).t_obs, reach)
            for wavelength, channel in channels.items()
        )
        for row in spread(rows(chosen), count)
    ]


def _nearest(channel: Sequence[Shot], t_obs: datetime, reach: timedelta) -> Shot | None:
    at = bisect_left(channel, t_obs, key=lambda shot: shot.t_obs)
    near = min(channel[max(0, at - 1) : at + 1], key=lambda shot: abs(shot.t_obs - t_obs))
    return near if abs(near.t_obs - t_obs) <= reach else None


def panel(look: Look, shot: Shot) -> Image.Image:
    """One image in the colours of its wavelength, with its stamp, ``look.size`` pixels a side.

    Raises AstrodomeError when the file is no image.
    """
    with raster.reading():
        small = raster.resized(raster.open_image(shot.path), look.size)
        drawn = in_colour(small, shot.wavelength) if look.colour else small.convert("RGB")
    if look.stamp:
        _stamp(drawn, shot)
    return drawn


def in_colour(image: Image.Image, wavelength: int) -> Image.Image:
    """A grey image as RGB in the AIA colours of ``wavelength``; one that has colours keeps them."""
    if image.mode == "RGB":
        channels = np.asarray(image, dtype=np.int16)
        if np.abs(np.diff(channels, axis=2)).mean() > COLOURED:
            return image
    return Image.fromarray(colours(wavelength)[np.asarray(image.convert("L"))])


@cache
def colours(wavelength: int) -> NDArray[np.uint8]:
    """The 256 colours of an AIA channel as sunpy has them, shape (256, 3); grey for others."""
    from sunpy.visualization.colormaps import cmlist

    table = cmlist.get(f"sdoaia{wavelength}")
    if table is None:
        return np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    made: NDArray[np.uint8] = (table(np.linspace(0, 1, 256))[:, :3] * 255).round().astype(np.uint8)
    return made


def grid(chosen: Sequence[Shot], count: int = 0, columns: int = 0) -> tuple[Frame, int]:
    """Return the cells of a sheet row by row, and the number of cells in a row.

    For several wavelengths, each has one column, and each row of :func:`rows` is a row of the
    sheet. With ``columns``, and for a single wavelength, the cells are filled one after the other.
    No image is shown twice.

    Parameters
    ----------
    chosen : sequence of Shot
    count : int
        Maximum number of images; 0 means all.
    columns : int
        Number of cells in a row; 0 means one per wavelength, or a square for a single wavelength.
    """
    wavelengths = sorted({shot.wavelength for shot in chosen})
    if len(wavelengths) > 1 and not columns and (kept := _at_most(rows(chosen), count)):
        return tuple(row.get(w) for row in kept for w in wavelengths), len(wavelengths)
    places = spread(chosen, count)
    return tuple(places), min(columns or math.ceil(math.sqrt(len(places))), len(places))


def _at_most(grouped: Sequence[dict[int, Shot]], count: int) -> list[dict[int, Shot]]:
    """Return evenly spread rows with at most ``count`` images in total; 0 means all rows."""
    most = min(len(grouped), count or len(grouped))  # No row is empty.
    for number in range(most, 0, -1):
        kept = spread(grouped, number)
        if not count or sum(map(len, kept)) <= count:
            return kept
    return []


def sheet(
    places: Frame,
    columns: int,
    look: Look,
    *,
    jobs: int = 0,
    advance: Callable[[], object] | None = None,
) -> tuple[Image.Image, compute.Outcome]:
    """A picture of panels row by row, and what could not be read.

    An image that cannot be read leaves its place dark, with its stamp.
    """
    page = _page(columns, math.ceil(len(places) / columns), look.size)
    taken = [(number, shot) for number, shot in enumerate(places) if shot]
    outcome = compute.Outcome()
    wanted = (shot for _, shot in taken)
    work = compute.map(partial(panel, look), wanted, jobs=jobs, threads=True, ordered=True)
    for (number, _), ended in zip(taken, work, strict=True):
        page.paste(_shown(ended, look, outcome), _corner(number, columns, look.size))
        if advance:
            advance()
    return page, outcome


def film(
    plan: Sequence[Frame],
    look: Look,
    outcome: compute.Outcome,
    *,
    jobs: int = 0,
    advance: Callable[[], object] | None = None,
) -> Iterator[Image.Image]:
    """The frames of a film one after the other; ``outcome`` counts images, and names the bad."""
    columns = math.ceil(math.sqrt(len(plan[0])))
    page = _page(columns, math.ceil(len(plan[0]) / columns), look.size)
    changes = [
        [(number, shot) for number, shot in enumerate(now) if shot != before[number]]
        for before, now in pairwise([(None,) * len(plan[0]), *plan])
    ]
    wanted = (shot for changed in changes for _, shot in changed if shot)
    work = compute.map(partial(panel, look), wanted, jobs=jobs, threads=True, ordered=True)
    for changed in changes:
        for number, shot in changed:
            drawn = _shown(next(work), look, outcome) if shot else _dark(look)
            page.paste(drawn, _corner(number, columns, look.size))
        yield page.copy()
        if advance:
            advance()


def swatch(plan: Sequence[Frame], look: Look) -> Image.Image:
    """Every colour that grey images have in a film, a line for each wavelength, 256 px wide."""
    wavelengths = sorted({shot.wavelength for frame in plan for shot in frame if shot})
    lines = [colours(wavelength if look.colour else 0) for wavelength in wavelengths]
    return Image.fromarray(np.stack(lines))


def _shown(
    ended: compute.ItemResult[Shot, Image.Image], look: Look, outcome: compute.Outcome
) -> Image.Image:
    if ended.value is not None:
        outcome.done += 1
        return ended.value
    outcome.failed.append((str(ended.item.path), ended.error))
    dark = _dark(look)
    if look.stamp:
        _stamp(dark, ended.item, "  unreadable")
    return dark


def _dark(look: Look) -> Image.Image:
    return Image.new("RGB", (look.size, look.size), PAPER)


def _page(columns: int, rows: int, size: int) -> Image.Image:
    across, down = (n * (size + GAP) - GAP for n in (columns, rows))
    return Image.new("RGB", (across, down), PAPER)


def _corner(number: int, columns: int, size: int) -> tuple[int, int]:
    row, column = divmod(number, columns)
    return column * (size + GAP), row * (size + GAP)


def _stamp(image: Image.Image, shot: Shot, remark: str = "") -> None:
    """Write wavelength and time into the lower left corner, where an image of the Sun is dark."""
    if image.width < SMALLEST_STAMP:
        return
    text = f"{shot.wavelength} Å  {shot.t_obs:%Y-%m-%d %H:%M:%S}{remark}"
    font = _font(max(7, image.width // 24))
    margin = max(2, image.width // 64)
    ImageDraw.Draw(image).text(
        (margin, image.height - margin), text, INK, font, "ls", stroke_width=1, stroke_fill=PAPER
    )


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    from matplotlib import get_data_path

    return ImageFont.truetype(Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), size)
