"""Read images from FITS files, including compressed files, several HDUs, and image cubes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from astrodome import AstrodomeError
from astropy.io import fits
from numpy.typing import NDArray

from ..library_errors import converted_errors

SIGNATURE = b"SIMPLE  ="


def read_fits(path: Path, plane: int | None = None) -> tuple[dict[str, Any], NDArray[np.float32]]:
    """Return the keywords and the pixels of an image in a FITS file.

    The keywords are converted to lower case. ``plane`` is the index of the image, counted from 0
    over all HDUs and all planes of image cubes. It is required if the file contains several images.
    Raises AstrodomeError if the file is damaged or contains no image, or if ``plane`` is invalid.
    """
    with converted_errors("Cannot read the FITS file"), fits.open(path, memmap=False) as hdus:
        images = [(hdu, number) for hdu in hdus for number in range(_planes(hdu))]
        if not images:
            raise AstrodomeError("The FITS file contains no image.")
        hdu, number = images[selected(plane, len(images))]
        cube = hdu.data.reshape(-1, *hdu.shape[-2:])
        return keywords(hdu.header), np.asarray(cube[number], np.float32)


def selected(plane: int | None, count: int) -> int:
    """Return the index of the selected image.

    Raises AstrodomeError if ``plane`` is out of range, or if it is missing and there are several
    images.
    """
    if 0 <= (plane or 0) < count and (count == 1 or plane is not None):
        return plane or 0
    if plane is not None:
        raise AstrodomeError(
            f"Invalid plane {plane}: expected the index of an image in the file, "
            f"from 0 to {count - 1}."
        )
    raise AstrodomeError(
        f"The file contains {count} images. Select one with the parameter 'plane', from 0 to "
        f"{count - 1}."
    )


def _planes(hdu: Any) -> int:
    if not hdu.is_image or len(hdu.shape) < 2:
        return 0
    return math.prod(hdu.shape[:-2]) if math.prod(hdu.shape) else 0


def keywords(header: Any) -> dict[str, Any]:
    """Return the keywords of a FITS header in lower case, without comments and invalid values."""
    found: dict[str, Any] = {}
    for card in header.cards:
        try:
            key, value = card.keyword.lower(), card.value
        except fits.VerifyError:
            continue
        if key not in ("", "comment", "history"):
            found[key] = value
    return found
