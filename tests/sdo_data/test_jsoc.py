"""The source ``jsoc``: exports of JSOC through drms, with a fake server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from astrodome import AstrodomeError
from astrodome.testing import Result
from astrodome_sdo_data import manifest
from astrodome_solar.protocols import ImageSource
from services.fake_server import FakeServer
from services.jsoc import Archive
from services.vso import Archive as Observations

pytest.importorskip("drms")
from astrodome_sdo_data.sources.jsoc import JsocSource

START = datetime(2012, 1, 1)
END = START + timedelta(minutes=50)


@pytest.fixture
def archive(aia171: Path) -> Archive:
    """Records every 12 s for two hours, with a gap between 00:25 and 00:35."""
    made = Observations(aia171, START, 600)
    gap = START + timedelta(minutes=25), START + timedelta(minutes=35)
    made.times = [t_obs for t_obs in made.times if not gap[0] <= t_obs < gap[1]]
    return Archive(made, "astronomer@example.org")


@pytest.fixture
def server(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    with archive.server() as running:
        given = {"url": running.url, "email": archive.registered, "poll": 0.02, "backoff": 0.01}
        for key, value in {**given, "retries": 1}.items():
            monkeypatch.setenv(f"ASTRODOME_JSOC_{key.upper()}", str(value))
        yield running


def test_the_source_implements_the_protocol_with_one_connection(server: FakeServer) -> None:
    assert isinstance(JsocSource(), ImageSource)
    assert JsocSource.info.connections == 1 and "calibrate" in JsocSource.info.options


def test_a_download_requests_one_export_per_wavelength(
    data: Callable[..., Result], server: FakeServer, archive: Archive, tmp_path: Path
) -> None:
    span = ("--start=2012-01-01T00:00", "--end=2012-01-01T00:50", "--freq=10min", "--size=256")
    result = data(
        *("download", "--source=jsoc", f"--path={tmp_path}", *span),
        *("--wavelength=171", "--wavelength=304", "--json"),
    )
    assert result.code == 1
    assert result.json["downloaded"] == len(list(tmp_path.glob("*.jpeg"))) == 10
    table = manifest.read(tmp_path)
    reasons = table.loc[table["status"].eq("missing"), "reason"]
    assert len(reasons) == 2
    assert reasons.str.startswith("JSOC does not provide an image at ").all()
    assert len(archive.exports) == 2 and min(archive.looked.values()) == archive.polls + 1
    assert archive.exports[0].startswith(
        "aia.lev1_euv_12s[2012-01-01T00:00:02Z,2012-01-01T00:10:02Z"
    )


def test_an_unregistered_address_is_an_error_with_instructions(
    server: FakeServer, archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = JsocSource()
    rows = source.search(START, START, "1h", (171,))
    archive.registered = "another@example.org"
    (found,) = source.fetch(rows, tmp_path)
    assert found.status == "failed"
    assert found.reason.startswith(
        "The JSOC export failed: User astronomer@example.org has not been"
    )
    monkeypatch.setenv("ASTRODOME_JSOC_EMAIL", "")
    with pytest.raises(AstrodomeError, match=r"Missing setting jsoc\.email") as raised:
        JsocSource().search(START, START, "1h", (171,))
    assert "register_email.html" in raised.value.hint


def test_an_export_that_takes_too_long_is_reported(
    server: FakeServer, archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASTRODOME_JSOC_EXPORT_DEADLINE", "0.2")
    archive.stuck = True
    source = JsocSource()
    (found,) = source.fetch(source.search(START, START, "1h", (171,)), tmp_path)
    assert "The JSOC export JSOC_20120101_001 was not complete after" in found.reason


@pytest.mark.parametrize("fault", ["500", "html", "cut", "reset"])
def test_an_unavailable_server_is_an_error(server: FakeServer, tmp_path: Path, fault: str) -> None:
    server.add_faults(fault)
    with pytest.raises(AstrodomeError, match="The JSOC query failed"):
        JsocSource().search(START, START, "1h", (171,))
    source = JsocSource()
    rows = source.search(START, START, "1h", (171,))
    server.add_faults(fault)
    (found,) = source.fetch(rows, tmp_path)
    assert found.status == "failed" and found.reason.startswith("The JSOC export failed")
