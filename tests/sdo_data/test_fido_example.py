"""The example ``examples/fido_source``, with a fake VSO server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from astrodome.testing import PluginContract, run
from astrodome_solar import read_image
from astrodome_solar.testing import ImageSourceContract
from services import vso

SOURCES = Path(__file__).parents[2] / "examples/fido_source/src"
PLUGIN = "astrodome_fido_source.plugin"
START = datetime(2012, 1, 1)

# sunpy's downloader, which the example uses, warns if it runs in a thread.
pytestmark = [
    pytest.mark.filterwarnings("ignore:This download has been started in a thread"),
    pytest.mark.requires("parfive", "zeep"),
]


@pytest.fixture(autouse=True)
def example(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SOURCES))
    monkeypatch.setenv("PYTHONPATH", str(SOURCES))


@pytest.fixture
def archive(aia171: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[vso.Archive]:
    """Records every 12 s for 12 minutes, which are the only records that Fido finds."""
    pytest.importorskip("zeep")
    import sunpy.net.vso.vso as client

    made = vso.Archive(aia171, START, 60)
    with made.server():
        mirror = {"url": made.wsdl, "port": "nsoVSOi"}
        monkeypatch.setattr(client, "DEFAULT_URL_PORT", [mirror])
        yield made


class TestPlugin(PluginContract):
    plugin = PLUGIN


class TestSource(ImageSourceContract):
    plugin = PLUGIN
    source = "sunpy"
    search = {
        "start": START,
        "end": START + timedelta(minutes=10),
        "freq": "5min",
        "wavelength": [171],
    }

    @pytest.fixture(autouse=True)
    def server(self, example: None, archive: vso.Archive) -> None:
        pass


def test_the_command_downloads_the_images(archive: vso.Archive, tmp_path: Path) -> None:
    args = ("--source=sunpy", "--start=2012-01-01", "--end=2012-01-01T00:10", "--freq=5min")
    args += ("--wavelength=171", f"--path={tmp_path / 'images'}")
    plugins = ("astrodome_sdo_data.plugin", "astrodome_solar.plugin", PLUGIN)
    run("sdo", "data", "download", *args, plugin=plugins).succeeded()
    paths = sorted((tmp_path / "images").rglob("*.fits"))
    assert [path.name for path in paths] == [
        "2012-01-01T000002__171.fits",
        "2012-01-01T000502__171.fits",
    ]
    assert read_image(paths[0]).wavelength == 171
