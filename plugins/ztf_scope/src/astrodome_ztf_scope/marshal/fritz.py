"""HTTP client for Fritz or another SkyPortal instance.

Read requests are retried if they fail. A request that changes the marshal is sent once. If it
fails, the exception class indicates whether the change was made (see :mod:`.errors`).
"""

from __future__ import annotations

import base64
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import requests
from astrodome import AstrodomeError, InvalidInputError, compute, http

from ..catalogues.positions import separations
from ..config import services
from .errors import (
    MarshalAccessError,
    MarshalUnavailable,
    OutcomeUnknown,
    RateLimited,
    RequestRejected,
)
from .rate_limit import RateLimiter
from .skyportal_json import Annotation, Classification, Comment, Source, SourcePage, read

SERVICE = "Fritz"
PAGE_SIZE = 500
"""Number of sources per page in a listing, which is the maximum that SkyPortal allows."""
READ_ATTEMPTS = 3
"""Maximum number of attempts if a response is incomplete or not JSON."""
MAX_RETRY_AFTER = 300.0
"""Maximum value of the response header ``Retry-After``, in seconds."""
TOKEN_HINT = (
    "Specify a token (--token), set ASTRODOME_FRITZ_TOKEN or fritz.token, or write secrets.json: "
    '{"fritz": {"token": "…"}}. A local marshal requires no token: --marshal local:FILE.db.'
)


