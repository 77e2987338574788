"""Real images of the Sun in installed packages, and the command line."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sunpy.map  # noqa: F401  # Otherwise, every worker process imports it.
from astrodome.testing import Result, run
from PIL import Image
from services.gsu import Archive, FakeGsu
from services.sample_images import aia171, aia193, heliov, hmi
from services.starter import Starter
from sunpy.data.test import get_test_filepath

PLUGIN = "astrodome_sdo_data.plugin"
__all__ = ["aia171", "aia193", "heliov", "hmi"]


@pytest.fixture
def data() -> Callable[..., Result]:
    """Return a function that runs ``sdo data``."""

    def command(*args: object) -> Result:
        return run("sdo", "data", *args, plugin=PLUGIN)

    return command


@pytest.fixture(scope="session")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    """Run ``sdo data`` without the time for imports, so that many commands can be killed."""
    modules = ("astrodome_sdo_data.downloads.run", "astrodome_sdo_data.sources.gsu")
    with Starter("sdo data", tmp_path_factory.mktemp("output"), *modules) as made:
        yield made


@pytest.fixture
def meta() -> Callable[[Path], dict[str, dict[str, str]]]:
    """Return a function that reads the rows of ``meta.csv`` by file name."""

    def rows(folder: Path) -> dict[str, dict[str, str]]:
        with (folder / "meta.csv").open(newline="") as text:
            table = list(csv.DictReader(text))
        assert len({row["FILE_NAME"] for row in table}) == len(table)
        return {row["FILE_NAME"]: row for row in table}

    return rows


@pytest.fixture(scope="session")
def fsi174() -> Path:
    """Solar Orbiter EUI/FSI, JPEG 2000, 3040 x 3072, rolled by 4 degrees, 2022-04-01."""
    return Path(get_test_filepath("2022_04_01__00_00_45__SOLO-EUI-FSI_EUI_FSI_174.jp2"))


@pytest.fixture(scope="session")
def corona(aia193: Path) -> Image.Image:
    """The Sun in AIA 193, 410 x 410, grey."""
    with Image.open(aia193) as image:
        image.load()
    return image


@pytest.fixture(scope="session")
def _archive(corona: Image.Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    large = corona.resize((1024, 1024), Image.Resampling.BICUBIC)
    for minute in range(12):
        turned = large.rotate(30 * minute)
        turned.save(folder / f"2013-06-24T17{minute:02d}00__193.jpeg", quality=90)
    corona.save(folder / "2013-06-24T180000__171.jpeg")
    return folder


@pytest.fixture
def archive(_archive: Path, tmp_path: Path) -> Path:
    """Twelve different images with 1024 x 1024 pixels at 193, and one with 410 x 410 at 171."""
    return Path(shutil.copytree(_archive, tmp_path / "archive"))


@pytest.fixture
def gsu(corona: Image.Image, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGsu]:
    """Start a fake server of the GSU service, and set its URL and short delays."""
    with Archive(corona).server() as server:
        quick = {"url": server.root, "backoff": 0.01, "connect_timeout": 1, "patience": 2}
        for key, value in {**quick, "read_timeout": 10, "deadline": 20}.items():
            monkeypatch.setenv(f"ASTRODOME_GSU_{key.upper()}", str(value))
        yield server
