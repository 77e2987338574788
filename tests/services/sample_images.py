"""Fixtures with the paths of real images of the Sun in installed packages."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest
from selection import need
from sunpy.data.test import get_test_filepath

__all__ = ["aia171", "aia193", "heliov", "hmi"]


@pytest.fixture(scope="session")
def aia171() -> Path:
    """AIA 171, level 1, FITS, 128 x 128 pixels, 2011-02-15."""
    return Path(get_test_filepath("aia_171_level1.fits"))


@pytest.fixture(scope="session")
def aia193() -> Path:
    """AIA 193, JPEG 2000 of Helioviewer, 410 x 410 pixels, 2013-06-24.

    The header describes an image of 4096 x 4096 pixels.
    """
    return Path(get_test_filepath("2013_06_24__17_31_30_84__SDO_AIA_AIA_193.jp2"))


@pytest.fixture(scope="session")
def hmi() -> Path:
    """HMI continuum, FITS, 100 x 100 pixels, rotated by 180 degrees, 2014-03-01."""
    return Path(get_test_filepath("resampled_hmi.fits"))


@pytest.fixture(scope="session")
def heliov() -> Path:
    """JPX with three codestreams: SWAP 174, an overlay, AIA 171 with 4096 x 4096 pixels."""
    need("glymur")
    return Path(str(files("glymur.data") / "heliov.jpx"))