class Fritz:
    """A client for the marshal at the URL in the setting ``fritz.url``.

    Parameters
    ----------
    token
        API token. By default, the token in the settings or in ``secrets.json`` is used.
    connections
        Maximum number of simultaneous requests.
    """

    def __init__(self, *, token: str = "", connections: int = 8) -> None:
        section, secret = services.connection("fritz", services.FritzSettings, token)
        if not secret:
            raise InvalidInputError(f"No token found for {SERVICE} at {section.url}.", TOKEN_HINT)
        self.address = http.shown(section.url)
        self.settle, self.attempts = section.settle, section.max_attempts
        self.connections = connections
        self._url, self._secret, self._longest_pause = section.url, secret, section.sleep_time
        self._rate_limiter = RateLimiter(section.rate)
        self._session = http.session(
            token=secret,
            scheme="token",
            retries=min(section.max_attempts - 1, 5),
            backoff=min(0.5, section.sleep_time / 10),
            connections=connections,
            timeout=(min(10.0, section.timeout), section.timeout),
        )

    # Read requests

    def source(self, obj_id: str) -> dict[str, Any] | None:
        found = self._read(f"/api/sources/{_quoted(obj_id)}", {"includeLabellers": "true"})
        return read(Source, found) if found else None

    def near(self, ra: float, dec: float, radius: float) -> list[dict[str, Any]]:
        degrees = {"ra": ra, "dec": dec, "radius": radius / 3600}
        where = {name: repr(float(value)) for name, value in degrees.items()}
        listing = {**where, "numPerPage": PAGE_SIZE, "includeLabellers": "true"}
        near = read(SourcePage, self._read("/api/sources", listing) or {})["sources"]
        found = separations(ra, dec, [s["ra"] for s in near], [s["dec"] for s in near])
        for one, separation in zip(near, found, strict=True):
            one["separation"] = float(separation)
        return sorted(near, key=lambda one: (one["separation"], one["id"]))

    def in_groups(self, group_ids: Sequence[int], *, start: int = 1) -> Iterator[dict[str, Any]]:
        listing = {"group_ids": ",".join(map(str, group_ids)), "numPerPage": PAGE_SIZE}

        def read_page(number: int) -> Mapping[str, Any]:
            more = {"pageNumber": number, "includeLabellers": "true"}
            return read(SourcePage, self._read("/api/sources", {**listing, **more}) or {})

        first = read_page(start)
        numbers = range(start + 1, -(-first["total"] // (first["size"] or PAGE_SIZE)) + 1)
        rest = compute.map(read_page, numbers, jobs=self.connections, threads=True, ordered=True)
        seen: set[str] = set()
        for done in itertools.chain([compute.ItemResult(start, first)], rest):
            if done.value is None:
                raise AstrodomeError(
                    f"Cannot read page {done.item} of the source listing: {done.error}"
                )
            # Saving a source during the listing shifts the pages, so a source may occur twice.
            new = {one["id"]: one for one in done.value["sources"] if one["id"] not in seen}
            if not new:
                return
            seen |= new.keys()
            yield from new.values()

    def classifications(self, obj_id: str) -> list[dict[str, Any]]:
        return [read(Classification, one) for one in self._list_of(obj_id, "classifications")]

    def annotations(self, obj_id: str) -> list[dict[str, Any]]:
        return [read(Annotation, one) for one in self._list_of(obj_id, "annotations")]

    def comments(self, obj_id: str) -> list[dict[str, Any]]:
        return [read(Comment, one) for one in self._list_of(obj_id, "comments")]

    def photometry(self, obj_id: str) -> list[dict[str, Any]]:
        return self._list_of(obj_id, "photometry", "mjd")

    def _list_of(self, obj_id: str, what: str, *keys: str) -> list[dict[str, Any]]:
        return self._list(f"/api/sources/{_quoted(obj_id)}/{what}", *keys)

    def group(self, group_id: int) -> dict[str, Any] | None:
        try:
            found = self._read(f"/api/groups/{int(group_id)}")
        except RequestRejected:
            return None
        return {"id": int(group_id), **found} if isinstance(found, dict) and found else None

    def instruments(self) -> list[dict[str, Any]]:
        return self._list("/api/instrument", "id", "name")

    def taxonomies(self) -> list[dict[str, Any]]:
        return self._list("/api/taxonomy", "id", "name", "version", "hierarchy")

    # Requests that change the marshal

    def save_source(self, obj_id: str, ra: float, dec: float, group_ids: Sequence[int]) -> Any:
        body = {"id": obj_id, "ra": ra, "dec": dec, "group_ids": list(group_ids), "origin": SERVICE}
        return self._write("POST", "/api/sources", body)

    def add_to_groups(self, obj_id: str, group_ids: Sequence[int]) -> Any:
        body = {"objId": obj_id, "inviteGroupIds": list(group_ids)}
        return self._write("POST", "/api/source_groups", body)

    def classify(self, records: Sequence[Mapping[str, Any]]) -> Any:
        body = {"classifications": [dict(record) for record in records]}
        return self._write("POST", "/api/classification", body)

    def delete_classification(self, obj_id: str, classification_id: int) -> Any:
        return self._write("DELETE", f"/api/classification/{classification_id}")

    def annotate(
        self, obj_id: str, origin: str, data: Mapping[str, Any], group_ids: Sequence[int]
    ) -> Any:
        body: dict[str, Any] = {"origin": origin, "data": dict(data)}
        if group_ids:
            body["group_ids"] = list(group_ids)
        return self._write("POST", f"/api/sources/{_quoted(obj_id)}/annotations", body)

    def change_annotation(
        self, obj_id: str, annotation_id: int, origin: str, data: Mapping[str, Any]
    ) -> Any:
        # In the body of this request, SkyPortal expects the annotation id in the key obj_id.
        body = {"data": dict(data), "origin": origin, "obj_id": str(annotation_id)}
        path = f"/api/sources/{_quoted(obj_id)}/annotations/{annotation_id}"
        return self._write("PUT", path, body)

    def delete_annotation(self, obj_id: str, annotation_id: int) -> Any:
        return self._write("DELETE", f"/api/sources/{_quoted(obj_id)}/annotations/{annotation_id}")

    def comment(self, obj_id: str, text: str, attachment: tuple[str, bytes] | None = None) -> Any:
        body: dict[str, Any] = {"text": text}
        if attachment:
            name, content = attachment
            body["attachment"] = {"name": name, "body": base64.b64encode(content).decode()}
        return self._write("POST", f"/api/sources/{_quoted(obj_id)}/comments", body)

    def add_photometry(self, points: Mapping[str, Any]) -> Any:
        return self._write("PUT", "/api/photometry", dict(points))

    def archive(
        self,
        catalog: str,
        light_curve_ids: Sequence[int],
        group_ids: Sequence[int],
        obj_id: str = "",
    ) -> Any:
        ids = [int(one) for one in light_curve_ids]
        body = {"catalog": catalog, "light_curve_ids": ids, "group_ids": list(group_ids)}
        if obj_id:
            body["obj_id"] = obj_id
        return _value(self._write("POST", "/api/archive", body), "obj_id")

    def post_taxonomy(self, taxonomy: Mapping[str, Any]) -> Any:
        return _value(self._write("POST", "/api/taxonomy", dict(taxonomy)), "taxonomy_id")

    # HTTP requests

    def _read(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """Return the data at a path, or None if the resource does not exist."""
        problem = ""
        for attempt in range(READ_ATTEMPTS):
            if attempt:
                time.sleep(min(self._longest_pause, 2.0**attempt / 4))
            self._rate_limiter.wait()
            try:
                response = self._session.get(self._url + path, params=params)
            except requests.exceptions.ChunkedEncodingError as error:
                problem = http.cause(error)
                continue
            except requests.RequestException as error:
                raise MarshalUnavailable(
                    f"{SERVICE} does not respond at {self.address}{path}: {http.cause(error)}.",
                    "Try again later, or check the setting fritz.url.",
                ) from None
            document = _json(response)
            if document is None and response.status_code < 400:
                content = response.headers.get("Content-Type", "an unknown content type")
                problem = f"{content} instead of JSON"
                continue
            return self._data(response, document, path, reading=True)
        raise OutcomeUnknown(
            f"{SERVICE} sent an invalid response for {path} {READ_ATTEMPTS} times: {problem}.",
            "Try again later.",
        )

    def _list(self, path: str, *keys: str) -> list[dict[str, Any]]:
        """Return the records at a path, each of which must contain at least the given keys."""
        found = self._read(path) or []
        if isinstance(found, list) and all(
            isinstance(one, dict) and set(keys) <= one.keys() for one in found
        ):
            return found
        expected = f" with the keys {', '.join(keys)}" if keys else ""
        raise AstrodomeError(
            f"Invalid response from {SERVICE} for {path}: expected a list of records{expected}."
        )

    def _write(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send a request once. The exception class indicates whether the change was made."""
        self._rate_limiter.wait()
        try:
            response = self._session.request(method, self._url + path, json=body)
        except http.RedirectError as error:
            raise MarshalAccessError(
                f"{SERVICE}: {self._masked(error.message)}",
                "Set fritz.url to the final URL of the marshal, without redirects.",
            ) from None
        except requests.RequestException as error:
            if isinstance(error, requests.ConnectTimeout) or "NewConnectionError" in repr(error):
                raise MarshalUnavailable(
                    f"Cannot connect to {SERVICE} at {self.address}: {http.cause(error)}."
                ) from None
            raise OutcomeUnknown(
                f"No response from {SERVICE} to {method} {path}: {http.cause(error)}."
            ) from None
        document = _json(response)
        status = response.status_code
        if status == 429:
            pause = http.retry_after(response.headers.get("Retry-After", ""))
            pause = self._longest_pause if pause is None else min(pause, MAX_RETRY_AFTER)
            raise RateLimited(f"{SERVICE} rejected the request: rate limit exceeded.", pause)
        if status >= 500 or (document is None and status < 400):
            raise OutcomeUnknown(
                f"Unexpected response from {SERVICE} to {method} {path}: status {status}."
            )
        return self._data(response, document, path)

    def _data(self, response: Any, document: Any, path: str, *, reading: bool = False) -> Any:
        status = response.status_code
        document = document or {}
        message = str(document.get("message") or response.reason)
        message = self._masked(" ".join(message.split()))[:300]
        if status == 401:
            raise MarshalAccessError(f"{SERVICE} rejected the token: {message}", TOKEN_HINT)
        if reading and (status == 404 or (status == 400 and "not found" in message.lower())):
            return None
        if reading and (status == 429 or status >= 500):
            raise MarshalUnavailable(
                f"{SERVICE} returned status {status} for {path}.", "Try again later."
            )
        if status >= 400 or document.get("status") == "error":
            raise RequestRejected(
                f"{SERVICE} rejected the request to {path} (status {status}): {message}"
            )
        return document.get("data")

    def _masked(self, text: str) -> str:
        return text.replace(self._secret, "***")


def _value(data: Any, key: str) -> Any:
    return data.get(key) if isinstance(data, dict) else None


def _json(response: requests.Response) -> dict[str, Any] | None:
    try:
        document = response.json()
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _quoted(name: str) -> str:
    return quote(str(name), safe="")
