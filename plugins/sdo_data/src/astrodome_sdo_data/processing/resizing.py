"""Resize the images in a folder.

This module imports only Pillow, so that processing starts quickly. The source and the settings are
stored as a comment in each resized image. A later run uses this comment to detect existing images.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from astrodome import compute, files
from astrodome_solar.formats import raster

from .folders import Advance, check_target, list_images, plan, prepare_target, process


def resize(
    folder: str | os.PathLike[str],
    target: str | os.PathLike[str],
    size: int,
    *,
    wavelength: int | str = "*",
    images: Sequence[Path] | None = None,
    exact: bool = False,
    overwrite: bool = False,
    jobs: int = 0,
    scheduler: str = "",
    advance: Advance | None = None,
) -> compute.Outcome:
    """Resize all images in a folder.

    Parameters
    ----------
    folder, target : path
        Input folder, including its subfolders, and output folder for the resized images. Resized
        images have the same names as the input images.
    size : int
        Width and height of the resized images in pixels.
    wavelength : int or str
        Resize only images with this wavelength in angstroms, or with a wavelength that matches
        this shell pattern.
    images : sequence of Path, optional
        Paths of the images to resize, relative to ``folder``. By default, all matching images in
        the folder are resized.
    exact : bool
        Whether to decode all pixels before resampling with a Lanczos filter. By default, images
        are decoded at a reduced resolution, which is faster and causes no visible difference.
    overwrite : bool
        Whether to overwrite existing images with the same source and settings.
    jobs : int
        Number of images to process in parallel. 0 means one per CPU core.
    scheduler : str
        Address of the Dask scheduler to use instead of local processes.
    advance : callable, optional
        Function that is called without arguments after each image.

    Returns
    -------
    astrodome.compute.Outcome
        Number of written images, number of existing images, and the name and reason for each
        failure.

    Raises
    ------
    AstrodomeError
        If no images are found, if ``target`` and ``folder`` are the same, or if the images cannot
        be written.

    Examples
    --------
    >>> outcome = resize(images, "small", size=32)
    >>> outcome.done, outcome.failed
    (3, [])
    """
    folder, target = Path(folder).expanduser(), Path(target).expanduser()
    if images is None:
        images = list_images(folder, wavelength, outside=target)
    keep = prepare_target(images, folder, target) and not overwrite
    function = partial(_resize, folder.absolute(), target.absolute(), size, exact, keep)
    return process(function, images, threads=True, jobs=jobs, scheduler=scheduler, advance=advance)


def plan_resize(
    folder: Path,
    target: Path,
    size: int,
    images: Sequence[Path],
    *,
    exact: bool = False,
    overwrite: bool = False,
    jobs: int = 0,
) -> compute.Plan:
    """Return the files that :func:`resize` would write. The images are not decoded."""
    folder, target = folder.expanduser(), target.expanduser()
    check_target(folder, target)

    def planned(name: Path) -> tuple[list[str], int]:
        if not overwrite and _is_resized(folder, target, name, _comment(size, exact, name)):
            return [], 1
        return [str(target / name)], 0

    return plan(planned, images, jobs)


def _comment(size: int, exact: bool, name: Path) -> str:
    return f"sdo data resize: {size} px{', exact' if exact else ''}, of {name.name}"


def _is_resized(folder: Path, target: Path, name: Path, comment: str) -> bool:
    modified = (folder / name).stat().st_mtime_ns
    return raster.is_up_to_date(str(target / name), comment, modified)


def _resize(
    folder: Path, target: Path, size: int, exact: bool, keep: bool, name: Path
) -> tuple[int, int]:
    source, resized = folder / name, str(target / name)
    comment = _comment(size, exact, name)
    if keep and _is_resized(folder, target, name, comment):
        return 0, 1
    with raster.reading():
        image = raster.resized(raster.open_image(source), size, exact=exact)
        content = raster.encoded(image, resized, comment)
    files.write_bytes(target / name, content, sync=False)
    return 1, 0
