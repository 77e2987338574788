"""Synthetic events in the format of HEK, and databases of each supported type."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from astrodome.testing import Result, run
from services import postgresql


@pytest.fixture(autouse=True)
def no_database_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DB_CONNECTION_STRING", raising=False)


@pytest.fixture
def events() -> Callable[..., Result]:
    """Run ``sdo events …`` in this process."""

    def call(*args: object) -> Result:
        return run("sdo", "events", *args, plugin="astrodome_hek_events.plugin")

    return call


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """Start a PostgreSQL server; the name of a database is appended to its address."""
    pytest.importorskip("psycopg", reason="the driver psycopg is not installed")
    try:
        with postgresql.server() as address:
            yield address
    except postgresql.Unavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The connection string of an empty database; each test runs on SQLite and PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'events.sqlite'}"
    address = request.getfixturevalue("postgresql_server")
    name = f"hek_{uuid4().hex}"
    url = sa.make_url(f"{address}postgres").set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return f"{address}{name}"


def event(**changes: Any) -> dict[str, Any]:
    """Return an active region with null, empty and numeric texts like the records of HEK."""
    return {
        "kb_archivid": "ivo://helio-informatics.org/AR_SPoCA_20120101_AR1",
        "event_type": "AR",
        "event_starttime": "2012-01-01T06:00:00",
        "event_endtime": "2012-01-01T10:00:00",
        "event_peaktime": "",
        "obs_observatory": "SDO",
        "obs_instrument": "AIA",
        "obs_channelid": "171, 193",
        "frm_name": "SPoCA",
        "ar_noaanum": None,
        "fl_goescls": "",
        "event_probability": "0.75",
        "event_score": "0.05",
        "hpc_x": -311.5,
        "hpc_y": 402.25,
        "hpc_coord": "POINT(-311.5 402.25)",
        "hpc_bbox": "POLYGON((-350.5 380,-270 380.25,-268.75 430,-352 428.5,-350.5 380))",
        "hpc_boundcc": "",
        "refs": [{"ref_name": "FRM_URL", "ref_type": "html", "ref_url": "https://example.org/é"}],
        "noposition": "false",
        **changes,
    }


@pytest.fixture
def make_event() -> Callable[..., dict[str, Any]]:
    return event


@pytest.fixture
def answer(tmp_path: Path) -> Callable[..., Path]:
    """Write a response of HEK to a file; by default two active regions and a flare."""

    def write(*records: Any, name: str = "hek.json") -> Path:
        flare = event(
            kb_archivid="ivo://helio-informatics.org/FL_SWPC_20120101_F1",
            event_type="FL",
            event_starttime="2012-01-01T08:10:00",
            event_endtime="2012-01-01T08:35:00",
            event_peaktime="2012-01-01T08:21:00",
            obs_observatory="GOES",
            obs_instrument="GOES",
            obs_channelid="XRA",
            frm_name="SWPC",
            ar_noaanum=11389,
            fl_goescls="C2.4",
            hpc_bbox="",
        )
        later = event(
            kb_archivid="ivo://helio-informatics.org/AR_SPoCA_20120101_AR2",
            event_starttime="2012-01-01T10:00:00",
            event_endtime="2012-01-01T14:00:00",
        )
        path = tmp_path / name
        document = {"result": list(records) or [flare, later, event()], "overmax": False}
        path.write_text(json.dumps(document), "utf-8")
        return path

    return write
