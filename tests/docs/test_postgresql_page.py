"""The how-to guide for PostgreSQL is run against a real server and a fake HEK server."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from docs.transcripts import replay
from services import hek, postgresql

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "postgresql.md"
REGIONS = 4
USERS = {"postgres": "admin", "hek_writer": "change-me-1", "hek_reader": "change-me-2"}
"""Passwords of the users on the page; the administrator exists before the page is run."""


def regions() -> list[object]:
    """Return active regions on two days in 2023."""
    first = hek.region()
    found = []
    for number in range(REGIONS):
        day = 29 + 2 * (number // 2)
        names = {"kb_archivid": f"ivo://helio-informatics.org/AR_{number}"}
        times = {"event_starttime": f"2023-03-{day}T0{number}:00:00"}
        times["event_endtime"] = f"2023-03-{day}T1{number}:00:00"
        found.append({**first, **names, **times, "ar_noaanum": 13260 + number})
    return found


@contextmanager
def services(folder: Path) -> Iterator[dict[str, str]]:
    """Start both servers, and yield the environment that selects them."""
    folder.mkdir(parents=True, exist_ok=True)
    with postgresql.server() as address, hek.Hek(regions()).server() as search:
        url = sa.make_url(f"{address}postgres").set(drivername="postgresql+psycopg")
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(
                sa.text(f"CREATE ROLE postgres SUPERUSER LOGIN PASSWORD '{USERS['postgres']}'")
            )
        engine.dispose()
        secrets = folder / ".pgpass"
        secrets.write_text("".join(f"*:*:*:{user}:{word}\n" for user, word in USERS.items()))
        secrets.chmod(0o600)
        yield {
            "PGHOST": str(url.host),
            "PGPORT": str(url.port),
            "PGPASSFILE": str(secrets),
            "ASTRODOME_HEK_URL": f"{search.url}/hek/her",
        }


def test_a_team_shares_a_database(tmp_path: Path) -> None:
    pytest.importorskip("psycopg", reason="the driver psycopg is not installed")
    if not shutil.which("psql"):
        pytest.skip("psql is not installed")
    try:
        with services(tmp_path) as env:
            replay(PAGE, tmp_path, env)
    except postgresql.Unavailable as reason:
        pytest.skip(str(reason))
