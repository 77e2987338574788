"""Databases that are created, opened from an earlier version, or imported from sdo-cli."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from astrodome import AstrodomeError
from astrodome_hek_events.store import schema
from astrodome_hek_events.store.database import Database
from astrodome_hek_events.store.event_store import EventStore
from astrodome_hek_events.store.queries import TIME_MARGIN, EventFilter
from services import hek


def earlier_version(database: str) -> None:
    """Create the tables of the versions whose schema was managed with Alembic."""
    EventStore(database).add(hek.day())
    execute(
        database,
        "CREATE INDEX hek_records_end ON hek_records (event_endtime)",
        "CREATE INDEX hek_records_type ON hek_records (event_type, event_starttime)",
        "CREATE TABLE hek_records_version (version_num VARCHAR(32) PRIMARY KEY)",
        "INSERT INTO hek_records_version VALUES ('0002')",
    )


def execute(database: str, *statements: str) -> None:
    engine = sa.create_engine(Database(database).url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
    engine.dispose()


def test_the_tables_have_the_documented_columns(database):
    store = EventStore(database)
    store.add(hek.day())
    with store.database.connect() as connection:
        inspector = sa.inspect(connection)
        assert set(inspector.get_table_names()) == {"hek_records", "hek_windows"}
        for name, table in schema.metadata.tables.items():
            columns = {column["name"]: column for column in inspector.get_columns(name)}
            assert list(columns) == [column.name for column in table.c]
            assert {n for n, c in columns.items() if c["nullable"]} == {
                column.name for column in table.c if column.nullable
            }
            keys = inspector.get_pk_constraint(name)["constrained_columns"]
            assert keys == [column.name for column in table.primary_key]
            assert {index["name"] for index in inspector.get_indexes(name)} == {
                index.name for index in table.indexes
            }


def test_a_database_of_an_earlier_version_is_read_and_written(database):
    earlier_version(database)
    store = EventStore(database)
    time = datetime(2023, 3, 29, 12)
    assert len(store.rows(EventFilter(time, time, ["AR"]))) == 8
    assert store.add([*hek.day(), hek.region(1)]).done == 11
    assert len(store.rows(EventFilter(time, time, ["AR"]))) == 9


def test_a_database_without_the_table_of_windows_is_read_and_written(database):
    EventStore(database).add(hek.day())
    execute(database, "DROP TABLE hek_windows")
    assert len(EventStore(database).rows(EventFilter())) == 10
    assert EventStore(database).add(hek.day()).done == 10
    assert EventStore(database).database.has_table("hek_windows")


def test_a_table_with_other_columns_is_an_error(database, events):
    execute(
        database,
        "CREATE TABLE hek_records (kb_archivid TEXT PRIMARY KEY, event_type TEXT)",
    )
    for command in (("list",), ("stats",)):
        result = events(*command, "--db-connection-string", database)
        assert result.code == 1
        assert "table hek_records has no column event_starttime, event_endtime" in result.err
    with pytest.raises(AstrodomeError, match="Unsupported schema"):
        EventStore(database).add(hek.day())


def test_several_processes_can_create_the_tables_at_the_same_time(database):
    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(lambda _: EventStore(database).add(hek.day()).done, range(4)))
    assert counts == [10] * 4
    assert len(EventStore(database).rows(EventFilter())) == 10


def sdo_cli_table(database: str, records: list[dict]) -> None:
    """Create the table of sdo-cli, which it creates in PostgreSQL."""
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


def test_events_of_sdo_cli_are_imported(database, events):
    records = hek.day()
    for record in records:  # as written by pandas
        record["event_starttime"] = record["event_starttime"].replace("T", " ")
        record["event_c1error"] = 1.0
    del records[0]["refs"]
    sdo_cli_table(database, records)
    hint = events("list", "--db-connection-string", database)
    assert hint.code == 1 and "contains events from sdo-cli" in hint.err
    into = ("--db-connection-string", database)
    result = events("import", "--from-older", database, *into, "--json").succeeded()
    assert result.json["done"] == 10
    stored = {record["kb_archivid"]: record for record in EventStore(database).records()}
    assert stored == {record["kb_archivid"]: record for record in records}
    assert events("import", "--from-older", database, *into, "--json").json["done"] == 10
    assert len(EventStore(database).rows(EventFilter())) == 10


def test_a_database_without_the_table_of_sdo_cli_is_an_error(database, events, tmp_path):
    EventStore(database).add(hek.day())
    result = events("import", "--from-older", database, "--db-connection-string", database)
    assert result.code == 1 and "sdo-cli table hek_events not found" in result.err
    nowhere = f"sqlite:///{tmp_path / 'nowhere.sqlite'}"
    result = events("import", "--from-older", nowhere, "--db-connection-string", database)
    assert result.code == 1 and "File not found" in result.err


def test_a_query_for_a_time_finds_events_of_any_duration(database):
    """From seconds to years, and with an end before the start."""
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
    assert store.add(records).done == len(spans)
    margin = TIME_MARGIN
    times = [first + timedelta(seconds=s) for s in (-31, -30, 0, 1, 255, 90_000, 299_999, 2**24)]
    for time in [*times, datetime(1, 1, 2), datetime(9999, 12, 30), datetime(2030, 1, 1)]:
        expected = {
            f"{n:03}"
            for n, (start, end) in enumerate(spans)
            if start <= time + margin and end >= time - margin
        }
        assert {
            row["kb_archivid"] for row in store.rows(EventFilter(time - margin, time + margin))
        } == expected


@pytest.mark.parametrize("statistics", [False, True])
def test_a_query_for_a_time_uses_an_index(database, statistics):
    """With and without the statistics of the table that the planner of the database uses."""
    first = datetime(2012, 1, 1)
    spans = [(first + timedelta(hours=n), timedelta(minutes=10 + n % 900)) for n in range(20_000)]
    store = EventStore(database)
    store.add(
        {
            "kb_archivid": f"{number}",
            "event_type": "AR",
            "event_starttime": start.isoformat(),
            "event_endtime": (start + length).isoformat(),
        }
        for number, (start, length) in enumerate(spans)
    )
    plans: list[str] = []

    @sa.event.listens_for(store.database.engine, "before_cursor_execute")
    def explain(connection, cursor, statement, parameters, context, many):
        if "hek_records.event_peaktime" in statement:
            plan = (
                "EXPLAIN"
                if store.database.url.drivername.startswith("postgres")
                else "EXPLAIN QUERY PLAN"
            )
            own = connection.connection.cursor()
            own.execute(f"{plan} {statement}", parameters)
            plans.extend(str(line) for line in own.fetchall())

    if statistics:
        with store.database.writing() as connection:
            connection.execute(sa.text("ANALYZE"))
    time = first + timedelta(hours=15_000.1)
    assert len(store.rows(EventFilter(time - TIME_MARGIN, time + TIME_MARGIN, ["AR"]))) > 5
    plan = "\n".join(plans)
    assert re.search("hek_records_(duration|time)", plan) and "hek_records_type" not in plan
    assert "Seq Scan on hek_records" not in plan and "SCAN hek_records" not in plan
