"""Error messages about invalid files, options and databases."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from astrodome import AstrodomeError
from astrodome_hek_events.store import database
from astrodome_hek_events.store.database import parse_address
from astrodome_hek_events.store.event_store import EventStore
from astrodome_hek_events.store.queries import EventFilter


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "No such file"),
        (b"", "contains no events"),
        (b"<!DOCTYPE html><html>Service Unavailable</html>", "contains no events"),
        (b'{"result": [{"kb_archivid": "ivo://a", ', "contains no events"),
        (b'{"result": "\xff"}', "contains no events"),
        (b"[" * 100_000, "contains no events"),
        (b'{"error": "no such event type"}', "contains no events"),
        (b"42", "contains no events"),
    ],
)
def test_an_invalid_file_is_reported_and_the_next_file_is_imported(
    content, sentence, events, answer, tmp_path, monkeypatch
):
    monkeypatch.setenv("ASTRODOME_HOME", str(tmp_path / "home"))
    bad = tmp_path / "bad.json"
    if content is not None:
        bad.write_bytes(content)
    result = events("import", bad, answer(), "--json")
    assert result.code == 1
    assert result.json["done"] == 3
    (failure,) = result.json["failed"]
    assert failure["name"] == str(bad) and sentence in failure["reason"]
    assert len(events("list", "--json").succeeded().json) == 3


def test_a_file_without_events_creates_no_database(events, tmp_path, monkeypatch):
    monkeypatch.setenv("ASTRODOME_HOME", str(tmp_path / "home"))
    nothing = tmp_path / "nothing.json"
    nothing.write_text(json.dumps({"result": []}))
    events("import", nothing).succeeded()
    assert events("list").code == 1
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("--start", "soon"), "Invalid time 'soon'"),
        (("--at", "2012-01-01", "--end", "2012-01-02"), "--at cannot be used with"),
        (("--start", "2012-01-02", "--end", "2012-01-01"), "is before the start"),
        (("--db-connection-string", "mysql://scott:tiger@host/db"), "Unsupported database mysql"),
        (("--db-connection-string", "scott:tiger"), "Invalid database URL"),
        (
            ("--db-connection-string", "postgresql://scott:tiger@host:port/db"),
            "Invalid database URL",
        ),
        (("--limit", "0"), "--limit"),
    ],
)
def test_wrong_usage_exits_with_status_2_and_shows_no_password(args, sentence, events):
    result = events("list", *args)
    assert result.code == 2
    assert sentence in result.err and "tiger" not in result.err + result.out


def test_an_unreachable_database_is_an_error_without_the_password(events, answer):
    pytest.importorskip("psycopg")
    nowhere = "postgresql://scott:tiger@127.0.0.1:1/db"
    for command in (("list",), ("import", answer())):
        result = events(*command, "--db-connection-string", nowhere)
        assert result.code == 1
        assert "the event database postgresql+psycopg://scott:***@127.0.0.1:1/db" in result.err
        assert "tiger" not in result.err and "Traceback" not in result.err


def test_a_file_that_is_not_a_database_is_an_error(events, answer, tmp_path):
    path = tmp_path / "notes.sqlite"
    path.write_text("Dear diary, today the Sun was quiet. " * 100)
    result = events("import", answer(), "--db-connection-string", f"sqlite:///{path}")
    assert result.code == 1 and f"{path}: file is not a database" in result.err
    assert path.read_text().startswith("Dear diary")


def test_other_postgresql_addresses_use_the_installed_driver():
    pytest.importorskip("psycopg")
    for text in ("postgresql://u@h/d", "postgres://u@h/d", "postgresql+psycopg2://u@h/d"):
        assert EventStore(text).database.url.drivername == "postgresql+psycopg"


def limited(url: str, *pragmas: str) -> EventStore:
    """Return a store whose connections have these limits, like on a full or read-only disk."""
    store = EventStore(url)

    def limit(connection, _):
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    sa.event.listen(store.database.engine, "connect", limit)
    return store


def test_a_full_disk_is_an_error_and_stored_events_are_kept(make_event, tmp_path):
    path = tmp_path / "events.sqlite"
    EventStore(f"sqlite:///{path}").add([make_event()])
    pages = path.stat().st_size // 4096
    store = limited(f"sqlite:///{path}", f"max_page_count={pages + 2}")
    many = [make_event(kb_archivid=f"ivo://x/{n}", note="x" * 2000) for n in range(100)]
    with pytest.raises(AstrodomeError) as failed:
        store.add(many)
    assert failed.value.message == f"No space left on the disk while writing {path}."
    assert "Free some space" in failed.value.hint
    assert len(EventStore(f"sqlite:///{path}").rows(EventFilter())) == 1


def test_writing_to_a_read_only_database_is_an_error_and_reading_is_not(make_event, tmp_path):
    path = tmp_path / "events.sqlite"
    EventStore(f"sqlite:///{path}").add([make_event()])
    store = limited(f"sqlite:///{path}", "query_only=1")
    with pytest.raises(AstrodomeError) as failed:
        store.add([make_event(kb_archivid="ivo://x/2")])
    assert failed.value.message == f"Cannot read or write {path}: Read-only file system."
    assert len(store.rows(EventFilter())) == 1
    assert len(EventStore(f"sqlite:///file:{path}?mode=ro&uri=true").rows(EventFilter())) == 1


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (
            "/proc/events.sqlite",
            "the event database /proc/events.sqlite: unable to",
        ),
        ("/proc/a/b/events.sqlite", "Cannot create the folder /proc/a/b of the event database: "),
        ("/dev/null/events.sqlite", "Cannot create the folder /dev/null of the event database: "),
    ],
)
def test_an_error_about_a_folder_contains_its_path(events, answer, path, told):
    result = events("import", answer(), "--db-connection-string", f"sqlite:///{path}")
    assert result.code == 1 and told in result.err, result.err
    assert "Hint: Check the permissions of the file and its folder" in result.err
    assert "Unexpected" not in result.err and result.err.count("\n") == 2


def test_an_error_about_the_home_folder_contains_its_path(events, answer, monkeypatch):
    monkeypatch.setenv("ASTRODOME_HOME", "/proc/astrodome")
    result = events("import", answer())
    assert result.code == 1 and "Cannot create the folder /proc/astrodome" in result.err
    listed = events("list")
    assert listed.code == 1 and "/proc/astrodome/hek_events.sqlite" in listed.err


def test_a_locked_database_is_an_error_after_the_timeout(make_event, tmp_path, monkeypatch):
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 0.1)
    url = f"sqlite:///{tmp_path / 'events.sqlite'}"
    first = EventStore(url)
    first.add([make_event()])
    with first.database.writing(), pytest.raises(AstrodomeError) as failed:
        EventStore(url).add([make_event(kb_archivid="ivo://x/2")])
    assert "events.sqlite: database is locked" in failed.value.message


def test_a_damaged_database_is_an_error(make_event, tmp_path):
    path = tmp_path / "events.sqlite"
    EventStore(f"sqlite:///{path}").add([make_event(kb_archivid=f"ivo://x/{n}") for n in range(99)])
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(
        AstrodomeError,
        match=r"events\.sqlite: (database disk|file is not)",
    ):
        EventStore(f"sqlite:///{path}").rows(EventFilter())


def test_the_home_folder_is_expanded_in_the_url_of_a_file(
    tmp_path: Path, make_event: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    EventStore("sqlite:///~/events.sqlite").add([make_event()])
    assert (tmp_path / "events.sqlite").exists()
    assert parse_address("sqlite:///file:x?mode=ro").database == "file:x"
