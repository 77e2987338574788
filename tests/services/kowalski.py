"""A fake Kowalski server: queries with MongoDB filters, and cone searches.

The API is documented at https://github.com/skyportal/kowalski. Documents are returned as extended
JSON, in the order in which they were stored, unless the query sorts them.
"""

from __future__ import annotations

import functools
import json
import math
import random
import sqlite3
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from bson import json_util

from .fake_server import FakeServer, Request, Response

RADIAN = {"arcsec": math.radians(1 / 3600), "arcmin": math.radians(1 / 60), "deg": math.radians(1)}
RADIAN["rad"] = 1.0
KNOWN = ("skip", "limit", "sort")


class Refused(Exception):
    """A query for which Kowalski returns the status 400."""


class Kowalski:
    """Catalogues, accessible with ``token``, or with ``username`` and ``password``."""

    def __init__(self, token: str, username: str = "", password: str = "") -> None:
        self.token, self.account = token, (username, password)
        self._db = sqlite3.connect(":memory:", check_same_thread=False)
        self._db.execute("CREATE TABLE documents (catalogue TEXT, id, field, ccd, quad, body TEXT)")
        self._db.execute("CREATE INDEX places ON documents (catalogue, field, ccd, quad)")
        self._db.execute("CREATE INDEX ids ON documents (catalogue, id)")
        self._lock = threading.Lock()
        self.asked: list[dict[str, Any]] = []

    def server(self) -> FakeServer:
        return FakeServer(self.respond)

    def store(self, catalogue: str, documents: Iterable[Mapping[str, Any]]) -> None:
        """Store documents in random order, with the position that MongoDB indexes."""
        rows = []
        for document in documents:
            body = dict(document)
            if "ra" in body:
                place = {"type": "Point", "coordinates": [body["ra"] - 180, body["dec"]]}
                body["coordinates"] = {"radec_geojson": place}
            keys = [body.get(key) for key in ("_id", "field", "ccd", "quad")]
            rows.append((catalogue, *keys, json_util.dumps(body)))
        random.Random(0).shuffle(rows)
        with self._lock, self._db:
            self._db.executemany("INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?)", rows)

    def respond(self, request: Request) -> Response:
        if request.path == "/api/auth":
            given = json.loads(request.body)
            if (given["username"], given["password"]) != self.account or not self.account[0]:
                return _json({"status": "error", "message": "wrong credentials"}, 400)
            return _json({"status": "success", "token": self.token})
        if request.headers.get("Authorization") != self.token:
            return _json({"status": "error", "message": "token is invalid"}, 400)
        if request.path == "/":
            return _json({"status": "success", "message": "greetings from Kowalski!"})
        if request.path != "/api/queries" or request.method != "POST":
            return _json({"status": "error", "message": "404: Not Found"}, 404)
        question = json_util.loads(request.body.decode())
        self.asked.append(question)
        try:
            return _json(
                {
                    "status": "success",
                    "message": "Successfully executed query",
                    "kwargs": question.get("kwargs", {}),
                    "data": self._data(question),
                }
            )
        except (Refused, KeyError) as error:
            return _json({"status": "error", "message": f"failure: {error}"}, 400)

    def _data(self, question: Mapping[str, Any]) -> Any:
        query, kwargs = question["query"], question.get("kwargs", {})
        paging = {key: value for key, value in kwargs.items() if key in KNOWN}
        kind = question["query_type"]
        if kind == "info" and query["command"] == "catalog_names":
            with self._lock:
                return [c for (c,) in self._db.execute("SELECT DISTINCT catalogue FROM documents")]
        if kind == "find":
            found = self._matching(query["catalog"], query["filter"])
            return _paged(found, query.get("projection") or {}, **paging)
        if kind == "count_documents":
            return len(self._matching(query["catalog"], query["filter"]))
        if kind == "cone_search":
            radec = query["object_coordinates"]["radec"]
            unit = RADIAN[query["object_coordinates"]["cone_search_unit"]]
            radius = query["object_coordinates"]["cone_search_radius"] * unit
            return self._around(query["catalogs"], radec, radius, False, paging)
        if kind == "near":
            radius = query["max_distance"] * RADIAN[query["distance_units"]]
            return self._around(query["catalogs"], query["radec"], radius, True, paging)
        raise Refused(f"query_type {kind} not in ('cone_search', 'find', 'info', 'near', …)")

    def _matching(self, catalogue: str, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the documents of a catalogue that match a filter."""
        sql, values = "SELECT body FROM documents WHERE catalogue = ?", [catalogue]
        for key, column in (("field", "field"), ("ccd", "ccd"), ("quad", "quad"), ("_id", "id")):
            condition = wanted.get(key)
            for operator, value in _conditions(condition) if key in wanted else ():
                if operator == "$in":
                    sql += f" AND {column} IN ({','.join('?' * len(value))})"
                    values += value
                elif operator in ("$eq", "$gt", "$gte", "$lt", "$lte"):
                    sign = {"$eq": "=", "$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
                    sql += f" AND {column} {sign[operator]} ?"
                    values.append(value)
        with self._lock:
            rows = self._db.execute(sql, values).fetchall()
        documents = map(_document, (body for (body,) in rows))
        return [document for document in documents if meets(document, wanted)]

    def _around(
        self,
        catalogs: Mapping[str, Any],
        radec: Mapping[str, Any] | list[Any],
        radius: float,
        sorted_by_distance: bool,
        paging: Mapping[str, Any],
    ) -> dict[str, Any]:
        named = radec if isinstance(radec, Mapping) else {str(one): one for one in radec}
        answer: dict[str, Any] = {}
        for catalogue, own in catalogs.items():
            documents = self._matching(catalogue, own.get("filter") or {})
            answer[catalogue] = {}
            for name, place in named.items():
                near = [(_angle(document, place), document) for document in documents]
                inside = [(gap, document) for gap, document in near if gap <= radius]
                if sorted_by_distance:
                    inside.sort(key=lambda pair: pair[0])
                found = _paged([d for _, d in inside], own.get("projection") or {}, **paging)
                answer[catalogue][name.replace(".", "_")] = found
        return answer


def _json(document: Any, status: int = 200) -> Response:
    return Response(json_util.dumps(document).encode(), status)


def _angle(document: Mapping[str, Any], place: Any) -> float:
    longitude, latitude = document["coordinates"]["radec_geojson"]["coordinates"]
    a, b = math.radians(longitude + 180), math.radians(place[0])
    c, d = math.radians(latitude), math.radians(place[1])
    half = math.sin((c - d) / 2) ** 2 + math.cos(c) * math.cos(d) * math.sin((a - b) / 2) ** 2
    return 2 * math.asin(min(1.0, math.sqrt(half)))


def _conditions(condition: Any) -> list[tuple[str, Any]]:
    if isinstance(condition, Mapping) and all(str(key).startswith("$") for key in condition):
        return list(condition.items())
    return [("$eq", condition)]


@functools.lru_cache(200_000)
def _document(body: str) -> dict[str, Any]:
    """Parse a stored document once: queries with pages read all documents for each page."""
    return json_util.loads(body)  # type: ignore[no-any-return]


def meets(document: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Return whether a document matches a MongoDB filter with the operators of ``scope``."""
    for key, condition in wanted.items():
        if key == "$or":
            if not any(meets(document, choice) for choice in condition):
                return False
            continue
        value: Any = document
        for part in key.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if not all(_compared(value, *one) for one in _conditions(condition)):
            return False
    return True


def _compared(value: Any, operator: str, other: Any) -> bool:
    if operator == "$eq":
        return bool(value == other)
    if operator == "$ne":
        return bool(value != other)
    if operator == "$in":
        return value in other
    if value is None:
        return False
    if operator in ("$gt", "$gte", "$lt", "$lte"):
        return bool(
            {
                "$gt": value > other,
                "$gte": value >= other,
                "$lt": value < other,
                "$lte": value <= other,
            }[operator]
        )
    raise Refused(f"unknown operator: {operator}")


def _paged(
    documents: list[dict[str, Any]],
    projection: Mapping[str, Any],
    skip: int = 0,
    limit: int = 0,
    sort: list[Any] | None = None,
) -> list[dict[str, Any]]:
    for key, direction in reversed(sort or []):
        documents = sorted(documents, key=lambda d: d[key], reverse=direction < 0)
    documents = documents[skip : skip + limit if limit else None]
    return [_projected(document, projection) for document in documents]


def _projected(document: dict[str, Any], projection: Mapping[str, Any]) -> dict[str, Any]:
    if not projection:
        return document
    kept: dict[str, Any] = {"_id": document["_id"]}
    for path in projection:
        source, target = document, kept
        *parents, last = path.split(".")
        for part in parents:
            source = source.get(part, {}) if isinstance(source, dict) else {}
            target = target.setdefault(part, {}) if source else {}
        if isinstance(source, dict) and last in source:
            target[last] = source[last]
    return kept
