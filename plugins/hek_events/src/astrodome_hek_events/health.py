"""Health checks for ``sdo plugins doctor``: the event database, and HEK."""

from __future__ import annotations

from collections.abc import Iterator

from astrodome import http, settings

from .settings import HekSettings


def check_database() -> Iterator[str]:
    """Report if the event database is damaged, or if a table has another schema."""
    from .store import schema
    from .store.database import Database

    database = Database()
    if database.is_missing():
        return
    with database.connect() as connection:
        if database.is_sqlite:
            result = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar())
            if result != "ok":
                yield f"the event database {database} is damaged: {result}"
                return
        for table in schema.metadata.sorted_tables:
            schema.table_exists(connection, table)


def check_services() -> list[str]:
    """Report if HEK cannot be reached."""
    return http.unreachable({"HEK": settings.section("hek", HekSettings).url})
