"""Real XRS files from sunpy, and copies of a real day for other dates and satellites."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from astrodome.testing import Result, run
from astrodome_goes import Store
from astropy.io import fits
from services.goes import Archives
from services.starter import Starter
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
    """Return the path of a file with XRS data in sunpy's test data."""
    return lambda name: Path(get_test_filepath(name))


@pytest.fixture(scope="session")
def day_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the data of 2011-06-07."""
    folder = tmp_path_factory.mktemp("goes")
    run(
        "sdo",
        *("goes", "import", get_test_filepath(DAY), "--store", folder),
        plugin="astrodome_goes.plugin",
    ).succeeded()
    return folder


@pytest.fixture
def day(tmp_path: Path) -> Callable[..., Path]:
    """Write a copy of the real day with another date (``DD/MM/YYYY``), satellite or flux."""

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


@pytest.fixture
def stored() -> Callable[[Path], pd.DataFrame]:
    """Return all samples in a store."""

    def read(folder: Path) -> pd.DataFrame:
        parts = list(Store(folder).read()) if Store(folder).months() else []
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"timestamp": []})

    return read


@pytest.fixture
def archives(monkeypatch: pytest.MonkeyPatch) -> Iterator[Archives]:
    """Run a fake server for the three archives, and set its addresses in the environment."""
    with Archives() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("ASTRODOME_GOES_TIMEOUT", "0.7")
        yield running


@pytest.fixture(scope="session")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    """Run commands without the time for imports, so that many can be run and killed."""
    modules = ("astrodome_goes.archives.csv_files", "astrodome_goes.archives.download")
    with Starter("sdo goes", tmp_path_factory.mktemp("output"), *modules) as made:
        yield made
