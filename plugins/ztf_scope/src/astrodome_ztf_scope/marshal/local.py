"""A marshal in a local SQLite file (``local:FILE.db``), which requires no account."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from astrodome import AstrodomeError, errors

from ..catalogues.positions import separations
from .errors import RequestRejected

SCHEMA = """
CREATE TABLE IF NOT EXISTS about (id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS sources (id TEXT PRIMARY KEY, ra REAL, dec REAL, created_at TEXT);
CREATE INDEX IF NOT EXISTS sources_dec ON sources (dec);
CREATE TABLE IF NOT EXISTS saved (obj_id TEXT, group_id INTEGER, PRIMARY KEY (obj_id, group_id));
CREATE TABLE IF NOT EXISTS classifications (id INTEGER PRIMARY KEY, obj_id TEXT,
    classification TEXT, taxonomy_id INTEGER, probability REAL, origin TEXT, ml INTEGER,
    groups TEXT, vote INTEGER, created_at TEXT);
CREATE INDEX IF NOT EXISTS classifications_of ON classifications (obj_id);
CREATE TABLE IF NOT EXISTS annotations (id INTEGER PRIMARY KEY, obj_id TEXT, origin TEXT,
    data TEXT, groups TEXT, created_at TEXT, UNIQUE (obj_id, origin));
CREATE TABLE IF NOT EXISTS comments (id INTEGER PRIMARY KEY, obj_id TEXT, text TEXT,
    attachment_name TEXT, attachment BLOB, created_at TEXT);
CREATE INDEX IF NOT EXISTS comments_on ON comments (obj_id);
CREATE TABLE IF NOT EXISTS photometry (obj_id TEXT, instrument_id INTEGER, mjd REAL, filter TEXT,
    mag REAL, magerr REAL, limiting_mag REAL, magsys TEXT, ra REAL, dec REAL,
    UNIQUE (obj_id, instrument_id, mjd, filter));
CREATE TABLE IF NOT EXISTS labels (obj_id TEXT, labeller_id INTEGER, UNIQUE (obj_id, labeller_id));
CREATE TABLE IF NOT EXISTS instruments (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE IF NOT EXISTS taxonomies (id INTEGER PRIMARY KEY, name TEXT, version TEXT,
    provenance TEXT, hierarchy TEXT, UNIQUE (name, version));
"""
PHOTOMETRY = ("mjd", "filter", "mag", "magerr", "limiting_mag", "magsys", "ra", "dec")
PAGE_SIZE = 500
"""Number of sources per page of a listing, the same as for Fritz."""
LABELLER = 1
"""Id of the only user in a marshal file."""
Missing = Literal["create", "error", "empty"]


class LocalMarshal:
    """A marshal that stores its sources in a SQLite file.

    Parameters
    ----------
    path
        Path of the SQLite file.
    missing
        Action if the file does not exist: ``create`` the file, raise an ``error``, or use an
        ``empty`` marshal in memory, for example for a dry run.
    token, connections
        Ignored; present for compatibility with :class:`.fritz.Fritz`.
    """

    settle, attempts = 0.0, 3

    def __init__(
        self,
        path: str | os.PathLike[str] = "",
        *,
        token: str = "",
        connections: int = 1,
        missing: Missing = "create",
    ) -> None:
        if not str(path):
            raise AstrodomeError(
                "The path of the marshal file is missing: expected local:FILE.db.", exit_code=2
            )
        self.path = Path(path).expanduser().resolve()
        database = str(self.path)
        if not self.path.exists():
            if missing == "error":
                hint = "Correct local:FILE.db; only commands that upload create a new file."
                raise errors.not_found(self.path, hint, kind="Marshal file", exit_code=2)
            if missing == "empty":
                database = ":memory:"
            else:
                self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        try:
            self._connection = sqlite3.connect(database, timeout=60, check_same_thread=False)
            self._connection.row_factory = sqlite3.Row
            self._connection.executescript(
                f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;{SCHEMA}"
            )
        except sqlite3.Error as error:
            raise AstrodomeError(f"{self.path} is not a valid marshal file: {error}.") from error
        with self._transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO instruments VALUES (1, 'ZTF')")
            if not connection.execute("SELECT 1 FROM about").fetchone():
                connection.execute("INSERT INTO about VALUES (?)", (uuid.uuid4().hex,))
        # The random id distinguishes a new file from a deleted file with the same name.
        (about,) = self._rows("SELECT id FROM about")
        self.address = f"local:{self.path}#{about['id'][:8]}"

    # Methods that only read

    def source(self, obj_id: str) -> dict[str, Any] | None:
        found = self._rows("SELECT * FROM sources WHERE id = ?", obj_id)
        return self._complete(found[0]) if found else None

    def near(self, ra: float, dec: float, radius: float) -> list[dict[str, Any]]:
        margin = radius / 3600
        query = "SELECT * FROM sources WHERE dec BETWEEN ? AND ?"
        rows = self._rows(query, dec - margin, dec + margin)
        if not rows:
            return []
        distances = separations(ra, dec, [row["ra"] for row in rows], [row["dec"] for row in rows])
        found = [
            {**self._complete(row), "separation": float(distance)}
            for row, distance in zip(rows, distances, strict=True)
            if distance <= radius
        ]
        return sorted(found, key=lambda one: (one["separation"], one["id"]))

    def in_groups(self, group_ids: Sequence[int], *, start: int = 1) -> Iterator[dict[str, Any]]:
        marks = ", ".join("?" * len(group_ids))
        saved = f"SELECT obj_id FROM saved WHERE group_id IN ({marks})"
        rows = self._rows(f"SELECT * FROM sources WHERE id IN ({saved}) ORDER BY id", *group_ids)
        yield from map(self._complete, rows[(start - 1) * PAGE_SIZE :])

    def classifications(self, obj_id: str) -> list[dict[str, Any]]:
        rows = self._rows("SELECT * FROM classifications WHERE obj_id = ? ORDER BY id", obj_id)
        return [
            {
                **{key: row[key] for key in ("id", "classification", "taxonomy_id", "probability")},
                "origin": row["origin"] or "",
                "ml": None if row["ml"] is None else bool(row["ml"]),
                "groups": json.loads(row["groups"]),
                "votes": row["vote"] or 0,
            }
            for row in rows
        ]

    def annotations(self, obj_id: str) -> list[dict[str, Any]]:
        query = "SELECT id, origin, data, groups FROM annotations WHERE obj_id = ? ORDER BY id"
        return [
            {**row, "data": json.loads(row["data"]), "groups": json.loads(row["groups"])}
            for row in self._rows(query, obj_id)
        ]

    def comments(self, obj_id: str) -> list[dict[str, Any]]:
        return self._rows("SELECT id, text FROM comments WHERE obj_id = ? ORDER BY id", obj_id)

    def photometry(self, obj_id: str) -> list[dict[str, Any]]:
        return self._rows("SELECT * FROM photometry WHERE obj_id = ? ORDER BY mjd", obj_id)

    def group(self, group_id: int) -> dict[str, Any] | None:
        """Return the group with this id. In a marshal file, every group exists."""
        return {"id": int(group_id)}

    def instruments(self) -> list[dict[str, Any]]:
        return self._rows("SELECT * FROM instruments ORDER BY id")

    def taxonomies(self) -> list[dict[str, Any]]:
        rows = self._rows("SELECT * FROM taxonomies ORDER BY id")
        return [{**row, "hierarchy": json.loads(row["hierarchy"])} for row in rows]

    # Methods that change the marshal

    def save_source(self, obj_id: str, ra: float, dec: float, group_ids: Sequence[int]) -> Any:
        with self._transaction() as connection:
            values = (obj_id, ra, dec, _now())
            connection.execute("INSERT OR IGNORE INTO sources VALUES (?, ?, ?, ?)", values)
            self._save(connection, obj_id, group_ids)
        return {"id": obj_id}

    def add_to_groups(self, obj_id: str, group_ids: Sequence[int]) -> Any:
        with self._transaction(obj_id) as connection:
            self._save(connection, obj_id, group_ids)

    def classify(self, records: Sequence[Mapping[str, Any]]) -> Any:
        ids = []
        with self._transaction(*(record["obj_id"] for record in records)) as connection:
            for record in records:
                ml = record.get("ml")
                values = (
                    *(record[key] for key in ("obj_id", "classification", "taxonomy_id")),
                    *(record.get(key) for key in ("probability", "origin")),
                    None if ml is None else int(ml),
                    json.dumps(list(record.get("group_ids") or ())),
                    int(bool(record.get("vote"))),
                    _now(),
                )
                ids.append(_insert(connection, "classifications", values))
                if record.get("label"):
                    label = (record["obj_id"], LABELLER)
                    connection.execute("INSERT OR IGNORE INTO labels VALUES (?, ?)", label)
        return {"classification_ids": ids}

    def delete_classification(self, obj_id: str, classification_id: int) -> Any:
        self._delete("classification", obj_id, classification_id)

    def annotate(
        self, obj_id: str, origin: str, data: Mapping[str, Any], group_ids: Sequence[int]
    ) -> Any:
        values = (obj_id, origin, json.dumps(dict(data)), json.dumps(list(group_ids)), _now())
        with self._transaction(obj_id) as connection:
            try:
                return {"annotation_id": _insert(connection, "annotations", values)}
            except sqlite3.IntegrityError:
                raise RequestRejected(
                    f"{obj_id} already has an annotation with the origin '{origin}'."
                ) from None

    def change_annotation(
        self, obj_id: str, annotation_id: int, origin: str, data: Mapping[str, Any]
    ) -> Any:
        with self._transaction(obj_id) as connection:
            changed = connection.execute(
                "UPDATE annotations SET data = ?, origin = ? WHERE id = ? AND obj_id = ?",
                (json.dumps(dict(data)), origin, annotation_id, obj_id),
            )
            if not changed.rowcount:
                raise RequestRejected(f"{obj_id} has no annotation {annotation_id}.")

    def delete_annotation(self, obj_id: str, annotation_id: int) -> Any:
        self._delete("annotation", obj_id, annotation_id)

    def comment(self, obj_id: str, text: str, attachment: tuple[str, bytes] | None = None) -> Any:
        with self._transaction(obj_id) as connection:
            values = (obj_id, text, *(attachment or (None, None)), _now())
            return {"comment_id": _insert(connection, "comments", values)}

    def add_photometry(self, points: Mapping[str, Any]) -> Any:
        obj_id, count = points["obj_id"], len(points["mjd"])
        columns = [
            points[name] if isinstance(points.get(name), list) else [points.get(name)] * count
            for name in PHOTOMETRY
        ]
        marks = ", ".join("?" * (len(PHOTOMETRY) + 2))
        rows = [(obj_id, points["instrument_id"], *row) for row in zip(*columns, strict=True)]
        with self._transaction(obj_id) as connection:
            connection.executemany(f"INSERT OR IGNORE INTO photometry VALUES ({marks})", rows)

    def archive(
        self,
        catalog: str,
        light_curve_ids: Sequence[int],
        group_ids: Sequence[int],
        obj_id: str = "",
    ) -> Any:
        """Do nothing and return None, because a marshal file contains no light curve catalogue."""
        return None

    def post_taxonomy(self, taxonomy: Mapping[str, Any]) -> Any:
        values = (
            *(taxonomy.get(key) for key in ("name", "version", "provenance")),
            json.dumps(taxonomy.get("hierarchy")),
        )
        with self._transaction() as connection:
            try:
                return _insert(connection, "taxonomies", values)
            except sqlite3.IntegrityError:
                raise RequestRejected(
                    f"The taxonomy {values[0]} {values[1]} already exists."
                ) from None

    # Database access

    def _complete(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Add the groups, classifications, annotations and labellers to a row of ``sources``."""
        obj_id = row["id"]
        labels = self._rows("SELECT labeller_id FROM labels WHERE obj_id = ?", obj_id)
        saved = self._rows("SELECT group_id FROM saved WHERE obj_id = ? ORDER BY 1", obj_id)
        return {
            **row,
            "groups": [group["group_id"] for group in saved],
            "classifications": self.classifications(obj_id),
            "annotations": self.annotations(obj_id),
            "labellers": [label["labeller_id"] for label in labels],
        }

    def _save(self, connection: sqlite3.Connection, obj_id: str, group_ids: Sequence[int]) -> None:
        rows = [(obj_id, group) for group in group_ids]
        connection.executemany("INSERT OR IGNORE INTO saved VALUES (?, ?)", rows)

    def _delete(self, kind: str, obj_id: str, number: int) -> None:
        with self._transaction(obj_id) as connection:
            query = f"DELETE FROM {kind}s WHERE id = ? AND obj_id = ?"
            if not connection.execute(query, (number, obj_id)).rowcount:
                raise RequestRejected(f"{obj_id} has no {kind} {number}.")

    @contextmanager
    def _transaction(self, *obj_ids: str) -> Iterator[sqlite3.Connection]:
        """Open a transaction and yield the connection.

        Raises RequestRejected if one of the given sources does not exist.
        """
        with self._lock, self._connection:
            for obj_id in obj_ids:
                if not self._rows("SELECT 1 FROM sources WHERE id = ?", obj_id):
                    raise RequestRejected(f"Source {obj_id} not found.")
            yield self._connection

    def _rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        with self._lock:
            return [dict(row) for row in self._connection.execute(query, values)]


def _insert(connection: sqlite3.Connection, table: str, values: Sequence[Any]) -> int:
    marks = ", ".join("?" * len(values))
    query = f"INSERT INTO {table} VALUES (NULL, {marks})"
    return int(connection.execute(query, values).lastrowid or 0)


def _now() -> str:
    return datetime.now(UTC).replace(tzinfo=None).isoformat()
