"""A marshal in a local SQLite file (``local:FILE.db``), which requires no account."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from astrodome import AstrodomeError, InvalidInputError, errors

from ..catalogues.positions import separations
from .errors import RequestRejected
from .sqlite_file import SqliteFile

CLASSIFICATION = "id, classification, taxonomy_id, probability, origin, ml, groups, votes"
PAGE_SIZE = 500
"""Number of sources per page in a listing, as for Fritz."""
LABELLER = 1
"""Id of the only user in a marshal file."""
Missing = Literal["create", "error", "empty"]


class LocalMarshal:
    """A marshal that stores its sources in a SQLite file.

    A new file contains the instrument ZTF, but no groups and no taxonomies. As on Fritz, a request
    is rejected if its group or taxonomy does not exist.

    Parameters
    ----------
    path
        Path of the SQLite file.
    missing
        Action if the file does not exist: ``create`` the file, raise an ``error``, or use an
        ``empty`` marshal in memory, for example for a dry run.
    create_groups
        Ids of the groups to create if they do not exist. To create a taxonomy, use
        :meth:`post_taxonomy`.
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
        create_groups: Iterable[int] = (),
    ) -> None:
        if not str(path):
            raise InvalidInputError("No marshal file specified: expected local:FILE.db.")
        self.path = Path(path).expanduser().resolve()
        is_new = not self.path.exists()
        if is_new and missing == "error":
            hint = "Correct the path in local:FILE.db. Only upload commands create a new file."
            raise errors.not_found(self.path, hint, kind="Marshal file", exit_code=2)
        in_memory = is_new and missing == "empty"
        if not in_memory:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._database = SqliteFile(":memory:" if in_memory else self.path, "local.sql")
        except sqlite3.Error as error:
            raise AstrodomeError(f"{self.path} is not a valid marshal file: {error}.") from error
        self._rows = self._database.rows
        with self._transaction() as connection:
            groups = [(int(number),) for number in create_groups]
            connection.executemany("INSERT OR IGNORE INTO user_groups VALUES (?)", groups)
        # The random id distinguishes a new file from a deleted file with the same name.
        (about,) = self._rows("SELECT id FROM about")
        self.address = f"local:{self.path}#{about['id'][:8]}"

    def __repr__(self) -> str:
        return f"<LocalMarshal {self.path}>"

    # Methods that only read

    def source(self, obj_id: str) -> dict[str, Any] | None:
        found = self._rows("SELECT * FROM sources WHERE id = ?", obj_id)
        return self._complete(found[0]) if found else None

    def near(self, ra: float, dec: float, radius: float) -> list[dict[str, Any]]:
        margin = radius / 3600
        query = "SELECT * FROM sources WHERE dec BETWEEN ? AND ?"
        rows = self._rows(query, dec - margin, dec + margin)
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
        query = f"SELECT {CLASSIFICATION} FROM classifications WHERE obj_id = ? ORDER BY id"
        return self._rows(query, obj_id)

    def annotations(self, obj_id: str) -> list[dict[str, Any]]:
        query = "SELECT id, origin, data, groups FROM annotations WHERE obj_id = ? ORDER BY id"
        return self._rows(query, obj_id)

    def comments(self, obj_id: str) -> list[dict[str, Any]]:
        return self._rows("SELECT id, text FROM comments WHERE obj_id = ? ORDER BY id", obj_id)

    def photometry(self, obj_id: str) -> list[dict[str, Any]]:
        return self._rows("SELECT * FROM photometry WHERE obj_id = ? ORDER BY mjd", obj_id)

    def groups(self) -> list[dict[str, Any]]:
        """Return all groups as mappings with the key ``id``."""
        return self._rows("SELECT id FROM user_groups ORDER BY id")

    def group(self, group_id: int) -> dict[str, Any] | None:
        return next((one for one in self.groups() if one["id"] == group_id), None)

    def instruments(self) -> list[dict[str, Any]]:
        return self._rows("SELECT * FROM instruments ORDER BY id")

    def taxonomies(self) -> list[dict[str, Any]]:
        return self._rows("SELECT * FROM taxonomies ORDER BY id")

    # Methods that change the marshal

    def save_source(self, obj_id: str, ra: float, dec: float, group_ids: Sequence[int]) -> Any:
        with self._transaction() as connection:
            values = (obj_id, ra, dec)
            connection.execute(
                "INSERT OR IGNORE INTO sources (id, ra, dec) VALUES (?, ?, ?)", values
            )
            self._save(connection, obj_id, group_ids)
        return {"id": obj_id}

    def add_to_groups(self, obj_id: str, group_ids: Sequence[int]) -> Any:
        with self._transaction(obj_id) as connection:
            self._save(connection, obj_id, group_ids)

    def classify(self, records: Sequence[Mapping[str, Any]]) -> Any:
        ids = []
        with self._transaction(*(record["obj_id"] for record in records)) as connection:
            for record in records:
                self._require("Taxonomy", [record["taxonomy_id"]], self.taxonomies())
                columns = ("obj_id", "classification", "taxonomy_id", "probability", "ml")
                values = {name: record.get(name) for name in columns}
                values["origin"] = record.get("origin") or ""
                values["groups"] = self._group_list(record.get("group_ids") or ())
                values["votes"] = int(bool(record.get("vote")))
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
        values = {"obj_id": obj_id, "origin": origin, "data": json.dumps(dict(data))}
        values["groups"] = self._group_list(group_ids)
        taken = f"{obj_id} already has an annotation with the origin '{origin}'."
        with self._transaction(obj_id, unique=taken) as connection:
            return {"annotation_id": _insert(connection, "annotations", values)}

    def change_annotation(
        self, obj_id: str, annotation_id: int, origin: str, data: Mapping[str, Any]
    ) -> Any:
        with self._transaction(obj_id) as connection:
            changed = connection.execute(
                "UPDATE annotations SET data = ?, origin = ? WHERE id = ? AND obj_id = ?",
                (json.dumps(dict(data)), origin, annotation_id, obj_id),
            )
            if not changed.rowcount:
                raise RequestRejected(f"The source {obj_id} has no annotation {annotation_id}.")

    def delete_annotation(self, obj_id: str, annotation_id: int) -> Any:
        self._delete("annotation", obj_id, annotation_id)

    def comment(self, obj_id: str, text: str, attachment: tuple[str, bytes] | None = None) -> Any:
        name, content = attachment or (None, None)
        values = {"obj_id": obj_id, "text": text, "attachment_name": name, "attachment": content}
        with self._transaction(obj_id) as connection:
            return {"comment_id": _insert(connection, "comments", values)}

    def add_photometry(self, points: Mapping[str, Any]) -> Any:
        columns = [column["name"] for column in self._rows("PRAGMA table_info (photometry)")]
        rows = pd.DataFrame({name: points.get(name) for name in columns})
        marks = ", ".join("?" * len(columns))
        with self._transaction(points["obj_id"]) as connection:
            connection.executemany(
                f"INSERT OR IGNORE INTO photometry VALUES ({marks})",
                rows.itertuples(index=False, name=None),
            )

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
        """Create a taxonomy and return its id, which is ``taxonomy["id"]`` if it is given."""
        values = {name: taxonomy.get(name) for name in ("id", "name", "version", "provenance")}
        values["hierarchy"] = json.dumps(taxonomy.get("hierarchy"))
        taken = f"The taxonomy {values['name']} {values['version']} already exists."
        with self._transaction(unique=taken) as connection:
            return _insert(connection, "taxonomies", values)

    # Database access

    def _complete(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a source with its groups, classifications, annotations and labellers."""
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
        self._require("Group", group_ids, self.groups())
        rows = [(obj_id, group) for group in group_ids]
        connection.executemany("INSERT OR IGNORE INTO saved VALUES (?, ?)", rows)

    def _group_list(self, group_ids: Sequence[int]) -> str:
        self._require("Group", group_ids, self.groups())
        return json.dumps(list(group_ids))

    def _require(
        self, kind: str, numbers: Iterable[int], existing: Sequence[Mapping[str, Any]]
    ) -> None:
        """Raise RequestRejected if one of the numbers is not the id of an existing record."""
        known = [one["id"] for one in existing]
        for number in numbers:
            if number not in known:
                listed = ", ".join(map(str, known)) or "none"
                raise RequestRejected(f"{kind} {number} not found: expected one of {listed}.")

    def _delete(self, kind: str, obj_id: str, number: int) -> None:
        with self._transaction(obj_id) as connection:
            query = f"DELETE FROM {kind}s WHERE id = ? AND obj_id = ?"
            if not connection.execute(query, (number, obj_id)).rowcount:
                raise RequestRejected(f"The source {obj_id} has no {kind} {number}.")

    @contextmanager
    def _transaction(self, *obj_ids: str, unique: str = "") -> Iterator[sqlite3.Connection]:
        """Open a transaction and yield the connection.

        Raises RequestRejected if one of the given sources does not exist or if a record already
        exists. In the latter case, the error message is ``unique``.
        """
        with self._database.transaction() as connection:
            for obj_id in obj_ids:
                if not self._rows("SELECT 1 FROM sources WHERE id = ?", obj_id):
                    raise RequestRejected(f"Source {obj_id} not found.")
            try:
                yield connection
            except sqlite3.IntegrityError:
                raise RequestRejected(unique) from None


def _insert(connection: sqlite3.Connection, table: str, values: Mapping[str, Any]) -> int:
    query = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})"
    return int(connection.execute(query, tuple(values.values())).lastrowid or 0)
