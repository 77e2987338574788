"""Real XRS files as sunpy ships them, and copies of a real day for other dates and satellites."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from astrodome.testing import Result, run
from astropy.io import fits
from sunpy.data.test import get_test_filepath

DAY = "go1520110607.fits"
"""2011-06-07, GOES 15, every two seconds, with an M2.5 flare."""


@pytest.fixture
def goes() -> Callable[..., Result]:
    """Run ``sdo goes …`` in this process."""

    def call(*args: object) -> Result:
        return run("sdo", "goes", *args, plugin="astrodome_goes.plugin")

    return call


@pytest.fixture
def xrs() -> Callable[[str], Path]:
    """A file of XRS data that sunpy ships, by name."""
    return lambda name: Path(get_test_filepath(name))


@pytest.fixture(scope="session")
def day_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that holds 2011-06-07."""
    folder = tmp_path_factory.mktemp("goes")
    run(
        "sdo",
        *("goes", "import", get_test_filepath(DAY), "--store", folder),
        plugin="astrodome_goes.plugin",
    ).succeeded()
    return folder


@pytest.fixture
def day(tmp_path: Path) -> Callable[..., Path]:
    """The real day as a file of another date (``DD/MM/YYYY``), satellite or brightness."""

    def copy(date: str = "07/06/2011", satellite: int = 15, factor: float = 1) -> Path:
        year, month, number = date.split("/")[::-1]
        path = tmp_path / f"go{satellite:02d}{year}{month}{number}.fits"
        with fits.open(get_test_filepath(DAY)) as content:
            content[0].header["DATE-OBS"] = date
            content[0].header["TELESCOP"] = f"GOES {satellite:02d}"
            content[2].data["FLUX"] *= factor
            content.writeto(path)
        return path

    return copy
