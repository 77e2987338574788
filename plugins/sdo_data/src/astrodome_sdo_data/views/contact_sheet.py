"""Contact sheets: the images of a folder on one page."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from astrodome import compute, files
from PIL import Image

from .panels import Advance, Page, PanelStyle, draw_panels
from .selection import Cells, select_images, sheet_cells

EXTENSIONS = (".png", ".jpeg", ".jpg")

logger = logging.getLogger(__name__)


def make_contact_sheet(
    folder: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    wavelength: int | str = "*",
    start: Any = None,
    end: Any = None,
    freq: str = "",
    max_images: int = 100,
    columns: int = 0,
    size: int = 256,
    label: bool = True,
    color: bool = True,
) -> Image.Image:
    """Create a contact sheet of the images of a folder.

    Parameters
    ----------
    folder : path
        Folder of images whose names contain time and wavelength.
    output : path, optional
        PNG or JPEG file to write.
    wavelength : int or str
        Use only images of this wavelength (angstrom) or pattern.
    start, end : time, optional
        Use only images of this time range (UTC), both ends included.
    freq : str
        Use one image per interval and wavelength, for example ``1h``.
    max_images : int
        Maximum number of images, evenly spaced; 0 means all.
    columns : int
        Number of columns; 0 means one per wavelength, or a square for a single wavelength.
    size : int
        Size of each image in pixels per side.
    label : bool
        Write wavelength and time on each image.
    color : bool
        Use the colours of the AIA channels instead of grey.

    Returns
    -------
    PIL.Image.Image
        The sheet. Images that cannot be read are black and are logged as warnings.

    Raises
    ------
    AstrodomeError
        If the folder has no such image.

    Examples
    --------
    >>> make_contact_sheet(images, columns=3, size=64).size
    (196, 64)
    """
    selected = select_images(folder, wavelength, start=start, end=end, freq=freq)
    cells, columns = sheet_cells(selected, max_images, columns)
    sheet, outcome = draw_sheet(cells, columns, PanelStyle(size, label, color))
    for name, reason in outcome.failed:
        logger.warning("%s: %s", name, reason)
    if output is not None:
        write_sheet(sheet, Path(output).expanduser())
    return sheet


def draw_sheet(
    cells: Cells,
    columns: int,
    style: PanelStyle,
    *,
    jobs: int = 0,
    advance: Advance | None = None,
) -> tuple[Image.Image, compute.Outcome]:
    """Return a page with a panel in each cell, and the number of images and failures.

    The panel of an invalid image is black, with its label. ``advance`` is called after each panel.
    """
    page, outcome = Page(len(cells), columns, style), compute.Outcome()
    occupied = {number: file for number, file in enumerate(cells) if file}
    panels = draw_panels(style, occupied.values(), outcome, jobs)
    for number, panel in zip(occupied, panels, strict=True):
        page.paste(panel, number)
        if advance:
            advance()
    return page.image, outcome


def write_sheet(sheet: Image.Image, path: Path) -> None:
    """Write a page in the format of the file extension."""
    with files.replacing(path) as part:
        sheet.save(part, Image.registered_extensions()[path.suffix.lower()], quality=95)
