"""Conformance of the plugin, its commands and its image sources with their contracts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from astrodome.testing import CommandContract, PluginContract
from astrodome_solar.testing import ImageSourceContract
from PIL import Image
from services import gsu, helioviewer, jsoc, vso

PLUGIN = "astrodome_sdo_data.plugin"
START = datetime(2012, 1, 1)
QUICK = {"backoff": 0.01, "retries": 1, "connect_timeout": 1, "patience": 1}


def configure(monkeypatch: pytest.MonkeyPatch, source: str, **values: object) -> None:
    """Set settings of a source in the environment."""
    for key, value in {**QUICK, **values}.items():
        monkeypatch.setenv(f"ASTRODOME_{source.upper()}_{key.upper()}", str(value))


@pytest.mark.requires("drms", "parfive")
class TestConformance(PluginContract):
    plugin = PLUGIN


class TestCommand(CommandContract):
    plugin = PLUGIN
    app = "sdo"
    command = "data"
    invalid = [
        ("download", "--source", "gsu", "--start", "yesterday", "--end", "2012-01-01"),
        ("download", "--source", "no-such-source", "--start", "2012-01-01", "--end", "2012-01-02"),
        ("resize", "--targetsize", "tiny"),
    ]

    @pytest.fixture(autouse=True)
    def folder(self, archive: Path) -> None:
        self.arguments = [("sources",), ("info", archive)]


class TestGsu(ImageSourceContract):
    plugin = PLUGIN
    source = "gsu"
    search = {
        "start": "2012-01-01",
        "end": "2012-01-01T00:12",
        "freq": "6min",
        "wavelength": [171],
        "size": "256",
    }

    @pytest.fixture(autouse=True)
    def server(
        self, corona: Image.Image, astrodome_component: None, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[None]:
        with gsu.Archive(corona).server() as running:
            configure(monkeypatch, "gsu", url=running.root)
            yield


class TestHelioviewer(ImageSourceContract):
    plugin = PLUGIN
    source = "helioviewer"
    search = {
        "start": START,
        "end": START + timedelta(minutes=10),
        "freq": "10min",
        "wavelength": [193],
        "size": "256",
    }

    @pytest.fixture(autouse=True)
    def server(
        self, aia193: Path, astrodome_component: None, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[None]:
        times = [START + timedelta(seconds=36 * number) for number in range(20)]
        with helioviewer.Archive(aia193, times).server() as running:
            configure(monkeypatch, "helioviewer", url=f"{running.url}/v2")
            yield


class TestFido(ImageSourceContract):
    plugin = PLUGIN
    source = "fido"
    search = {**TestHelioviewer.search, "wavelength": [171]}

    @pytest.fixture(autouse=True)
    def server(
        self, aia171: Path, astrodome_component: None, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[None]:
        pytest.importorskip("zeep")
        archive = vso.Archive(aia171, START, 60)
        with archive.server():
            configure(monkeypatch, "fido", url=archive.wsdl)
            yield


class TestJsoc(ImageSourceContract):
    plugin = PLUGIN
    source = "jsoc"
    search = TestFido.search

    @pytest.fixture(autouse=True)
    def server(
        self, aia171: Path, astrodome_component: None, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[None]:
        pytest.importorskip("drms")
        archive = jsoc.Archive(vso.Archive(aia171, START, 60), "astronomer@example.org")
        with archive.server() as running:
            email = archive.registered
            configure(monkeypatch, "jsoc", url=running.url, email=email, poll=0.02)
            yield


class TestSdoml(ImageSourceContract):
    plugin = PLUGIN
    source = "sdoml"
    search = {**TestFido.search, "freq": "6min", "end": START + timedelta(minutes=12)}

    @pytest.fixture(autouse=True)
    def store(
        self, astrodome_home: Path, astrodome_component: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = astrodome_home / "sdoml"
        zarr = pytest.importorskip("zarr")
        root = zarr.open_group(folder, mode="w", zarr_format=2)
        array = root.create_array(
            "2012/171A", shape=(3, 512, 512), chunks=(1, 512, 512), dtype="f4"
        )
        for number in range(3):
            array[number] = 100 * (number + 1)
        times = [START + timedelta(minutes=6 * number) for number in range(3)]
        array.attrs.update(
            T_OBS=[f"{time:%Y-%m-%dT%H:%M:%S}Z" for time in times],
            QUALITY=[0] * 3,
            CDELT1=[4.8] * 3,
            CRPIX1=[256.5] * 3,
            CRPIX2=[256.5] * 3,
            RSUN_OBS=[975.6] * 3,
            DSUN_OBS=[1.4709e11] * 3,
            EXPTIME=[2.0] * 3,
        )
        monkeypatch.setenv("ASTRODOME_SDOML_STORE", str(folder))
