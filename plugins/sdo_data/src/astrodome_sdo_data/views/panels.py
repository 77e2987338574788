"""Draw images with the colormaps of their channels, and arrange them on a page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
from astrodome import compute
from astrodome_solar.filenames import channel_label
from astrodome_solar.formats import raster
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from .selection import SelectedImage

WHITE, BLACK = (255, 255, 255), (0, 0, 0)
GAP = 2
"""Space between panels in pixels."""
COLOR_THRESHOLD = 4.0
"""Mean difference between the RGB channels (0-255) above which an image is a color image.

Color images are drawn without a colormap."""
MIN_LABEL_WIDTH = 64
"""Minimum width in pixels of panels with a label."""


@dataclass(frozen=True)
class PanelStyle:
    """Appearance of panels: width in pixels, and whether to draw labels and use colors."""

    size: int = 256
    label: bool = True
    color: bool = True


def draw_panel(style: PanelStyle, file: SelectedImage) -> Image.Image:
    """Draw an image with the colormap for its wavelength and a label.

    Raises AstrodomeError if the file is not a valid image.
    """
    with raster.reading():
        image = raster.resized(raster.open_image(file.path), style.size)
        panel = colorized(image, file.wavelength) if style.color else image.convert("RGB")
    if style.label:
        _draw_label(panel, file)
    return panel


def draw_panels(
    style: PanelStyle, files: Iterable[SelectedImage], outcome: compute.Outcome, jobs: int = 0
) -> Iterator[Image.Image]:
    """Draw panels in parallel, and yield them in the order of ``files``.

    Invalid images are drawn in black. The number of panels and the failures are added to
    ``outcome``.
    """
    draw = partial(draw_panel, style)
    for result in compute.map(draw, files, jobs=jobs, threads=True, ordered=True):
        if result.value is not None:
            outcome.done += 1
            yield result.value
            continue
        outcome.failed.append((str(result.item.path), result.error))
        panel = empty_panel(style)
        if style.label:
            _draw_label(panel, result.item, "  unreadable")
        yield panel


def empty_panel(style: PanelStyle) -> Image.Image:
    """Return a black panel."""
    return Image.new("RGB", (style.size, style.size), BLACK)


class Page:
    """Page with panels in rows and columns."""

    def __init__(self, cells: int, columns: int, style: PanelStyle) -> None:
        self.columns, self.step = columns, style.size + GAP
        rows = math.ceil(cells / columns)
        size = columns * self.step - GAP, rows * self.step - GAP
        self.image = Image.new("RGB", size, BLACK)

    def paste(self, panel: Image.Image, cell: int) -> None:
        """Paste a panel into a cell. Cells are numbered row by row."""
        row, column = divmod(cell, self.columns)
        self.image.paste(panel, (column * self.step, row * self.step))


def colorized(image: Image.Image, wavelength: int) -> Image.Image:
    """Apply the AIA colormap for ``wavelength`` to a grayscale image.

    Color images are returned unchanged.
    """
    if image.mode == "RGB":
        pixels = np.asarray(image, dtype=np.int16)
        if np.abs(np.diff(pixels, axis=2)).mean() > COLOR_THRESHOLD:
            return image
    return Image.fromarray(color_table(wavelength)[np.asarray(image.convert("L"))])


@cache
def color_table(wavelength: int) -> NDArray[np.uint8]:
    """Return the sunpy colormap for an AIA channel as an array with shape (256, 3).

    For other channels, a grayscale colormap is returned.
    """
    from astrodome_solar.colormaps import colormap

    colors = colormap(wavelength)(np.arange(256))[:, :3]
    table: NDArray[np.uint8] = (colors * 255).round().astype(np.uint8)
    return table


def color_swatch(wavelengths: Sequence[int], style: PanelStyle) -> Image.Image:
    """Return an image that shows the colormap of each wavelength in a row of 256 pixels."""
    return Image.fromarray(np.stack([color_table(w if style.color else 0) for w in wavelengths]))


def _draw_label(image: Image.Image, file: SelectedImage, remark: str = "") -> None:
    """Draw the channel and time in the lower left corner, outside the solar disk."""
    if image.width < MIN_LABEL_WIDTH:
        return
    channel = channel_label(file.path.stem.split("__")[1])
    text = f"{channel}  {file.t_obs:%Y-%m-%d %H:%M:%S}{remark}"
    font = _font(max(7, image.width // 24))
    margin = max(2, image.width // 64)
    position = margin, image.height - margin
    draw = ImageDraw.Draw(image)
    draw.text(position, text, WHITE, font, "ls", stroke_width=1, stroke_fill=BLACK)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    from matplotlib import get_data_path

    return ImageFont.truetype(Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), size)
