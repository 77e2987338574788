"""Create contact sheets, which show all images in a folder on one page."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from astrodome import compute, files
from PIL import Image

from ..processing.folders import Advance
from .panels import Page, PanelStyle, draw_panels
from .selection import Cells, select_images, sheet_cells

EXTENSIONS = (".png", ".jpeg", ".jpg")

logger = logging.getLogger(__name__)


def make_contact_sheet(
    folder: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    max_images: int = 100,
    columns: int = 0,
    size: int = 256,
    label: bool = True,
    color: bool = True,
    **selection: Any,
) -> Image.Image:
    """Create a contact sheet from the images in a folder.

    Parameters
    ----------
    folder : path
        Folder with images whose names contain the time and wavelength.
    output : path, optional
        Path of the PNG or JPEG file to write. By default, no file is written.
    max_images : int
        Maximum number of images. If there are more, evenly spaced images are selected. 0 means
        no limit.
    columns : int
        Number of columns. 0 means one column per wavelength, or a square layout if there is only
        one wavelength.
    size : int
        Width and height of each image in pixels.
    label : bool
        Whether to draw the wavelength and time on each image.
    color : bool
        Whether to use the AIA colormaps instead of grayscale.
    **selection
        Keyword arguments of :func:`read_folder` that select the images: ``wavelength``, ``start``,
        ``end`` and ``freq``.

    Returns
    -------
    PIL.Image.Image
        Contact sheet. Images that cannot be read are drawn in black, and a warning is logged.

    Raises
    ------
    AstrodomeError
        If the folder contains no matching images, or if the file extension of ``output`` is not
        supported.

    Examples
    --------
    >>> make_contact_sheet(images, columns=3, size=64).size
    (196, 64)
    """
    path = None if output is None else Path(output).expanduser()
    if path:
        files.check_extension(path, EXTENSIONS)
    cells, columns = sheet_cells(select_images(folder, **selection), max_images, columns)
    sheet, outcome = draw_sheet(cells, columns, PanelStyle(size, label, color))
    for name, reason in outcome.failed:
        logger.warning("%s: %s", name, reason)
    if path:
        write_sheet(sheet, path)
    return sheet


def draw_sheet(
    cells: Cells,
    columns: int,
    style: PanelStyle,
    *,
    jobs: int = 0,
    advance: Advance | None = None,
) -> tuple[Image.Image, compute.Outcome]:
    """Draw a contact sheet, and return it with the number of drawn images and the failures.

    Invalid images are drawn as black panels with labels. ``advance`` is called after each panel.
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
    """Write a contact sheet to a file; the file extension determines the format."""
    files.check_extension(path, EXTENSIONS)
    with files.replacing(path) as part:
        sheet.save(part, Image.registered_extensions()[path.suffix.lower()], quality=95)
