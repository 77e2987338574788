"""Access to Kowalski, the archive of ZTF catalogues, with its Python client penquins.

The client connects to all instances when it is created. It is therefore not created until the first
query. Queries do not modify the archive, so they can safely be retried.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from astrodome import AstrodomeError, http
from numpy.typing import ArrayLike

from ..config import services
from . import kowalski_client, light_curves, positions

PAGE = 10_000
"""Default number of documents per response."""
IDS = 1000
"""Maximum number of ids or positions per query."""
ROLES = tuple(services.KowalskiCollections.model_fields)
LIGHT_CURVE_COLUMNS = ("_id", "ra", "dec", "filter", "data")


class KowalskiCatalogue:
    """The catalogues in all configured Kowalski instances.

    If ``instance`` is given, only the catalogues in this instance are used. By default, ``token``
    is read from the settings. ``page`` is the number of documents per response.
    """

    def __init__(self, instance: str = "", token: str = "", page: int = PAGE) -> None:
        self._instance, self._token, self._page = instance, token, page
        self._lock = threading.Lock()

    @cached_property
    def _client(self) -> Any:
        return kowalski_client.connect(self._instance, self._token)

    def _connected(self) -> Any:
        with self._lock:  # Only one thread creates the client.
            return self._client

    def collections(self) -> list[str]:
        """Return the names of the catalogues in all instances."""
        names: set[str] = set()
        for instance in self._connected().instances.values():
            names.update(instance.get("catalogs") or ())
        return sorted(names)

    def find(
        self,
        collection: str,
        where: Mapping[str, Any],
        columns: Sequence[str] = (),
        *,
        skip: int = 0,
        limit: int = 0,
    ) -> Iterator[dict[str, Any]]:
        """Yield the matching documents, sorted by ``_id``. See the protocol ``Catalogue``.

        Each page begins after the last ``_id`` on the previous page. Therefore, no document is
        returned twice or omitted if documents are added to the archive during the query.
        """
        name = self._name(collection)
        ids = where.get("_id")
        if isinstance(ids, Mapping) and len(ids.get("$in") or ()) > IDS:
            wanted = sorted(set(ids["$in"]))
            parts = (wanted[first : first + IDS] for first in range(0, len(wanted), IDS))
            queries = ({**where, "_id": {**ids, "$in": part}} for part in parts)
            pages = (self._documents(name, query, columns, IDS, 0) for query in queries)
            found = itertools.chain.from_iterable(pages)
            yield from itertools.islice(found, skip, skip + limit if limit else None)
            return
        left = limit
        while True:
            size = min(self._page, left) if limit else self._page
            documents = self._documents(name, where, columns, size, skip)
            count, last = len(documents), documents[-1]["_id"] if documents else None
            yield from documents
            del documents  # Free the memory for the next page.
            left -= count
            if count < size or (limit and left <= 0):
                return
            skip, where = 0, _after(where, last)

    def cone(
        self,
        collection: str,
        ra: ArrayLike,
        dec: ArrayLike,
        radius: float,
        columns: Sequence[str] = (),
        *,
        where: Mapping[str, Any] | None = None,
    ) -> list[list[dict[str, Any]]]:
        """Return the documents around each position, sorted by separation. See ``Catalogue``."""
        name = self._name(collection)
        a, d = (np.atleast_1d(np.asarray(x, np.float64)) for x in (ra, dec))
        projection = _projection([*columns, *positions.DOCUMENT_COLUMNS]) if columns else {}
        result: list[list[dict[str, Any]]] = []
        for first in range(0, len(a), IDS):
            part = range(first, min(first + IDS, len(a)))
            query = {
                "query_type": "cone_search",
                "query": {
                    "object_coordinates": {
                        "radec": {f"p{i}": [float(a[i]) % 360, float(d[i])] for i in part},
                        "cone_search_radius": radius,
                        "cone_search_unit": "arcsec",
                    },
                    "catalogs": {name: {"filter": dict(where or {}), "projection": projection}},
                },
            }
            data = self._query(query).get(name) or {}
            result += [_nearest_first(data.get(f"p{i}") or [], a[i], d[i], columns) for i in part]
        return result

    def light_curves(self, ids: Sequence[Any]) -> pd.DataFrame:
        """Return light curves as a table with one row per epoch. See the protocol ``Catalogue``."""
        where = {"_id": {"$in": list(ids)}}
        return light_curves.from_documents(self.find("sources", where, LIGHT_CURVE_COLUMNS))

    def _documents(
        self, name: str, where: Mapping[str, Any], columns: Sequence[str], size: int, skip: int
    ) -> list[dict[str, Any]]:
        query = {"catalog": name, "filter": dict(where), "projection": _projection(columns)}
        paging = {"sort": [["_id", 1]], "limit": size, **({"skip": skip} if skip else {})}
        found = self._query({"query_type": "find", "query": query, "kwargs": paging})
        if not isinstance(found, list):
            raise AstrodomeError(f"Invalid response from Kowalski for {name}: expected a list.")
        return [_flat(document, columns) for document in found]

    def _name(self, collection: str) -> str:
        if collection in ROLES:
            return str(getattr(services.kowalski().collections, collection))
        return collection

    def _query(self, query: Mapping[str, Any]) -> Any:
        """Send a query, and return the ``data`` in the response.

        Raises AstrodomeError if the query fails; the message does not contain the token.
        """
        client = self._connected()
        name = query["query"].get("catalog") or next(iter(query["query"]["catalogs"]))
        instance = kowalski_client.instance_with(client, name)
        try:
            response = client.query(query=dict(query), name=instance)
        except http.RedirectError as error:
            raise kowalski_client.redirected(error) from None
        except Exception as error:  # The exception is raised by requests, bson or penquins.
            raise AstrodomeError(
                f"The query for {name} in the Kowalski instance {instance} failed: "
                f"{kowalski_client.reason(error, [client.instances[instance]['token']])}.",
                "Try again, or increase the setting kowalski.timeout (seconds).",
            ) from None  # The message may contain the token.
        return kowalski_client.data(response, name)


def _after(where: Mapping[str, Any], last: Any) -> dict[str, Any]:
    """Add a condition that matches only documents with an id greater than ``last``."""
    given = where.get("_id")
    conditions = (
        given if isinstance(given, Mapping) else {"$eq": given} if given is not None else {}
    )
    return {**where, "_id": {**conditions, "$gt": last}}


def _projection(columns: Sequence[str]) -> dict[str, int]:
    return dict.fromkeys(["_id", *columns], 1) if columns else {}


def _flat(document: Mapping[str, Any], columns: Sequence[str]) -> dict[str, Any]:
    """Return the requested columns in a document, including nested columns such as ``a.b``."""
    if not columns:
        return dict(document)
    return {"_id": document["_id"]} | {
        name: positions.nested_value(document, name) for name in columns
    }


def _nearest_first(
    documents: Sequence[Mapping[str, Any]], ra: float, dec: float, columns: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the documents with their position and separation (in arcsec), nearest first."""
    if not documents:
        return []
    places = [positions.of_document(document) for document in documents]
    distances = positions.separations(ra, dec, *zip(*places, strict=True))
    found = []
    for row in np.argsort(distances, kind="stable"):
        document = _flat(documents[row], columns)
        place = {"ra": places[row][0], "dec": places[row][1]}
        found.append({**document, **place, "separation": float(distances[row])})
    return found
