"""A fake Google Cloud Storage server: the part of the JSON API that reads a bucket.

The API is documented at https://cloud.google.com/storage/docs/json_api/v1. The server supports
listings with prefix, delimiter and pages, metadata of objects, and complete or partial content.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from .fake_server import FakeServer, Request, Response

PAGE = 2
"""Objects per page of a listing; small, so that tests read several pages."""


class Bucket:
    """A bucket with objects by name; with ``token``, requests must contain the token."""

    def __init__(self, name: str, objects: Mapping[str, bytes], token: str = "") -> None:
        self.name, self.objects, self.token = name, dict(objects), token

    def server(self) -> FakeServer:
        return FakeServer(self.respond)

    def respond(self, request: Request) -> Response:
        shown = {name.lower(): value for name, value in request.headers.items()}
        if self.token and shown.get("authorization") != f"Bearer {self.token}":
            known = "authorization" in shown
            return _error(403, "No access.") if known else _error(401, "Anonymous caller.")
        path = request.path.removeprefix("/download").removeprefix("/storage/v1/b/")
        bucket, _, rest = path.partition("/o")
        name = unquote(rest.removeprefix("/"))
        if bucket != self.name:
            return _error(404, "The specified bucket does not exist.")
        if not name:
            return self._list(request)
        if name not in self.objects:
            return _error(404, f"No such object: {self.name}/{name}")
        if request.query.get("alt") == ["media"]:
            return _content(self.objects[name], request)
        return _json(self._about(name))

    def _list(self, request: Request) -> Response:
        prefix = request.query.get("prefix", [""])[0]
        delimiter = request.query.get("delimiter", [""])[0]
        start = int(request.query.get("pageToken", ["0"])[0])
        items, folders = [], {}
        for name in sorted(self.objects):
            inside = name.removeprefix(prefix)
            if not name.startswith(prefix):
                continue
            if delimiter and delimiter in inside:
                folders[prefix + inside.partition(delimiter)[0] + delimiter] = None
            else:
                items.append(self._about(name))
        page: dict[str, Any] = {"kind": "storage#objects", "items": items[start : start + PAGE]}
        if folders and not start:
            page["prefixes"] = list(folders)
        if start + PAGE < len(items):
            page["nextPageToken"] = str(start + PAGE)
        return _json(page)

    def _about(self, name: str) -> dict[str, str]:
        data = self.objects[name]
        return {
            "kind": "storage#object",
            "name": name,
            "bucket": self.name,
            "size": str(len(data)),
            "md5Hash": base64.b64encode(hashlib.md5(data).digest()).decode(),
            "updated": "2024-01-01T00:00:00.000Z",
            "generation": "1",
        }


def _content(data: bytes, request: Request) -> Response:
    wanted = request.headers.get("Range", "")
    if not wanted.startswith("bytes="):
        return Response(data, content_type="application/octet-stream")
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    begin, end = int(first), min(int(last or len(data) - 1), len(data) - 1)
    if begin > end:
        return Response(b"", 416)
    span = {"Content-Range": f"bytes {begin}-{end}/{len(data)}"}
    return Response(data[begin : end + 1], 206, "application/octet-stream", span)


def _json(document: Any) -> Response:
    return Response(json.dumps(document).encode())


def _error(status: int, message: str) -> Response:
    return Response(json.dumps({"error": {"code": status, "message": message}}).encode(), status)
