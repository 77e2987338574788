"""The source ``fido``: FITS files through sunpy's VSO client, with a fake server."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path

import astrodome_sdo_data as sdo_data
import numpy as np
import pytest
from astrodome import AstrodomeError
from astrodome.testing import Result
from astrodome_solar import metadata, read_image
from astrodome_solar.formats import raster
from astrodome_solar.protocols import FetchedImage, ImageSource
from PIL import Image
from services.fake_server import FakeServer
from services.vso import Archive

pytest.importorskip("zeep")
from astrodome_sdo_data.sources.vso import VsoSource

START = datetime(2012, 1, 1)


@pytest.fixture
def archive(aia171: Path) -> Archive:
    """Records every 12 s for two hours, with a gap between 00:25 and 00:35."""
    made = Archive(aia171, START, 600)
    gap = START + timedelta(minutes=25), START + timedelta(minutes=35)
    made.times = [t_obs for t_obs in made.times if not gap[0] <= t_obs < gap[1]]
    return made


@pytest.fixture
def server(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    with archive.server() as running:
        monkeypatch.setenv("ASTRODOME_FIDO_URL", archive.wsdl)
        monkeypatch.setenv("ASTRODOME_FIDO_BACKOFF", "0.01")
        monkeypatch.setenv("ASTRODOME_FIDO_READ_TIMEOUT", "1")
        monkeypatch.setenv("ASTRODOME_FIDO_RETRIES", "1")
        yield running


def fetch_images(
    folder: Path, minutes: float, *wavelength: int, **options: object
) -> list[FetchedImage]:
    source = VsoSource()
    end = START + timedelta(minutes=minutes)
    rows = source.search(START, end, "10min", wavelength or (171,), **options)
    folder.mkdir(exist_ok=True)
    return list(source.fetch(rows, folder))


def test_the_source_implements_the_protocol(server: FakeServer) -> None:
    assert isinstance(VsoSource(), ImageSource)


def test_the_nearest_file_to_each_time_is_the_same_as_imported(
    server: FakeServer, archive: Archive, tmp_path: Path
) -> None:
    found = fetch_images(tmp_path / "out", 50, 304, 171, size="256")
    assert [f.status for f in found] == 2 * (["done"] * 3 + ["missing"] + ["done"] * 2)
    assert found[3].reason.startswith("The VSO does not provide an image at 171 angstrom near ")
    t_obs = START + timedelta(minutes=20, seconds=2)
    by_hand = tmp_path / "by_hand.fits"
    by_hand.write_bytes(archive.fits(t_obs, 304))
    upright = read_image(by_hand).north_up()
    image, about_it = upright.to_picture(256), upright.metadata_row()
    expected = raster.decoded(raster.from_bytes(bytes(raster.encoded(image, "x.jpeg", ""))))
    name = "2012-01-01T002000__304.jpeg"
    with Image.open(tmp_path / "out" / name) as drawn:
        assert drawn.tobytes() == expected.tobytes()
    header = next(f.header for f in found if f.path and f.path.name == name)
    assert (
        header
        == about_it
        == {
            **{"QUALITY": 0, "DSUN": 1.4777e11, "X0": 2048.0, "R_SUN": 1620.0, "Y0": 2048.0},
            "CDELT": 0.6,
        }
    )


def test_the_vso_is_queried_for_samples_and_for_many_addresses_at_once(server: FakeServer) -> None:
    rows = VsoSource().search(START, START + timedelta(minutes=110), "5min", (171, 193))
    assert len(rows) == 46 and (rows["fileid"] == "").sum() == 4
    asked = [request.body.decode() for request in server.requests if request.method == "POST"]
    assert len(asked) == 2 and all("sample>300" in body for body in asked)
    server.requests.clear()
    list(VsoSource().fetch(rows.iloc[:0], Path()))
    assert [request.method for request in server.requests] == []


def test_images_with_other_quality_bits_are_skipped(
    server: FakeServer, archive: Archive, tmp_path: Path
) -> None:
    archive.quality[archive.times[0]] = 0x100
    found = fetch_images(tmp_path / "out", 10, size="256", quality=0)
    assert [f.status for f in found] == ["skipped", "done"]
    assert found[0].reason == "Quality bits 0x100 are set."


@pytest.mark.parametrize("fault", ["500", "503", "429 after 0", "reset", "cut", "html", "never"])
def test_a_failed_transfer_is_reported_and_other_images_are_fetched(
    server: FakeServer, tmp_path: Path, fault: str
) -> None:
    source = VsoSource()
    rows = source.search(START, START + timedelta(minutes=20), "10min", (171,), size="256")
    addresses = source.addresses(rows)
    server.add_faults(fault)
    (once,) = _fetch(source, rows.iloc[:1], addresses, tmp_path)
    assert once.status == "done"
    server.add_faults(fault, fault)
    found = _fetch(source, rows.iloc[1:], addresses, tmp_path)
    assert [each.status for each in found] == ["failed", "done"]
    assert "The VSO archive" in found[0].reason
    assert len(list(tmp_path.iterdir())) == 2


def _fetch(
    source: VsoSource, rows: object, addresses: dict[str, str], folder: Path
) -> list[FetchedImage]:
    """Fetch with known addresses, so that the next fault affects a file."""
    source.addresses = lambda rows: addresses  # type: ignore[method-assign]
    return list(source.fetch(rows, folder))  # type: ignore[arg-type]


def test_a_file_that_the_archive_does_not_have_is_missing(
    server: FakeServer, archive: Archive, tmp_path: Path
) -> None:
    archive.lost.add(archive.times[0])
    assert [f.status for f in fetch_images(tmp_path / "out", 10, size="256")] == ["missing", "done"]


def test_an_unreachable_vso_is_an_error(
    server: FakeServer, archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.error = "JSOC is down for maintenance"
    with pytest.raises(AstrodomeError, match=r"The VSO query failed: .*JSOC is down"):
        fetch_images(tmp_path / "out", 10)
    archive.error = ""
    source = VsoSource()
    rows = source.search(START, START, "10min", (171,))
    server.add_faults("500")
    with pytest.raises(AstrodomeError, match="The VSO query failed"):
        source.search(START, START, "10min", (171,))
    assert source.search(START, START, "10min", (171,)).equals(rows)
    server.add_faults("500")
    (found,) = source.fetch(rows, tmp_path)
    assert found.status == "failed" and found.reason.startswith("The VSO returned no file URLs")
    monkeypatch.setenv("ASTRODOME_FIDO_URL", "http://127.0.0.1:9/vso.wsdl")
    with pytest.raises(AstrodomeError, match=r"Cannot connect to the VSO at http://127.0.0.1:9"):
        fetch_images(tmp_path / "out", 10)


def test_an_unknown_wavelength_or_size_is_an_error(server: FakeServer) -> None:
    with pytest.raises(AstrodomeError, match="fido does not provide images at 172 angstrom"):
        sdo_data.search("fido", START, START, wavelength=172)
    with pytest.raises(AstrodomeError, match="Invalid size '3k': expected one of 2k, 4k"):
        sdo_data.search("fido", START, START, size="3k")


# Calibration with the tables of aiapy as files.

POINTING = """T_START,T_STOP,A_304_X0,A_304_Y0,A_304_IMSCALE,A_304_INSTROT
2011-12-31T21:00:00Z,2012-01-01T00:00:00Z,1900.0,1900.0,0.6,0.0
2012-01-01T00:00:00Z,2012-01-01T03:00:00Z,2050.25,2044.5,0.599489,0.0
"""


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pytest.importorskip("aiapy")
    pointing = tmp_path / "pointing.csv"
    pointing.write_text(POINTING)
    response = files("aiapy.tests.data") / "aia_V8_20171210_050627_response_table.txt"
    monkeypatch.setenv("ASTRODOME_FIDO_POINTING", str(pointing))
    monkeypatch.setenv("ASTRODOME_FIDO_DEGRADATION", str(response))
    return pointing


def test_calibrated_images_have_aiapys_pointing_and_intensity(
    aia171: Path, tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aiapy.calibrate import degradation
    from aiapy.calibrate.util import get_correction_table
    from astropy import units as u
    from astropy.time import Time

    large = Archive(aia171, START, 1, side=4096)
    with large.server():
        monkeypatch.setenv("ASTRODOME_FIDO_URL", large.wsdl)
        (plain,) = fetch_images(tmp_path / "plain", 0, 304, size="512")
        (found,) = fetch_images(tmp_path / "calibrated", 0, 304, size="512", calibrate=True)
    assert (found.status, found.reason) == ("done", "")
    assert plain.header and found.header and plain.path and found.path
    assert (plain.header["X0"], plain.header["CDELT"]) == (2048.0, 0.6)
    assert found.header["CDELT"] == 0.599489
    assert (found.header["X0"], found.header["Y0"]) == (2050.75, 2045.0)
    table = get_correction_table(os.environ["ASTRODOME_FIDO_DEGRADATION"])
    (factor,) = degradation(304 * u.AA, Time(START), correction_table=table).value
    assert 0.2 < factor < 0.8
    with Image.open(plain.path) as a, Image.open(found.path) as b:
        before, after = np.asarray(a, float), np.asarray(b, float)
    middle = (before > 60) & (before < 200)
    levels = -np.log10(factor) * 255 / np.log10(3500 / 0.1)
    assert np.median((after - before)[middle]) == pytest.approx(levels, abs=1)


def test_an_image_that_cannot_be_calibrated_is_reported(
    server: FakeServer, tables: Path, tmp_path: Path
) -> None:
    (small,) = fetch_images(tmp_path / "out", 0, 304, size="256", calibrate=True)
    assert small.status == "failed"
    assert small.reason.startswith("The calibration with aiapy failed: Input must be at the full")
    assert not list((tmp_path / "out").iterdir())


def test_an_invalid_or_missing_calibration_table_is_an_error(
    server: FakeServer, tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables.write_text("no table")
    with pytest.raises(
        AstrodomeError, match=r"Cannot load the AIA pointing table from .*pointing.csv"
    ):
        fetch_images(tmp_path / "out", 0, calibrate=True)
    tables.write_text(POINTING)
    monkeypatch.setenv("ASTRODOME_FIDO_DEGRADATION", str(tmp_path / "absent.txt"))
    with pytest.raises(
        AstrodomeError, match=r"Cannot load the AIA degradation table from .*absent.txt"
    ):
        fetch_images(tmp_path / "out", 0, calibrate=True)


def test_the_default_tables_are_from_lmsal_and_solarsoft(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    util = pytest.importorskip("aiapy.calibrate.util")

    def fail(source: str) -> None:
        raise OSError(f"no response for {source}")

    monkeypatch.setattr(util, "get_correction_table", fail)
    monkeypatch.setattr(util, "get_pointing_table", str)
    with pytest.raises(AstrodomeError, match=r"degradation table from ssw: .* for ssw"):
        fetch_images(tmp_path, 0, calibrate=True)
    monkeypatch.setattr(util, "get_pointing_table", fail)
    with pytest.raises(AstrodomeError, match=r"pointing table from lmsal: .* for lmsal"):
        fetch_images(tmp_path, 0, calibrate=True)


def test_calibrated_and_uncalibrated_images_are_not_mixed_in_a_folder(
    data: Callable[..., Result], server: FakeServer, tables: Path, tmp_path: Path
) -> None:
    span = ("--start=2012-01-01T00:00", "--end=2012-01-01T00:20", "--freq=10min", "--size=256")
    given = ("download", "--source=fido", f"--path={tmp_path / 'images'}", *span)
    data(*given).succeeded()
    other = data(*given, "--calibrate")
    assert other.code == 2 and "expected 256 calibrated from fido, found 256 from fido" in other.err


def test_a_source_without_calibration_refuses_the_option(
    data: Callable[..., Result], server: FakeServer, tmp_path: Path
) -> None:
    span = ("--start=2012-01-01T00:00", "--end=2012-01-01T00:20", "--freq=10min", "--size=256")
    path = tmp_path / "images"
    data("download", "--source=fido", f"--path={path}", *span, "--metadata").succeeded()
    assert len(list(path.glob("*.jpeg"))) == len(metadata.read_rows(path)) == 3
    refused = data("download", "--source=gsu", f"--path={path}", *span, "--calibrate")
    assert (
        refused.code == 2
        and "The source gsu does not support the option 'calibrate'." in refused.err
    )
