"""What is wrong with files, options and databases is said in one sentence."""

from __future__ import annotations

import json

import pytest
from astrodome_hek_events.store import EventStore


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "There is no file"),
        (b"", "is not JSON"),
        (b"<!DOCTYPE html><html>Service Unavailable</html>", "is not JSON"),
        (b'{"result": [{"kb_archivid": "ivo://a", ', "is not JSON"),
        (b'{"result": "\xff"}', "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"error": "no such event type"}', "holds no events"),
        (b"42", "holds no events"),
    ],
)
def test_a_file_without_events_is_named_and_the_next_one_stored(
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


def test_a_file_without_any_event_makes_no_database(events, tmp_path, monkeypatch):
    monkeypatch.setenv("ASTRODOME_HOME", str(tmp_path / "home"))
    nothing = tmp_path / "nothing.json"
    nothing.write_text(json.dumps({"result": []}))
    events("import", nothing).succeeded()
    assert events("list").code == 1
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("--start", "soon"), "'soon' is no time"),
        (("--at", "2012-01-01", "--end", "2012-01-02"), "--at goes with neither"),
        (("--start", "2012-01-02", "--end", "2012-01-01"), "is later than"),
        (("--db-connection-string", "mysql://scott:tiger@host/db"), "not in mysql"),
        (("--db-connection-string", "scott:tiger"), "is no database address"),
        (("--db-connection-string", "postgresql://scott:tiger@host:port/db"), "is no database"),
        (("--limit", "0"), "--limit"),
    ],
)
def test_wrong_usage_leaves_with_2_and_shows_no_password(args, sentence, events):
    result = events("list", *args)
    assert result.code == 2
    assert sentence in result.err and "tiger" not in result.err + result.out


def test_a_database_that_does_not_answer_is_named_without_its_password(events, answer):
    pytest.importorskip("psycopg")
    nowhere = "postgresql://scott:tiger@127.0.0.1:1/db"
    for command in (("list",), ("import", answer())):
        result = events(*command, "--db-connection-string", nowhere)
        assert result.code == 1
        assert "The database postgresql+psycopg://scott:***@127.0.0.1:1/db" in result.err
        assert "tiger" not in result.err and "Traceback" not in result.err


def test_a_file_that_is_no_database_is_named(events, answer, tmp_path):
    path = tmp_path / "notes.sqlite"
    path.write_text("Dear diary, today the Sun was quiet. " * 100)
    result = events("import", answer(), "--db-connection-string", f"sqlite:///{path}")
    assert result.code == 1 and "notes.sqlite" in result.err and "not a database" in result.err
    assert path.read_text().startswith("Dear diary")


def test_older_connection_strings_mean_the_current_driver():
    pytest.importorskip("psycopg")
    for text in ("postgresql://u@h/d", "postgres://u@h/d", "postgresql+psycopg2://u@h/d"):
        assert EventStore(text).url.drivername == "postgresql+psycopg"
