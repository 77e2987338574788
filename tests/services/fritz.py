"""A fake Fritz server: the part of the API of SkyPortal that ``scope`` uses.

The API is documented at https://skyportal.io/docs/api.html. As in the service, a source can have
only one annotation per origin, but several equal comments and classifications.
"""

from __future__ import annotations

import json
import math
import re
import sqlite3
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from .fake_server import FakeServer, Request, Response

SCHEMA = """
CREATE TABLE sources (id TEXT PRIMARY KEY, ra REAL, dec REAL, origin TEXT, created_at TEXT);
CREATE INDEX by_dec ON sources (dec);
CREATE TABLE saved (obj_id TEXT, group_id INTEGER, UNIQUE (obj_id, group_id));
CREATE TABLE classifications (id INTEGER PRIMARY KEY, obj_id TEXT, classification TEXT,
    taxonomy_id INTEGER, probability REAL, origin TEXT, ml INTEGER, groups TEXT, created_at TEXT);
CREATE INDEX classified ON classifications (obj_id);
CREATE TABLE votes (id INTEGER PRIMARY KEY, classification_id INTEGER, voter_id INTEGER,
    vote INTEGER);
CREATE TABLE labels (id INTEGER PRIMARY KEY, obj_id TEXT, group_id INTEGER, labeller_id INTEGER,
    UNIQUE (obj_id, group_id, labeller_id));
CREATE TABLE annotations (id INTEGER PRIMARY KEY, obj_id TEXT, origin TEXT, data TEXT,
    groups TEXT, created_at TEXT, UNIQUE (obj_id, origin));
CREATE TABLE comments (id INTEGER PRIMARY KEY, obj_id TEXT, text TEXT, attachment_name TEXT,
    attachment TEXT, created_at TEXT);
CREATE INDEX commented ON comments (obj_id);
CREATE TABLE photometry (id INTEGER PRIMARY KEY, obj_id TEXT, instrument_id INTEGER, mjd REAL,
    filter TEXT, mag REAL, magerr REAL, limiting_mag REAL, magsys TEXT, ra REAL, dec REAL,
    groups TEXT, UNIQUE (obj_id, instrument_id, mjd, filter));
CREATE TABLE light_curves (obj_id TEXT, number INTEGER, UNIQUE (obj_id, number));
CREATE TABLE taxonomies (id INTEGER PRIMARY KEY, name TEXT, version TEXT, provenance TEXT,
    hierarchy TEXT, groups TEXT, UNIQUE (name, version));
"""
MYSELF = 7
MAXIMUM = 500
"""Maximum number of sources per page."""
Rows = list[dict[str, Any]]
ROUTES: list[tuple[str, re.Pattern[str], str]] = []


