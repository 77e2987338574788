"""Tables of the images in a folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd
from astrodome_solar import metadata

from .views.selection import select_images


def read_folder(
    folder: str | os.PathLike[str],
    wavelength: int | str = "*",
    *,
    start: Any = None,
    end: Any = None,
    freq: str = "",
) -> pd.DataFrame:
    """Read the list of the images in a folder, with their metadata.

    Parameters
    ----------
    folder : path
        Folder of images whose names contain time and wavelength, with its subfolders.
    wavelength : int or str
        Read only images of this wavelength (angstrom) or pattern.
    start, end : time, optional
        Read only images of this time range (UTC), both ends included.
    freq : str
        Read one image per interval and wavelength, for example ``1h``.

    Returns
    -------
    pandas.DataFrame
        One row per image, sorted by time, with the columns ``t_obs`` (UTC), ``wavelength``
        (angstrom) and ``path``, and the columns of ``meta.csv`` if it exists: QUALITY (bits), DSUN
        (m), X0, Y0 and R_SUN (pixels of the image of 4096 x 4096 pixels) and CDELT (arcsec/pixel
        of that image).

    Raises
    ------
    AstrodomeError
        If the folder has no such image, or an invalid ``meta.csv``.

    Examples
    --------
    >>> read_folder(images, 171, start="2012-03-07T00:06")["t_obs"].dt.minute.tolist()
    [6, 12]
    """
    path = Path(folder).expanduser()
    files = select_images(path, wavelength, start=start, end=end, freq=freq)
    table = pd.DataFrame([vars(file) for file in files])
    if not (path / metadata.NAME).exists():
        return table
    names = table["path"].map(lambda image: image.name)
    return table.join(metadata.read_metadata(path), on=names)
