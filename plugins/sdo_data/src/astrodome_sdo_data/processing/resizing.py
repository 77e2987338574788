"""Resize the images of a folder.

Only Pillow is imported, so that the first image is ready at once. Each resized image has a comment
with its source and settings, by which a later run recognizes existing images.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from astrodome import compute, files
from astrodome_solar.formats import raster

from .folders import Advance, list_images, prepare_target, process


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
    """Resize all images of a folder.

    Parameters
    ----------
    folder, target : path
        Folder of the images with its subfolders, and folder for the resized images, which have
        the same names.
    size : int
        Size of the resized images in pixels per side.
    wavelength : int or str
        Resize only images of this wavelength (angstrom) or pattern.
    images : sequence of Path, optional
        Images to resize, relative to ``folder``; the default is :func:`list_images`.
    exact : bool
        Decode all pixels before resampling with a Lanczos filter. The default lets the codec of
        the image scale down as far as the difference is not visible, which is faster.
    overwrite : bool
        Overwrite existing images with the same source and settings.
    jobs : int
        Number of images to process in parallel; 0 means one per CPU core.
    scheduler : str
        Address of a Dask cluster that executes the work.
    advance : callable, optional
        Called without arguments after each image.

    Returns
    -------
    astrodome.compute.Outcome
        Numbers of written and existing images, and name and reason of each failure.

    Raises
    ------
    AstrodomeError
        If no image is found, or the target is the folder itself, full or read-only.

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
    resizer = _Resizer(folder.absolute(), target.absolute(), size, exact, keep)
    return process(resizer, images, threads=True, jobs=jobs, scheduler=scheduler, advance=advance)


@dataclass(frozen=True)
class _Resizer:
    folder: Path
    target: Path
    size: int
    exact: bool
    keep: bool

    def __call__(self, name: Path) -> tuple[int, int]:
        source, resized = self.folder / name, str(self.target / name)
        exact = ", exact" if self.exact else ""
        comment = f"sdo data resize: {self.size} px{exact}, of {name.name}"
        if self.keep and raster.is_up_to_date(resized, comment, source.stat().st_mtime_ns):
            return 0, 1
        with raster.reading():
            image = raster.resized(raster.open_image(source), self.size, exact=self.exact)
            content = raster.encoded(image, resized, comment)
        files.write_small(resized, content)
        return 1, 0