class Failure(Exception):
    """An error response of the service."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def route(method: str, path: str) -> Callable[[Any], Any]:
    def keep(function: Any) -> Any:
        pattern = re.compile(re.sub(r"<(\w+)>", r"(?P<\1>[^/]+)", path) + "$")
        ROUTES.append((method, pattern, function.__name__))
        return function

    return keep


class Fritz:
    """A SkyPortal with groups and taxonomies; ``tokens`` are the valid tokens."""

    def __init__(
        self,
        *,
        token: str = "a-token",
        groups: tuple[int, ...] = (1, 200, 250, 300, 360, 361, 400, 500, 750),
        taxonomies: Mapping[int, list[str]] | None = None,
        archive: Mapping[int, tuple[float, float]] | None = None,
    ) -> None:
        self.tokens = {token}
        self.groups = set(groups)
        self.archived = dict(archive or {})
        self.lock = threading.RLock()
        self.base = sqlite3.connect(":memory:", check_same_thread=False)
        self.base.row_factory = sqlite3.Row
        self.base.executescript(SCHEMA)
        for number, names in (taxonomies or {7: ["variable", "flaring", "periodic"]}).items():
            tree = {"class": "All", "subclasses": [{"class": name} for name in names]}
            values = (number, f"taxonomy {number}", "1.0", "", json.dumps(tree), "[1]")
            self.base.execute("INSERT INTO taxonomies VALUES (?, ?, ?, ?, ?, ?)", values)

    def server(self) -> FakeServer:
        return FakeServer(self.respond)

    # Content of the database, for tests

    def rows(self, query: str, *values: Any) -> Rows:
        with self.lock:
            return [dict(row) for row in self.base.execute(query, values).fetchall()]

    def count(self, table: str) -> int:
        return int(self.rows(f"SELECT COUNT(*) AS n FROM {table}")[0]["n"])

    def add_source(self, obj_id: str, ra: float, dec: float, *groups: int) -> None:
        self.post_source({"id": obj_id, "ra": ra, "dec": dec, "group_ids": list(groups)})

    # The service

    def respond(self, request: Request) -> Response:
        shown = {name.lower(): value for name, value in request.headers.items()}
        scheme, _, token = shown.get("authorization", "").partition(" ")
        if scheme != "token" or token not in self.tokens:
            # The response contains the token, as the responses of some services do.
            return _error(f"Credentials malformed or expired: {token}", 401)
        for method, pattern, name in ROUTES:
            found = pattern.match(request.path)
            if method == request.method and found:
                parts = {key: unquote(part) for key, part in found.groupdict().items()}
                return self._call(name, request, parts)
        return _error("Invalid API endpoint", 404)

    def _call(self, name: str, request: Request, parts: Mapping[str, str]) -> Response:
        given: Any = {key: values[-1] for key, values in request.query.items()}
        if request.method != "GET":
            try:
                given = json.loads(request.body or b"{}")
            except ValueError:
                return _error("Malformed JSON", 400)
        with self.lock:
            self.base.commit()  # changes by the test itself
            try:
                with self.base:
                    return _success(getattr(self, name)(given, **parts))
            except Failure as failure:
                return _error(str(failure), failure.status)
            except (KeyError, TypeError, ValueError, sqlite3.IntegrityError) as error:
                return _error(f"Invalid/missing parameters: {error}", 400)

    @route("GET", "/api/sources")
    def get_sources(self, query: Mapping[str, str]) -> dict[str, Any]:
        ra, dec, radius = (float(query.get(key, "nan")) for key in ("ra", "dec", "radius"))
        band = (dec - radius, dec + radius) if "ra" in query else (-90, 90)
        order = "SELECT * FROM sources WHERE dec BETWEEN ? AND ? ORDER BY created_at DESC, id"
        rows = self.rows(order, *band)
        if "ra" in query:
            rows = [row for row in rows if _apart(ra, dec, row["ra"], row["dec"]) <= radius]
        if query.get("group_ids"):
            groups = [int(part) for part in query["group_ids"].split(",")]
            marks = ",".join("?" * len(groups))
            saved = self.rows(f"SELECT obj_id FROM saved WHERE group_id IN ({marks})", *groups)
            inside = {row["obj_id"] for row in saved}
            rows = [row for row in rows if row["id"] in inside]
        page, size = int(query.get("pageNumber", 1)), int(query.get("numPerPage", 100))
        size = min(size, MAXIMUM)
        if page > 1 and (page - 1) * size >= len(rows):
            raise Failure("Page number out of range.")
        shown = rows[(page - 1) * size : page * size]
        labels = query.get("includeLabellers") == "true"
        return {
            "sources": [self._source(row, labels=labels, listing=True) for row in shown],
            "totalMatches": len(rows),
            "pageNumber": page,
            "numPerPage": size,
        }

    @route("GET", "/api/sources/<obj_id>")
    def get_source(self, query: Mapping[str, str], obj_id: str) -> dict[str, Any]:
        labels = query.get("includeLabellers", "").lower() == "true"
        return self._source(self._known(obj_id), labels=labels)

    @route("POST", "/api/sources")
    def post_source(self, body: dict[str, Any]) -> dict[str, Any]:
        values = (
            str(body["id"]),
            float(body["ra"]),
            float(body["dec"]),
            body.get("origin"),
            _now(),
        )
        self.base.execute("INSERT OR IGNORE INTO sources VALUES (?, ?, ?, ?, ?)", values)
        self._save(values[0], body["group_ids"])
        return {"id": values[0], "saved_to_groups": body["group_ids"]}

    @route("POST", "/api/source_groups")
    def post_source_groups(self, body: dict[str, Any]) -> None:
        self._known(body["objId"])
        self._save(body["objId"], body["inviteGroupIds"])

    @route("GET", "/api/sources/<obj_id>/classifications")
    def get_classifications(self, query: Any, obj_id: str) -> Rows:
        self._known(obj_id)
        return self._classifications(obj_id)

    @route("POST", "/api/classification")
    def post_classification(self, body: dict[str, Any]) -> dict[str, Any]:
        many = body.get("classifications")
        made = [self._classify(record) for record in ([body] if many is None else many)]
        return {"classification_id": made[0]} if many is None else {"classification_ids": made}

    def _classify(self, record: dict[str, Any]) -> int:
        self._known(record["obj_id"])
        tree = self.rows("SELECT * FROM taxonomies WHERE id = ?", record["taxonomy_id"])
        if not tree:
            raise Failure(f"Cannot find taxonomy with ID: {record['taxonomy_id']}")
        if record["classification"] not in _names(json.loads(tree[0]["hierarchy"])):
            raise Failure(
                f"That classification ({record['classification']}) is not in the allowed classes"
            )
        probability = record.get("probability")
        if probability is not None and not 0 <= probability <= 1:
            raise Failure("That probability is outside the allowable range (0-1).")
        groups = record.get("group_ids") or [1]
        self._groups(groups)
        values = (
            *(record[key] for key in ("obj_id", "classification", "taxonomy_id")),
            probability,
            record.get("origin"),
            int(bool(record.get("ml"))),
            json.dumps(groups),
            _now(),
        )
        query = f"INSERT INTO classifications VALUES (NULL, {', '.join('?' * len(values))})"
        made = int(self.base.execute(query, values).lastrowid or 0)
        if record.get("vote"):
            self.base.execute("INSERT INTO votes VALUES (NULL, ?, ?, 1)", (made, MYSELF))
        if record.get("label"):
            self._label(record["obj_id"], groups)
        return made

    @route("DELETE", "/api/classification/<number>")
    def delete_classification(self, body: Any, number: str) -> None:
        if not self.base.execute("DELETE FROM classifications WHERE id = ?", (number,)).rowcount:
            raise Failure("Cannot find a classification with that ID.", 403)

    @route("GET", "/api/sources/<obj_id>/annotations")
    def get_annotations(self, query: Any, obj_id: str) -> Rows:
        self._known(obj_id)
        return self._annotations(obj_id)

    @route("POST", "/api/sources/<obj_id>/annotations")
    def post_annotation(self, body: dict[str, Any], obj_id: str) -> dict[str, Any]:
        self._known(obj_id)
        groups = body.get("group_ids") or [1]
        self._groups(groups)
        if not isinstance(body["data"], dict):
            raise Failure(
                "Invalid data: the annotation data must be an object with at least one key."
            )
        values = (obj_id, body["origin"], json.dumps(body["data"]), json.dumps(groups), _now())
        query = "INSERT INTO annotations VALUES (NULL, ?, ?, ?, ?, ?)"
        return {"annotation_id": self.base.execute(query, values).lastrowid}

    @route("PUT", "/api/sources/<obj_id>/annotations/<number>")
    def put_annotation(self, body: dict[str, Any], obj_id: str, number: str) -> None:
        data = (json.dumps(body["data"]), number, obj_id)
        query = "UPDATE annotations SET data = ? WHERE id = ? AND obj_id = ?"
        if not self.base.execute(query, data).rowcount:
            raise Failure("Could not find any accessible annotations.", 403)

    @route("DELETE", "/api/sources/<obj_id>/annotations/<number>")
    def delete_annotation(self, body: Any, obj_id: str, number: str) -> None:
        query = "DELETE FROM annotations WHERE id = ? AND obj_id = ?"
        if not self.base.execute(query, (number, obj_id)).rowcount:
            raise Failure("Could not find any accessible annotations.", 403)

    @route("GET", "/api/sources/<obj_id>/comments")
    def get_comments(self, query: Any, obj_id: str) -> Rows:
        self._known(obj_id)
        rows = self.rows("SELECT * FROM comments WHERE obj_id = ? ORDER BY id", obj_id)
        keys = ("id", "obj_id", "text", "attachment_name", "created_at")
        return [{key: row[key] for key in keys} | {"bot": True} for row in rows]

    @route("POST", "/api/sources/<obj_id>/comments")
    def post_comment(self, body: dict[str, Any], obj_id: str) -> dict[str, Any]:
        self._known(obj_id)
        attached = body.get("attachment") or {}
        values = (obj_id, body["text"], attached.get("name"), attached.get("body"), _now())
        query = "INSERT INTO comments VALUES (NULL, ?, ?, ?, ?, ?)"
        return {"comment_id": self.base.execute(query, values).lastrowid}

    @route("GET", "/api/sources/<obj_id>/photometry")
    def get_photometry(self, query: Any, obj_id: str) -> Rows:
        self._known(obj_id)
        rows = self.rows("SELECT * FROM photometry WHERE obj_id = ? ORDER BY mjd", obj_id)
        return [{**row, "groups": _groups(row), "instrument_name": "ZTF"} for row in rows]

    @route("PUT", "/api/photometry")
    def put_photometry(self, body: dict[str, Any]) -> dict[str, Any]:
        self._known(body["obj_id"])
        count = len(body["mjd"])
        keys = ("mjd", "filter", "mag", "magerr", "limiting_mag", "magsys", "ra", "dec")
        lists = [body[k] if isinstance(body.get(k), list) else [body.get(k)] * count for k in keys]
        groups = json.dumps(body.get("group_ids") or [1])
        for mjd, band, *rest in zip(*lists, strict=True):
            if band not in ("ztfg", "ztfr", "ztfi"):
                raise Failure(f"Instrument ZTF has no filter {band}.")
            if not all(math.isfinite(value) for value in (mjd, *rest[:3])):
                raise Failure("NaN in the photometry.")
            values = (body["obj_id"], body["instrument_id"], mjd, band, *rest, groups)
            marks = ", ".join("?" * len(values))
            self.base.execute(f"INSERT OR IGNORE INTO photometry VALUES (NULL, {marks})", values)
        return {"ids": [], "upload_id": "u"}

    @route("GET", "/api/groups/<number>")
    def get_group(self, query: Any, number: str) -> dict[str, Any]:
        if int(number) not in self.groups:
            raise Failure(f"Could not load group with ID {number}")
        return {**_group(int(number)), "users": []}

    @route("GET", "/api/instrument")
    def get_instruments(self, query: Any) -> Rows:
        return [
            {"id": 2, "name": "SEDM", "filters": ["sdssg"]},
            {"id": 3, "name": "ZTF", "filters": ["ztfg", "ztfr", "ztfi"]},
        ]

    @route("POST", "/api/archive")
    def post_archive(self, body: dict[str, Any]) -> dict[str, Any]:
        self._groups(body["group_ids"])
        number = int(body["light_curve_ids"][0])
        if number not in self.archived:
            raise Failure(f"No light curve {number} in {body['catalog']}.")
        ra, dec = self.archived[number]
        name = body.get("obj_id") or f"ZTFJ{number}"
        if body.get("obj_id"):
            self._known(name)
            self._save(name, body["group_ids"])
        else:
            self.post_source({"id": name, "ra": ra, "dec": dec, "group_ids": body["group_ids"]})
        self.base.execute("INSERT OR IGNORE INTO light_curves VALUES (?, ?)", (name, number))
        return {"obj_id": name}

    @route("GET", "/api/taxonomy")
    def get_taxonomies(self, query: Any) -> Rows:
        rows = self.rows("SELECT * FROM taxonomies ORDER BY id")
        return [
            {**row, "hierarchy": json.loads(row["hierarchy"]), "groups": _groups(row)}
            for row in rows
        ]

    @route("POST", "/api/taxonomy")
    def post_taxonomy(self, body: dict[str, Any]) -> dict[str, Any]:
        groups = body.get("group_ids") or [1]
        self._groups(groups)
        values = (
            *(body[key] for key in ("name", "version")),
            body.get("provenance"),
            json.dumps(body["hierarchy"]),
            json.dumps(groups),
        )
        query = "INSERT INTO taxonomies VALUES (NULL, ?, ?, ?, ?, ?)"
        return {"taxonomy_id": self.base.execute(query, values).lastrowid}

    # Documents

    def _source(
        self, row: Mapping[str, Any], *, labels: bool, listing: bool = False
    ) -> dict[str, Any]:
        saved = self.rows("SELECT * FROM saved WHERE obj_id = ? ORDER BY group_id", row["id"])
        document = {
            **row,
            "groups": [{**_group(entry["group_id"]), "active": True} for entry in saved],
            "classifications": self._classifications(row["id"]),
            "annotations": self._annotations(row["id"]),
        }
        if labels:
            found = self.rows("SELECT * FROM labels WHERE obj_id = ?", row["id"])
            who = dict.fromkeys(label["labeller_id"] for label in found)
            users = [{"id": number, "username": f"user{number}"} for number in who]
            document["labellers"] = found if listing else users
        return document

    def _classifications(self, obj_id: str) -> Rows:
        rows = self.rows("SELECT * FROM classifications WHERE obj_id = ? ORDER BY id", obj_id)
        for row in rows:
            row["ml"], row["groups"] = bool(row["ml"]), _groups(row)
            row["votes"] = self.rows("SELECT * FROM votes WHERE classification_id = ?", row["id"])
        return rows

    def _annotations(self, obj_id: str) -> Rows:
        rows = self.rows("SELECT * FROM annotations WHERE obj_id = ? ORDER BY id", obj_id)
        return [{**row, "data": json.loads(row["data"]), "groups": _groups(row)} for row in rows]

    def _known(self, obj_id: str) -> dict[str, Any]:
        found = self.rows("SELECT * FROM sources WHERE id = ?", obj_id)
        if not found:
            raise Failure("Source not found", 404)
        return found[0]

    def _groups(self, groups: list[int]) -> None:
        if set(groups) - self.groups:
            raise Failure(f"Cannot find one or more groups with IDs: {groups}.")

    def _save(self, obj_id: str, groups: list[int]) -> None:
        self._groups(groups)
        rows = [(obj_id, group) for group in groups]
        self.base.executemany("INSERT OR IGNORE INTO saved VALUES (?, ?)", rows)

    def _label(self, obj_id: str, groups: list[int]) -> None:
        rows = [(obj_id, group, MYSELF) for group in groups]
        self.base.executemany("INSERT OR IGNORE INTO labels VALUES (NULL, ?, ?, ?)", rows)


def _names(tree: Mapping[str, Any]) -> set[str]:
    return {tree["class"]}.union(*(_names(branch) for branch in tree.get("subclasses") or ()))


def _group(number: int) -> dict[str, Any]:
    return {"id": number, "name": f"group {number}"}


def _groups(row: Mapping[str, Any]) -> Rows:
    return [_group(number) for number in json.loads(row["groups"])]


def _apart(ra: float, dec: float, other_ra: float, other_dec: float) -> float:
    """Return the separation in degrees."""
    a, d, b, e = map(math.radians, (ra, dec, other_ra, other_dec))
    h = math.sin((e - d) / 2) ** 2 + math.cos(d) * math.cos(e) * math.sin((b - a) / 2) ** 2
    return math.degrees(2 * math.asin(min(1, math.sqrt(h))))


def _now() -> str:
    return datetime.now(UTC).replace(tzinfo=None).isoformat()


def _success(data: Any) -> Response:
    return Response(
        json.dumps(
            {"status": "success", "message": "", "data": {} if data is None else data}
        ).encode()
    )


def _error(message: str, status: int) -> Response:
    document = {"status": "error", "message": message, "data": {}}
    return Response(json.dumps(document).encode(), status)
