"""Small synthetic images of the Sun, whose headers the tests change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

SIDE = 64
AIA = {
    "TELESCOP": "SDO/AIA",
    "INSTRUME": "AIA_3",
    "WAVELNTH": 171,
    "WAVEUNIT": "angstrom",
    "LVL_NUM": 1.0,
    "DATE-OBS": "2013-03-01T12:00:11.34",
    "T_OBS": "2013-03-01T12:00:12.34Z",
    "EXPTIME": 2.0,
    "PIXLUNIT": "DN",
    "QUALITY": 0,
    "CTYPE1": "HPLN-TAN",
    "CTYPE2": "HPLT-TAN",
    "CUNIT1": "arcsec",
    "CUNIT2": "arcsec",
    "CDELT1": 38.4,
    "CDELT2": 38.4,
    "CRPIX1": 32.5,
    "CRPIX2": 32.5,
    "CRVAL1": 0.0,
    "CRVAL2": 0.0,
    "CROTA2": 0.0,
    "DSUN_OBS": 1.4838e11,
    "RSUN_OBS": 968.7,
    "HGLN_OBS": 0.0,
    "HGLT_OBS": -7.2,
}
HMI = AIA | {
    "TELESCOP": "SDO/HMI",
    "INSTRUME": "HMI_FRONT2",
    "WAVELNTH": 6173.0,
    "WAVEUNIT": "",
    "LVL_NUM": None,
    "PIXLUNIT": None,
    "EXPTIME": None,
    "DATE-OBS": "2014-03-01T00:00:27.90",
    "T_OBS": "2014.03.01_00:01:25_TAI",
}


def sun(side: int = SIDE) -> NDArray[np.float32]:
    """Return counts with a disk that is brighter in the upper right quarter."""
    y, x = np.indices((side, side)) - (side - 1) / 2
    disk = np.hypot(x, y) < 968.7 / (2457.6 / side)
    bright = disk & (x > 0) & (y > 0)
    return np.where(bright, 2000, np.where(disk, 400, 20)).astype(np.float32)


def header(base: dict[str, Any] = AIA, **changes: Any) -> fits.Header:
    """Return a header with other values; None removes a keyword. ``DATE_OBS`` is DATE-OBS."""
    values = base | {"DATE-OBS" if k == "DATE_OBS" else k: v for k, v in changes.items()}
    return fits.Header({key: value for key, value in values.items() if value is not None})


def write(
    path: Path, data: NDArray[Any] | None = None, base: dict[str, Any] = AIA, **changes: Any
) -> Path:
    """Write a FITS file with an image and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sun() if data is None else data
    fits.PrimaryHDU(image, header(base, **changes)).writeto(path, overwrite=True)
    return path
