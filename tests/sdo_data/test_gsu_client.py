"""GSU images through sunpy's ``Fido``, with fake servers of GSU and the VSO."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

pytest.importorskip("zeep")

import astrodome_sdo_data.fido as gsu_fido
from astropy import units as u
from services.gsu import FakeGsu
from services.vso import Archive as VsoArchive
from sunpy.net import Fido
from sunpy.net import attrs as a
from sunpy.net.vso import vso

# parfive does not close its event loop.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
START = datetime(2012, 3, 7)
HOUR = a.Time("2012-03-07T00:00", "2012-03-07T01:00")
A171 = a.Wavelength(171 * u.angstrom)


@pytest.fixture
def observatory(aia171: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VsoArchive]:
    """Start a fake VSO, which sunpy also queries."""
    archive = VsoArchive(aia171, START, 20, timedelta(minutes=3))
    with archive.server():
        mirrors = [{"url": archive.wsdl, "port": "sdacVSOi"}]
        monkeypatch.setattr(vso, "DEFAULT_URL_PORT", mirrors)
        yield archive


def test_importing_the_package_registers_the_client(gsu: FakeGsu) -> None:
    code = (
        "import astrodome_sdo_data.fido\n"
        "from astropy import units as u\n"
        "from sunpy.net import Fido, attrs as a\n"
        "found = Fido.search(a.Time('2012-03-07', '2012-03-08'), a.Instrument.aia,\n"
        "    a.Wavelength(171 * u.angstrom), a.Sample(1 * u.hour), a.gsu.Size('512'))\n"
        "print(len(found), len(found['gsu']), a.Provider.gsu.value)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "1 25 GSU\n"


def test_a_search_by_provider_returns_images_of_gsu_and_none_of_the_vso(
    gsu: FakeGsu, observatory: VsoArchive
) -> None:
    found = Fido.search(HOUR, a.Instrument.aia, A171, a.Provider("GSU"))
    assert found.keys() == ["gsu"] and len(found["gsu"]) == 11
    table = found["gsu"]
    assert table["Start Time"][1].isot == "2012-03-07T00:06:00.000"
    assert set(table["Wavelength"].to_value(u.AA)) == {171} and set(table["Size"]) == {"2k"}
    assert "url" not in str(table) and "2012-03-07 00:06:00" in str(table)


def test_searches_for_other_images_do_not_include_gsu(
    gsu: FakeGsu, observatory: VsoArchive
) -> None:
    assert Fido.search(HOUR, a.Instrument.aia, A171).keys() == ["vso"]
    assert not gsu_fido.GSUClient._can_handle_query(HOUR, a.Instrument.hmi, a.Provider("GSU"))
    assert not gsu_fido.GSUClient._can_handle_query(HOUR, a.Provider("JSOC"), a.Instrument.aia)
    assert not gsu_fido.GSUClient._can_handle_query(HOUR, a.Provider("GSU"), a.Level(1))


def test_wavelength_sample_and_size_select_images(gsu: FakeGsu) -> None:
    size = a.gsu.Size("256")
    narrow = Fido.search(HOUR, a.Wavelength(160 * u.AA, 22 * u.nm), a.Sample(30 * u.min), size)
    assert sorted(set(narrow["gsu"]["Wavelength"].to_value(u.AA))) == [171, 193, 211]
    assert len(narrow["gsu"]) == 9
    every = Fido.search(HOUR, a.Instrument.aia, a.Sample(1 * u.hour), size)
    assert len(set(every["gsu"]["Wavelength"])) == 9
    either = Fido.search(HOUR, a.Sample(1 * u.hour), size, A171 | a.Wavelength(304 * u.AA))
    assert [len(table) for table in either] == [2, 2]
    none = Fido.search(HOUR, a.Wavelength(6173 * u.AA), size)
    assert len(none["gsu"]) == 0
    with pytest.raises(ValueError, match="multiple of 6 minutes"):
        Fido.search(HOUR, A171, a.Sample(5 * u.min), size)
    with pytest.raises(ValueError, match="Invalid size '4k'"):
        Fido.search(HOUR, A171, a.gsu.Size("4k"))
    assert gsu.requests == []  # a search sends no request


def test_fetch_writes_the_images_to_the_given_path(gsu: FakeGsu, tmp_path: Path) -> None:
    found = Fido.search(
        HOUR, A171 | a.Wavelength(94 * u.AA), a.Sample(30 * u.min), a.gsu.Size("256")
    )
    fetched = Fido.fetch(found, path=tmp_path / "{wavelength}" / "{file}", progress=False)
    assert not fetched.errors and len(fetched) == 6
    for wavelength in (94, 171):
        for minute in (0, 30, 60):
            t_obs = START + timedelta(minutes=minute)
            path = tmp_path / str(wavelength) / f"{t_obs:%Y-%m-%dT%H%M%S}__{wavelength}.jpeg"
            assert str(path) in fetched
            assert path.read_bytes() == gsu.archive.image(t_obs, wavelength, 256)


def test_a_part_of_a_table_can_be_fetched_and_existing_files_are_kept(
    gsu: FakeGsu, tmp_path: Path
) -> None:
    found = Fido.search(HOUR, A171, a.gsu.Size("256"))["gsu"]
    assert len(Fido.fetch(found[3], path=tmp_path, progress=False)) == 1
    assert len(Fido.fetch(found[2:6], path=tmp_path, progress=False)) == 4
    assert len(gsu.requests) == 4
    Fido.fetch(found[2:6], path=tmp_path, progress=False, overwrite=True)
    assert len(gsu.requests) == 8


def test_missing_and_damaged_images_are_errors_in_the_results(
    gsu: FakeGsu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASTRODOME_GSU_RETRIES", "1")
    monkeypatch.setenv("ASTRODOME_GSU_BACKOFF", "0.01")
    gsu.archive.missing.add((START, 171))
    spoiled = {"00:06": "truncated", "00:12": "html", "00:18": "small", "00:24": "500"}
    gsu.archive.plan = lambda request: spoiled.get(request.query["starttime"][0][11:16], "")
    found = Fido.search(HOUR, A171, a.gsu.Size("256"))
    fetched = Fido.fetch(found, path=tmp_path, progress=False)
    assert len(fetched) == 6 == len(list(tmp_path.iterdir()))
    assert len(fetched.errors) == 5
    said = {Path(e.filepath_partial).name[11:17]: str(e.exception) for e in fetched.errors}
    assert said["000000"] == "GSU does not provide this image."
    assert "HTML" in said["001200"] and "500" in said["002400"]
    assert all(error.url.startswith(gsu.root) for error in fetched.errors)
