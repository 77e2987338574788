"""Fritz, or another SkyPortal, over HTTP.

Reading is repeated when it fails; what changes something is sent once, and its answer says
whether it was done, was not done, or has to be looked up (see :mod:`astrodome_ztf_scope.marshal`).
"""

from __future__ import annotations

import base64
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import requests
from astrodome import AstrodomeError, compute, http

from ..catalogues.positions import separations
from ..config import services
from . import Busy, Denied, Redirected, Refused, Unreachable, Unsure, skyportal_json
from .rate_limit import Pace

SERVICE = "Fritz"
PAGE = 500
"""Sources on a page of a listing, the most that SkyPortal gives."""
READS = 3
"""Times that a page which is cut or no JSON is asked for."""
HOW = (
    "Give --token, set ASTRODOME_FRITZ_TOKEN or fritz.token, or write secrets.json: "
    '{"fritz": {"token": "…"}}.'
)


class Fritz:
    """The marshal at ``fritz.url`` of the settings; ``token`` is the one of the command line."""

    def __init__(self, *, token: str = "", connections: int = 8) -> None:
        section, secret = services.connection("fritz", services.FritzSettings, token)
        if not secret:
            raise AstrodomeError(
                f"There is no token for {SERVICE} at {section.url}.", HOW, exit_code=2
            )
        self.address = http.shown(section.url)
        self.settle, self.attempts = section.settle, section.max_attempts
        self.connections = connections
        self._url, self._secret, self._longest = section.url, secret, section.sleep_time
        self._pace = Pace(section.rate)
        self._session = http.session(
            token=secret,
            scheme="token",
            retries=min(section.max_attempts - 1, 5),
            backoff=min(0.5, section.sleep_time / 10),
            connections=connections,
            timeout=(min(10.0, section.timeout), section.timeout),
        )

    # Reading

    def source(self, obj_id: str) -> dict[str, Any] | None:
        found = self._read(f"/api/sources/{_part(obj_id)}", {"includeLabellers": "true"})
        return skyportal_json.source(found) if found else None

    def near(self, ra: float, dec: float, radius: float) -> list[dict[str, Any]]:
        where = {"ra": repr(ra), "dec": repr(dec), "radius": repr(radius / 3600)}
        found = self._read(
            "/api/sources", {**where, "numPerPage": PAGE, "includeLabellers": "true"}
        )
        near = skyportal_json.page(found)["sources"]
        if near:
            gaps = separations(ra, dec, [s["ra"] for s in near], [s["dec"] for s in near])
            for one, gap in zip(near, gaps, strict=True):
                one["separation"] = float(gap)
        return sorted(near, key=lambda one: (one["separation"], one["id"]))

    def in_groups(self, group_ids: Sequence[int], *, start: int = 1) -> Iterator[dict[str, Any]]:
        listing = {"group_ids": ",".join(map(str, group_ids)), "numPerPage": PAGE}

        def read(number: int) -> Mapping[str, Any]:
            more = {"pageNumber": number, "includeLabellers": "true"}
            return skyportal_json.page(self._read("/api/sources", {**listing, **more}))

        first = read(start)
        rest = range(start + 1, -(-first["total"] // (first["size"] or PAGE)) + 1)
        seen: set[str] = set()
        for found in itertools.chain([first], self._in_order(read, rest)):
            # One that was saved meanwhile moves the others, so a page may begin with known ones.
            new = {one["id"]: one for one in found["sources"] if one["id"] not in seen}
            if not new:
                return  # whatever the total said
            seen |= new.keys()
            yield from new.values()

    def _in_order(self, read: Any, numbers: range) -> Iterator[Mapping[str, Any]]:
        """Pages read many at a time, given in order."""
        for at in range(0, len(numbers), 2 * self.connections):
            window = numbers[at : at + 2 * self.connections]
            mapped = compute.map(read, window, jobs=self.connections, threads=True)
            pages = {done.item: done for done in mapped}
            for number in window:
                page = pages[number].value
                if page is None:
                    why = pages[number].error
                    raise AstrodomeError(f"Page {number} of the listing is missing: {why}")
                yield page

    def classifications(self, obj_id: str) -> list[dict[str, Any]]:
        return [skyportal_json.classification(c) for c in self._of(obj_id, "classifications")]

    def annotations(self, obj_id: str) -> list[dict[str, Any]]:
        return [skyportal_json.annotation(a) for a in self._of(obj_id, "annotations")]

    def comments(self, obj_id: str) -> list[dict[str, Any]]:
        return [skyportal_json.comment(c) for c in self._of(obj_id, "comments")]

    def photometry(self, obj_id: str) -> list[dict[str, Any]]:
        return _records(self._of(obj_id, "photometry"), "mjd")

    def _of(self, obj_id: str, what: str) -> list[Any]:
        return _list(self._read(f"/api/sources/{_part(obj_id)}/{what}"), what)

    def group(self, group_id: int) -> dict[str, Any] | None:
        try:
            found = self._read(f"/api/groups/{int(group_id)}")
        except Refused:
            return None
        return {"id": int(group_id), **found} if isinstance(found, dict) and found else None

    def instruments(self) -> list[dict[str, Any]]:
        return _records(_list(self._read("/api/instrument"), "instruments"), "id", "name")

    def taxonomies(self) -> list[dict[str, Any]]:
        found = _list(self._read("/api/taxonomy"), "taxonomies")
        return _records(found, "id", "name", "version", "hierarchy")

    # Changing

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
        return self._write("POST", f"/api/sources/{_part(obj_id)}/annotations", body)

    def change_annotation(
        self, obj_id: str, annotation_id: int, origin: str, data: Mapping[str, Any]
    ) -> Any:
        # SkyPortal names the annotation, not the source, by obj_id in this body.
        body = {"data": dict(data), "origin": origin, "obj_id": str(annotation_id)}
        path = f"/api/sources/{_part(obj_id)}/annotations/{annotation_id}"
        return self._write("PUT", path, body)

    def delete_annotation(self, obj_id: str, annotation_id: int) -> Any:
        return self._write("DELETE", f"/api/sources/{_part(obj_id)}/annotations/{annotation_id}")

    def comment(self, obj_id: str, text: str, attachment: tuple[str, bytes] | None = None) -> Any:
        body: dict[str, Any] = {"text": text}
        if attachment:
            name, content = attachment
            body["attachment"] = {"name": name, "body": base64.b64encode(content).decode()}
        return self._write("POST", f"/api/sources/{_part(obj_id)}/comments", body)

    def add_photometry(self, points: Mapping[str, Any]) -> Any:
        return self._write("PUT", "/api/photometry", dict(points))

    def archive(
        self,
        catalog: str,
        light_curve_ids: Sequence[int],
        group_ids: Sequence[int],
        obj_id: str = "",
    ) -> Any:
        body: dict[str, Any] = {
            "catalog": catalog,
            "light_curve_ids": [int(one) for one in light_curve_ids],
            "group_ids": list(group_ids),
        }
        if obj_id:
            body["obj_id"] = obj_id
        return _named(self._write("POST", "/api/archive", body), "obj_id")

    def post_taxonomy(self, taxonomy: Mapping[str, Any]) -> Any:
        return _named(self._write("POST", "/api/taxonomy", dict(taxonomy)), "taxonomy_id")

    # The wire

    def _read(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """The data at a path, None when there is nothing."""
        said = ""
        for attempt in range(READS):
            if attempt:
                time.sleep(min(self._longest, 2.0**attempt / 4))
            self._pace.wait()
            try:
                answer = self._session.get(self._url + path, params=params)
            except requests.RequestException as error:
                said = _why(error)
                if _cut(error):
                    continue
                raise Unreachable(
                    f"{SERVICE} did not answer at {self.address}{path}: {said}.",
                    "Try again later, or check fritz.url in the settings.",
                ) from None
            document = _json(answer)
            if document is None and answer.status_code < 400:
                said = f"{answer.headers.get('Content-Type', 'something')} instead of JSON"
                continue
            return self._data(answer, document, path, reading=True)
        raise Unsure(f"{SERVICE} sent {said} for {path}, {READS} times.", "Try again later.")

    def _write(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send once; raises what is known of it when it did not succeed."""
        self._pace.wait()
        try:
            answer = self._session.request(method, self._url + path, json=body)
        except http.RedirectError as error:
            raise Redirected(
                f"{SERVICE}: {self._clean(error.message)}",
                "Check fritz.url in the settings: it must be the address of the marshal itself.",
            ) from None
        except requests.RequestException as error:
            if isinstance(error, requests.ConnectTimeout) or "NewConnectionError" in repr(error):
                why = f"{SERVICE} at {self.address} cannot be reached: {_why(error)}."
                raise Unreachable(why) from None
            raise Unsure(f"{SERVICE} broke off at {method} {path}: {_why(error)}.") from None
        document = _json(answer)
        status = answer.status_code
        if status == 429:
            raise Busy(f"{SERVICE} asks for fewer requests.", _after(answer, self._longest))
        if status >= 500 or (document is None and status < 400):
            raise Unsure(f"{SERVICE} answered {status} to {method} {path}, not in its own words.")
        return self._data(answer, document, path)

    def _data(self, answer: Any, document: Any, path: str, *, reading: bool = False) -> Any:
        status = answer.status_code
        document = document or {}
        said = self._clean(" ".join(str(document.get("message") or answer.reason).split()))[:300]
        if status == 401:
            raise Denied(f"{SERVICE} does not accept the token: {said}", HOW)
        if reading and (status == 404 or (status == 400 and "not found" in said.lower())):
            return None
        if reading and (status == 429 or status >= 500):
            raise Unreachable(f"{SERVICE} still answers {status} to {path}.", "Try again later.")
        if status >= 400 or document.get("status") == "error":
            raise Refused(f"{SERVICE} refused {path} ({status}): {said}")
        return document.get("data")

    def _clean(self, text: str) -> str:
        return text.replace(self._secret, "***")


def _list(found: Any, what: str) -> list[Any]:
    if not found:
        return []
    if not isinstance(found, list):
        raise AstrodomeError(f"{SERVICE} sent no list of {what}.")
    return found


def _records(found: list[Any], *keys: str) -> list[dict[str, Any]]:
    for one in found:
        if not isinstance(one, dict) or not set(keys) <= one.keys():
            raise AstrodomeError(f"{SERVICE} sent a record without {', '.join(keys)}.")
    return found


def _named(answer: Any, key: str) -> Any:
    return answer.get(key) if isinstance(answer, dict) else None


def _json(answer: Any) -> dict[str, Any] | None:
    try:
        document = answer.json()
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _after(answer: Any, longest: float) -> float:
    try:
        return min(float(answer.headers.get("Retry-After", "")), 300.0)
    except ValueError:
        return longest


def _cut(error: Exception) -> bool:
    return isinstance(error, requests.exceptions.ChunkedEncodingError)


def _why(error: Exception) -> str:
    """A few words that quote nothing of the request."""
    if isinstance(error, requests.Timeout) or "Timeout" in repr(error):
        return "no answer in time"
    if _cut(error):
        return "a part of the answer"
    if "NewConnectionError" in repr(error):
        return "nobody listens there"
    if isinstance(error, requests.exceptions.RetryError):
        return "error after error"
    if isinstance(error, requests.ConnectionError):
        return "the connection broke"
    return type(error).__name__


def _part(name: str) -> str:
    return quote(str(name), safe="")
