"""Kowalski, the archive of ZTF's catalogues, through its own client penquins.

Constructing that client contacts every instance, so it is made with the first question. What
is asked for changes nothing there, and may be asked again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from astrodome import AstrodomeError, http
from numpy.typing import ArrayLike

from . import kowalski_client, light_curves
from .positions import separations, unit_vectors

PAGE = 10_000
"""Documents in an answer, where nothing else is asked for."""
IDS = 1000
"""Ids, or positions, in a question."""
ROLES = ("sources", "features", "classifications", "gaia", "alerts")
POSITION = "coordinates.radec_geojson.coordinates"
CURVE = ("_id", "ra", "dec", "filter", "data")
PROGRAMMES = (1, 2, 3)


class KowalskiCatalogue:
    """The catalogues of the configured instances, or of the one called ``instance``."""

    def __init__(self, instance: str = "", token: str = "", page: int = PAGE) -> None:
        self._wanted, self._token, self._page = instance, token, page
        self._lock = threading.Lock()

    @cached_property
    def _settings(self) -> Any:
        return kowalski_client.section()

    @cached_property
    def _client(self) -> Any:
        return kowalski_client.connect(self._wanted, self._token)

    def collections(self) -> list[str]:
        """Names of the catalogues that any instance has."""
        with self._lock:  # penquins is made once, whichever thread asks first
            client = self._client
        found: set[str] = set()
        for instance in client.instances.values():
            found.update(instance.get("catalogs") or ())
        return sorted(found)

    def find(
        self,
        collection: str,
        where: Mapping[str, Any],
        columns: Sequence[str] = (),
        *,
        skip: int = 0,
        limit: int = 0,
    ) -> Iterator[dict[str, Any]]:
        """The matching documents in the order of their ``_id``; see ``sources.Catalogue``.

        Page after page, each from the last ``_id`` of the one before: what the archive takes in
        meanwhile neither repeats a document nor leaves one out.
        """
        name = self._name(collection)
        ids = where.get("_id")
        if isinstance(ids, Mapping) and len(ids.get("$in") or ()) > IDS:
            yield from self._by_ids(name, where, columns, skip, limit)
            return
        left = limit
        while True:
            size = min(self._page, left) if limit else self._page
            found = self._page_of(name, where, columns, size, skip)
            yield from found
            left -= len(found)
            if len(found) < size or (limit and left <= 0):
                return
            skip, where = 0, _after(where, found[-1]["_id"])

    def cone(
        self,
        collection: str,
        ra: ArrayLike,
        dec: ArrayLike,
        radius: float,
        columns: Sequence[str] = (),
    ) -> list[list[dict[str, Any]]]:
        """For each position (deg) the documents within ``radius`` (arcsec), the nearest first."""
        name = self._name(collection)
        a, d = (np.atleast_1d(np.asarray(x, np.float64)) for x in (ra, dec))
        projection = _projection([*columns, "ra", "dec", POSITION]) if columns else {}
        answer: list[list[dict[str, Any]]] = []
        for first in range(0, len(a), IDS):
            few = range(first, min(first + IDS, len(a)))
            query = {
                "query_type": "cone_search",
                "query": {
                    "object_coordinates": {
                        "radec": {f"p{i}": [float(a[i]) % 360, float(d[i])] for i in few},
                        "cone_search_radius": radius,
                        "cone_search_unit": "arcsec",
                    },
                    "catalogs": {name: {"filter": {}, "projection": projection}},
                },
            }
            data = self._ask(query).get(name) or {}
            answer += [_nearest(data.get(f"p{i}") or [], a[i], d[i], columns) for i in few]
        return answer

    def light_curves(self, ids: Sequence[Any]) -> pd.DataFrame:
        """One row an epoch of these light curves; see ``sources.Catalogue``.

        Limits on epochs are the caller's; conditions on ``data.…`` would choose documents.
        """
        where = {"_id": {"$in": list(ids)}}
        return light_curves.from_documents(self.find("sources", where, CURVE))

    def _by_ids(
        self,
        name: str,
        where: Mapping[str, Any],
        columns: Sequence[str],
        skip: int,
        limit: int,
    ) -> Iterator[dict[str, Any]]:
        ids = sorted(set(where["_id"]["$in"]))
        given = 0
        for first in range(0, len(ids), IDS):
            few = {**where, "_id": {**where["_id"], "$in": ids[first : first + IDS]}}
            for document in self._page_of(name, few, columns, IDS, 0):
                given += 1
                if given > skip:
                    yield document
                if limit and given - skip >= limit:
                    return

    def _page_of(
        self, name: str, where: Mapping[str, Any], columns: Sequence[str], size: int, skip: int
    ) -> list[dict[str, Any]]:
        query = {"catalog": name, "filter": dict(where), "projection": _projection(columns)}
        paging = {"sort": [["_id", 1]], "limit": size, **({"skip": skip} if skip else {})}
        found = self._ask({"query_type": "find", "query": query, "kwargs": paging})
        if not isinstance(found, list):
            raise AstrodomeError(f"Kowalski answered a question for {name} with no list.")
        return [_flat(document, columns) for document in found]

    def _name(self, collection: str) -> str:
        if collection in ROLES:
            return str(getattr(self._settings.collections, collection))
        return collection

    def _ask(self, query: Mapping[str, Any]) -> Any:
        """The ``data`` of the answer to one question.

        Raises AstrodomeError, which holds no token, when there is none.
        """
        with self._lock:
            client = self._client
        wanted = query["query"].get("catalog") or next(iter(query["query"]["catalogs"]))
        holder = kowalski_client.holder(client, wanted)
        try:
            answer = client.query(query=dict(query), name=holder)
        except http.RedirectError as error:
            raise kowalski_client.redirected(error) from None
        except Exception as error:  # penquins lets pass what requests, bson and it itself raise
            raise AstrodomeError(
                f"Kowalski ({holder}) did not answer a question for {wanted}: "
                f"{kowalski_client.reason(error)}.",
                "Try again; kowalski.timeout (s) is how long an answer is waited for.",
            ) from None  # its text may quote headers
        return kowalski_client.data(answer, wanted)


def _after(where: Mapping[str, Any], last: Any) -> dict[str, Any]:
    own = where.get("_id")
    conditions = own if isinstance(own, Mapping) else {"$eq": own} if own is not None else {}
    return {**where, "_id": {**conditions, "$gt": last}}


def _projection(columns: Sequence[str]) -> dict[str, int]:
    return dict.fromkeys(["_id", *columns], 1) if columns else {}


def _flat(document: Mapping[str, Any], columns: Sequence[str]) -> dict[str, Any]:
    """A document with the columns asked for, also those with a dot in their names."""
    if not columns:
        return dict(document)
    return {"_id": document["_id"]} | {name: _at(document, name) for name in columns}


def _at(document: Any, name: str) -> Any:
    if isinstance(document, Mapping) and name in document:
        return document[name]
    for part in name.split("."):
        document = document.get(part) if isinstance(document, Mapping) else None
    return document


def _nearest(
    documents: Sequence[Mapping[str, Any]], ra: float, dec: float, columns: Sequence[str]
) -> list[dict[str, Any]]:
    """Documents with their position and separation (arcsec), the nearest first."""
    placed = [(document, *_position(document)) for document in documents]
    if not placed:
        return []
    gaps = separations(
        unit_vectors(ra, dec)[0],
        unit_vectors([a for _, a, _ in placed], [d for _, _, d in placed]),
    )
    found = []
    for row in np.argsort(gaps, kind="stable"):
        document, own_ra, own_dec = placed[row]
        kept = _flat(document, columns) if columns else dict(document)
        found.append({**kept, "ra": own_ra, "dec": own_dec, "separation": float(gaps[row])})
    return found


def _position(document: Mapping[str, Any]) -> tuple[float, float]:
    """Position (deg) of a document; the longitude that MongoDB indexes is RA - 180."""
    if document.get("ra") is not None and document.get("dec") is not None:
        return float(document["ra"]), float(document["dec"])
    longitude, latitude = _at(document, POSITION) or (np.nan, np.nan)
    return (float(longitude) + 180) % 360, float(latitude)
