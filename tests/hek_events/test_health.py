"""The health checks of the event database and of HEK."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from astrodome.testing import Result, run
from astrodome_hek_events import EventStore
from services import hek


@pytest.fixture
def database(astrodome_home: Path) -> Path:
    """The default database, with the events of a day."""
    EventStore("").add(hek.day())
    return astrodome_home / "hek_events.sqlite"


def doctor(*args: object) -> Result:
    return run("sdo", "plugins", "doctor", *args, "--json", plugin="astrodome_hek_events.plugin")


def wrong(result: Result) -> list[str]:
    return [row["finding"] for row in result.json if row["status"] == "wrong"]


def test_a_valid_and_a_missing_database_pass(database: Path) -> None:
    assert wrong(doctor().succeeded()) == []
    database.unlink()
    assert wrong(doctor().succeeded()) == [] and not database.exists()


def test_a_damaged_database_is_a_problem(database: Path) -> None:
    content = bytearray(database.read_bytes())
    content[4096:12288] = b"\xff" * 8192
    database.write_bytes(content)
    (found,) = wrong(doctor())
    assert "event-database: " in found and str(database) in found


def test_a_file_that_is_not_a_database_is_a_problem(database: Path) -> None:
    database.write_bytes(b"not a database" * 1000)
    (found,) = wrong(doctor())
    assert "file is not a database" in found and str(database) in found


def test_a_table_with_another_schema_is_a_problem(database: Path) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute("ALTER TABLE hek_windows RENAME COLUMN fetched TO loaded")
    (found,) = wrong(doctor())
    assert "table hek_windows has no column fetched" in found


@pytest.mark.usefixtures("astrodome_home")
def test_hek_is_checked_with_online(monkeypatch: pytest.MonkeyPatch) -> None:
    with hek.Hek(hek.day()).server() as running:
        monkeypatch.setenv("ASTRODOME_HEK_URL", f"{running.url}/hek/her")
        assert wrong(doctor("--online").succeeded()) == []
    (found,) = wrong(doctor("--online"))
    assert "HEK" in found and "/hek/her" in found
