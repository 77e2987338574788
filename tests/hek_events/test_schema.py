"""Databases of every age: made fresh, from an earlier version, or by sdo-cli."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from astrodome import AstrodomeError
from astrodome_hek_events.client import responses
from astrodome_hek_events.store import schema
from astrodome_hek_events.store.database import Database
from astrodome_hek_events.store.event_store import EventStore
from services import hek

SCRIPTS = str(Path(schema.__file__).parents[1] / "migrations")


def shape(database: str) -> dict:
    """Tables, columns in their order, keys and indexes as the database tells them."""
    with Database(database).plain() as connection:
        inspector = sa.inspect(connection)
        return {
            name: (
                [(c["name"], str(c["type"]), c["nullable"], c["default"]) for c in columns],
                inspector.get_pk_constraint(name)["constrained_columns"],
                sorted((i["name"], i["column_names"]) for i in inspector.get_indexes(name)),
            )
            for name in sorted(inspector.get_table_names())
            for columns in [inspector.get_columns(name)]
        }


def first_version(database: str, *records: dict, versioned: bool) -> None:
    """A store as the first version made it, before there were versions or after."""
    engine = sa.create_engine(Database(database).url)
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", SCRIPTS)
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        if not versioned:
            connection.execute(sa.text(f"DROP TABLE {schema.VERSION_TABLE}"))
        insert = (
            "INSERT INTO hek_records (kb_archivid, event_type, event_starttime, event_endtime, "
            "full_event) VALUES (:id, :type, :start, :end, :record)"
        )
        for record in records:
            given = {
                "id": record["kb_archivid"],
                "type": record["event_type"],
                "start": datetime.fromisoformat(record["event_starttime"]),
                "end": datetime.fromisoformat(record["event_endtime"]),
                "record": json.dumps(record),
            }
            times = [sa.bindparam(name, type_=sa.DateTime) for name in ("start", "end")]
            connection.execute(sa.text(insert).bindparams(*times), given)
    engine.dispose()


@pytest.mark.parametrize("versioned", [False, True])
def test_fresh_and_upgraded_databases_end_equal(database, tmp_path, versioned):
    first_version(database, *hek.day(), versioned=versioned)
    store = EventStore(database)
    assert len(store.events_at(datetime(2023, 3, 29, 16))) == 10
    assert len(store.events_at(datetime(2023, 3, 29, 12), ["AR"])) == 8
    assert store.events_at(datetime(2023, 3, 30, 0, 1)) == []
    upgraded = shape(database)
    with store.database.writing() as connection:
        for name in upgraded:
            connection.execute(sa.text(f"DROP TABLE {name}"))
    EventStore(database).put(hek.day())
    assert shape(database) == upgraded


def test_the_tables_of_the_code_are_those_of_the_versions(database):
    store = EventStore(database)
    store.put(hek.day())
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    assert ScriptDirectory.from_config(config).get_heads() == [schema.HEAD]
    with store.database.plain() as connection:
        options = {"version_table": schema.VERSION_TABLE, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, schema.metadata) == []


def test_a_database_of_a_newer_astrodome_is_left_alone(database, events):
    store = EventStore(database)
    store.put(hek.day())
    with store.database.writing() as connection:
        connection.execute(sa.text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'"))
    result = events("list", "--db-connection-string", database)
    assert result.code == 1
    assert "version 9999" in result.err and "pip install --upgrade" in result.err


def test_several_processes_may_upgrade_at_once(database):
    first_version(database, *hek.day(), versioned=False)
    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(lambda _: len(EventStore(database).search()), range(4)))
    assert counts == [10] * 4


def older_table(database: str, records: list[dict]) -> None:
    """The table of sdo-cli, which it made on PostgreSQL."""
    engine = sa.create_engine(Database(database).url)
    text = sa.Text
    table = sa.Table(
        "hek_events",
        sa.MetaData(),
        sa.Column("event_id", sa.Integer, primary_key=True),
        sa.Column("event_type", text, nullable=False),
        sa.Column("event_starttime", sa.DateTime, nullable=False),
        sa.Column("event_endtime", sa.DateTime, nullable=False),
        *(sa.Column(f"obs_{name}", text) for name in ("observatory", "instrument", "channelid")),
        sa.Column("kb_archivid", text, nullable=False, unique=True),
        *(sa.Column(f"hpc_{name}", text) for name in ("bbox", "boundcc", "coord")),
        sa.Column("full_event", sa.JSON().with_variant(sa.dialects.postgresql.JSONB, "postgresql")),
    )
    columns = {column.name for column in table.c} - {"event_id", "full_event"}
    with engine.begin() as connection:
        table.create(connection)
        for record in records:
            row = {name: record[name] for name in columns} | {"full_event": record}
            for name in ("event_starttime", "event_endtime"):
                row[name] = datetime.fromisoformat(record[name])
            connection.execute(table.insert(), row)
    engine.dispose()


def test_the_events_of_sdo_cli_are_brought_over(database, events):
    records = hek.day()
    for record in records:  # as pandas wrote them into its JSON
        record["event_starttime"] = record["event_starttime"].replace("T", " ")
        record["event_c1error"] = 1.0
    del records[0]["refs"]
    older_table(database, records)
    hint = events("list", "--db-connection-string", database)
    assert hint.code == 1 and "There are some of sdo-cli" in hint.err
    into = ("--db-connection-string", database)
    result = events("import", "--from-older", database, *into, "--json").succeeded()
    assert result.json["done"] == 10
    stored = {record["kb_archivid"]: record for record in EventStore(database).records()}
    assert stored == {record["kb_archivid"]: record for record in records}
    assert events("import", "--from-older", database, *into, "--json").json["done"] == 10
    assert len(EventStore(database).search()) == 10


def test_a_database_without_events_of_sdo_cli_is_named(database, events, tmp_path):
    EventStore(database).put(hek.day())
    result = events("import", "--from-older", database, "--db-connection-string", database)
    assert result.code == 1 and "There is no table hek_events" in result.err
    nowhere = f"sqlite:///{tmp_path / 'nowhere.sqlite'}"
    result = events("import", "--from-older", nowhere, "--db-connection-string", database)
    assert result.code == 1 and "There is no file" in result.err


def test_events_at_a_time_are_those_that_a_look_at_every_event_finds(database):
    """Of all durations: seconds to years, none at all, and ends before their starts."""
    first = datetime(2012, 1, 1)
    lengths = (-3600, 0, 0.5, 1, 255, 256, 257, 7200, 86400, 3e6, 2**24 - 1, 2**24, 2**24 + 1, 9e8)
    spans = []
    for number in range(600):
        start = first + timedelta(seconds=number * 7919 % 600_000)
        spans.append((start, start + timedelta(seconds=lengths[number % len(lengths)])))
    spans += [(datetime.min, datetime.max), (datetime.min, first), (first, datetime.max)]
    records = [
        hek.region(
            kb_archivid=f"{n:03}",
            event_starttime=start.isoformat(),
            event_endtime=end.isoformat(),
        )
        for n, (start, end) in enumerate(spans)
    ]
    store = EventStore(database)
    assert store.put([responses.Raw(r, "") for r in records]).done == len(spans)
    margin = timedelta(seconds=30)
    times = [first + timedelta(seconds=s) for s in (-31, -30, 0, 1, 255, 90_000, 299_999, 2**24)]
    for time in [*times, datetime(1, 1, 2), datetime(9999, 12, 30), datetime(2030, 1, 1)]:
        expected = {
            f"{n:03}"
            for n, (start, end) in enumerate(spans)
            if start <= time + margin and end >= time - margin
        }
        assert {row["kb_archivid"] for row in store.events_at(time)} == expected


@pytest.mark.parametrize("statistics", [False, True])
def test_events_at_a_time_are_looked_up_and_not_searched_for(database, statistics):
    """With what the database knows of the table, and without: both led PostgreSQL astray."""
    first = datetime(2012, 1, 1)
    spans = [(first + timedelta(hours=n), timedelta(minutes=10 + n % 900)) for n in range(20_000)]
    store = EventStore(database)
    store.put(
        {
            "kb_archivid": f"{number}",
            "event_type": "AR",
            "event_starttime": start.isoformat(),
            "event_endtime": (start + length).isoformat(),
        }
        for number, (start, length) in enumerate(spans)
    )
    looked_up: list[str] = []

    @sa.event.listens_for(store.database.engine, "before_cursor_execute")
    def explain(connection, cursor, statement, parameters, context, many):
        if "hek_records.event_peaktime" in statement:
            plan = (
                "EXPLAIN" if store.url.drivername.startswith("postgres") else "EXPLAIN QUERY PLAN"
            )
            own = connection.connection.cursor()
            own.execute(f"{plan} {statement}", parameters)
            looked_up.extend(str(line) for line in own.fetchall())

    if statistics:
        with store.database.writing() as connection:
            connection.execute(sa.text("ANALYZE"))
    assert len(store.events_at(first + timedelta(hours=15_000.1), ["AR"])) > 5
    plan = "\n".join(looked_up)
    assert "hek_records_duration" in plan
    assert "Seq Scan on hek_records" not in plan and "SCAN hek_records" not in plan


def test_a_failing_upgrade_is_one_sentence(tmp_path):
    path = tmp_path / "events.sqlite"
    database = f"sqlite:///{path}"
    first_version(database, *hek.day(), versioned=False)
    path.chmod(0o444)
    tmp_path.chmod(0o555)
    try:
        try:
            found = EventStore(database).search()
        except AstrodomeError as error:
            assert "events.sqlite" in error.message
        else:  # root may write everywhere
            assert len(found) == 10
    finally:
        tmp_path.chmod(0o755)
