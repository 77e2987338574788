"""List the images in a folder as a table."""

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
    """List the images in a folder, with their metadata.

    Parameters
    ----------
    folder : path
        Folder with images whose names contain the time and wavelength. Subfolders are included.
    wavelength : int or str
        Include only images with this wavelength in angstroms, or with a wavelength that matches
        this shell pattern.
    start, end : time, optional
        Include only images in this time range (UTC, both ends inclusive).
    freq : str
        Include only one image per wavelength in each interval of this length, for example
        ``"1h"``.

    Returns
    -------
    pandas.DataFrame
        One row per image, sorted by time, with the columns ``t_obs`` (UTC), ``wavelength`` (in
        angstroms) and ``path``. If ``meta.csv`` exists, its columns are included: ``QUALITY`` (bit
        mask), ``DSUN`` (in meters), ``X0``, ``Y0`` and ``R_SUN`` (in pixels of the original image
        with 4096 x 4096 pixels) and ``CDELT`` (in arcsec per pixel of the original image).

    Raises
    ------
    AstrodomeError
        If the folder contains no matching images, or if ``meta.csv`` is invalid.

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
    rows = metadata.read_metadata(path).reindex([image.name for image in table["path"]])
    return table.join(rows.reset_index(drop=True))
