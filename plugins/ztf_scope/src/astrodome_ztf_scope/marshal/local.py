"""A marshal in one SQLite file, for work without an account: ``local:FILE.db``."""

from __future__ import annotations

import json
import sqlite3
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from astrodome import AstrodomeError

from ..catalogues.positions import separations
from . import Refused

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
POINT = ("mjd", "filter", "mag", "magerr", "limiting_mag", "magsys", "ra", "dec")
PAGE = 500
"""Sources on a page, as on Fritz."""
MYSELF = 1
"""The labeller of a file that one person keeps."""


Missing = Literal["create", "error", "empty"]


class LocalMarshal:
    """A marshal in the file ``path``.

    ``missing`` specifies what happens if the file does not exist: ``create`` the file, raise an
    ``error``, or use an ``empty`` marshal in memory (for a dry run).
    """

    settle, attempts = 0.0, 3

    def __init__(
        self,
        path: str | Path = "",
        *,
        token: str = "",
        connections: int = 1,
        missing: Missing = "create",
    ) -> None:
        if not str(path):
            raise AstrodomeError("Which file? Write local:FILE.db.", exit_code=2)
        self.path = Path(path).expanduser().resolve()
        place = str(self.path)
        if not self.path.exists():
            if missing == "error":
                raise AstrodomeError(
                    f"Marshal file {self.path} does not exist.",
                    "Correct local:FILE.db; only commands that upload create a new file.",
                    exit_code=2,
                )
            if missing == "empty":
                place = ":memory:"
            else:
                self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        try:
            self._base = sqlite3.connect(place, timeout=60, check_same_thread=False)
            self._base.row_factory = sqlite3.Row
            self._base.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;{SCHEMA}")
        except sqlite3.Error as error:
            raise AstrodomeError(f"{self.path} is no marshal of scope: {error}.") from error
        with self._change() as base:
            base.execute("INSERT OR IGNORE INTO instruments VALUES (1, 'ZTF')")
            if not base.execute("SELECT 1 FROM about").fetchone():
                base.execute("INSERT INTO about VALUES (?)", (uuid.uuid4().hex,))
        # A file of the same name that is made anew is another marshal.
        (mark,) = self._rows("SELECT id FROM about")
        self.address = f"local:{self.path}#{mark['id'][:8]}"

    # Reading

    def source(self, obj_id: str) -> dict[str, Any] | None:
        found = self._rows("SELECT * FROM sources WHERE id = ?", obj_id)
        return self._whole(found[0]) if found else None

    def near(self, ra: float, dec: float, radius: float) -> list[dict[str, Any]]:
        margin = radius / 3600
        between = (dec - margin, dec + margin)
        rows = self._rows("SELECT * FROM sources WHERE dec BETWEEN ? AND ?", *between)
        if not rows:
            return []
        gaps = separations(ra, dec, [row["ra"] for row in rows], [row["dec"] for row in rows])
        found = [
            {**self._whole(row), "separation": float(gap)}
            for row, gap in zip(rows, gaps, strict=True)
            if gap <= radius
        ]
        return sorted(found, key=lambda one: (one["separation"], one["id"]))

    def in_groups(self, group_ids: Sequence[int], *, start: int = 1) -> Iterator[dict[str, Any]]:
        marks = ", ".join("?" * len(group_ids))
        which = f"SELECT obj_id FROM saved WHERE group_id IN ({marks})"
        rows = self._rows(f"SELECT * FROM sources WHERE id IN ({which}) ORDER BY id", *group_ids)
        yield from map(self._whole, rows[(start - 1) * PAGE :])

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
        rows = self._rows("SELECT * FROM annotations WHERE obj_id = ? ORDER BY id", obj_id)
        return [
            {
                "id": row["id"],
                "origin": row["origin"],
                "data": json.loads(row["data"]),
                "groups": json.loads(row["groups"]),
            }
            for row in rows
        ]

    def comments(self, obj_id: str) -> list[dict[str, Any]]:
        return self._dicts("SELECT id, text FROM comments WHERE obj_id = ? ORDER BY id", obj_id)

    def photometry(self, obj_id: str) -> list[dict[str, Any]]:
        return self._dicts("SELECT * FROM photometry WHERE obj_id = ? ORDER BY mjd", obj_id)

    def group(self, group_id: int) -> dict[str, Any] | None:
        """Return the group; every group exists in a file."""
        return {"id": int(group_id)}

    def instruments(self) -> list[dict[str, Any]]:
        return self._dicts("SELECT * FROM instruments ORDER BY id")

    def taxonomies(self) -> list[dict[str, Any]]:
        rows = self._dicts("SELECT * FROM taxonomies ORDER BY id")
        return [{**row, "hierarchy": json.loads(row["hierarchy"])} for row in rows]

    # Changing

    def save_source(self, obj_id: str, ra: float, dec: float, group_ids: Sequence[int]) -> Any:
        with self._change() as base:
            made = (obj_id, ra, dec, _now())
            base.execute("INSERT OR IGNORE INTO sources VALUES (?, ?, ?, ?)", made)
            self._save(base, obj_id, group_ids)
        return {"id": obj_id}

    def add_to_groups(self, obj_id: str, group_ids: Sequence[int]) -> Any:
        with self._of(obj_id) as base:
            self._save(base, obj_id, group_ids)

    def classify(self, records: Sequence[Mapping[str, Any]]) -> Any:
        made = []
        with self._change() as base:
            for record in records:
                self._known(record["obj_id"])
                ml = record.get("ml")
                values = (
                    *(record[key] for key in ("obj_id", "classification", "taxonomy_id")),
                    *(record.get(key) for key in ("probability", "origin")),
                    None if ml is None else int(ml),
                    json.dumps(list(record.get("group_ids") or ())),
                    int(bool(record.get("vote"))),
                    _now(),
                )
                made.append(_insert(base, "classifications", values))
                if record.get("label"):
                    label = (record["obj_id"], MYSELF)
                    base.execute("INSERT OR IGNORE INTO labels VALUES (?, ?)", label)
        return {"classification_ids": made}

    def delete_classification(self, obj_id: str, classification_id: int) -> Any:
        self._delete("classifications", obj_id, classification_id)

    def annotate(
        self, obj_id: str, origin: str, data: Mapping[str, Any], group_ids: Sequence[int]
    ) -> Any:
        with self._of(obj_id) as base:
            values = (obj_id, origin, json.dumps(dict(data)), json.dumps(list(group_ids)), _now())
            try:
                return {"annotation_id": _insert(base, "annotations", values)}
            except sqlite3.IntegrityError:
                raise Refused(f"{obj_id} has an annotation of origin '{origin}' already.") from None

    def change_annotation(
        self, obj_id: str, annotation_id: int, origin: str, data: Mapping[str, Any]
    ) -> Any:
        with self._of(obj_id) as base:
            changed = base.execute(
                "UPDATE annotations SET data = ?, origin = ? WHERE id = ? AND obj_id = ?",
                (json.dumps(dict(data)), origin, annotation_id, obj_id),
            )
            if not changed.rowcount:
                raise Refused(f"{obj_id} has no annotation {annotation_id}.")

    def delete_annotation(self, obj_id: str, annotation_id: int) -> Any:
        self._delete("annotations", obj_id, annotation_id)

    def comment(self, obj_id: str, text: str, attachment: tuple[str, bytes] | None = None) -> Any:
        with self._of(obj_id) as base:
            values = (obj_id, text, *(attachment or (None, None)), _now())
            return {"comment_id": _insert(base, "comments", values)}

    def add_photometry(self, points: Mapping[str, Any]) -> Any:
        obj_id = points["obj_id"]
        count = len(points["mjd"])
        columns = [
            points[name] if isinstance(points.get(name), list) else [points.get(name)] * count
            for name in POINT
        ]
        marks = ", ".join("?" * (len(POINT) + 2))
        with self._of(obj_id) as base:
            rows = [(obj_id, points["instrument_id"], *row) for row in zip(*columns, strict=True)]
            base.executemany(f"INSERT OR IGNORE INTO photometry VALUES ({marks})", rows)

    def archive(
        self,
        catalog: str,
        light_curve_ids: Sequence[int],
        group_ids: Sequence[int],
        obj_id: str = "",
    ) -> Any:
        """Nothing: a file has no light curves of its own."""
        return None

    def post_taxonomy(self, taxonomy: Mapping[str, Any]) -> Any:
        values = (
            *(taxonomy.get(key) for key in ("name", "version", "provenance")),
            json.dumps(taxonomy.get("hierarchy")),
        )
        with self._change() as base:
            try:
                return _insert(base, "taxonomies", values)
            except sqlite3.IntegrityError:
                raise Refused(f"There is a taxonomy {values[0]} {values[1]} already.") from None

    # The file

    def _whole(self, row: sqlite3.Row) -> dict[str, Any]:
        obj_id = row["id"]
        labels = self._rows("SELECT labeller_id FROM labels WHERE obj_id = ?", obj_id)
        saved = self._rows("SELECT group_id FROM saved WHERE obj_id = ? ORDER BY 1", obj_id)
        return {
            **dict(row),
            "groups": [group["group_id"] for group in saved],
            "classifications": self.classifications(obj_id),
            "annotations": self.annotations(obj_id),
            "labellers": [label["labeller_id"] for label in labels],
        }

    def _save(self, base: sqlite3.Connection, obj_id: str, group_ids: Sequence[int]) -> None:
        rows = [(obj_id, group) for group in group_ids]
        base.executemany("INSERT OR IGNORE INTO saved VALUES (?, ?)", rows)

    def _delete(self, table: str, obj_id: str, number: int) -> None:
        with self._of(obj_id) as base:
            where = f"DELETE FROM {table} WHERE id = ? AND obj_id = ?"
            if not base.execute(where, (number, obj_id)).rowcount:
                raise Refused(f"{obj_id} has no {table.removesuffix('s')} {number}.")

    def _known(self, obj_id: str) -> None:
        if not self._rows("SELECT 1 FROM sources WHERE id = ?", obj_id):
            raise Refused(f"There is no source {obj_id}.")

    @contextmanager
    def _of(self, obj_id: str) -> Iterator[sqlite3.Connection]:
        with self._change() as base:
            self._known(obj_id)
            yield base

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """One change, done as a whole or not at all."""
        with self._lock, self._base:
            yield self._base

    def _rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock:
            return self._base.execute(query, values).fetchall()

    def _dicts(self, query: str, *values: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in self._rows(query, *values)]


def _insert(base: sqlite3.Connection, table: str, values: Sequence[Any]) -> int:
    marks = ", ".join("?" * len(values))
    return int(base.execute(f"INSERT INTO {table} VALUES (NULL, {marks})", values).lastrowid or 0)


def _now() -> str:
    return datetime.now(UTC).replace(tzinfo=None).isoformat()
