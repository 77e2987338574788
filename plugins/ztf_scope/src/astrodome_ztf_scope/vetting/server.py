"""A web server for the vetting page that accepts only requests from this page.

Every request must contain the token, the host name and the port of the server. Therefore, pages
from other websites in the same browser and other users on the same computer have no access.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from astrodome import AstrodomeError

from ..tables import identifiers
from .candidates import Candidates
from .decisions import Decisions

ADDRESS = "127.0.0.1"
HEADER = "X-Vet-Token"
SECURITY = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Headers that are sent with every response."""
MAX_BODY = 2**16
"""Maximum size of a request body, in bytes."""


class VettingServer:
    """A web server that serves the vetting page for ``candidates`` and saves ``decisions``.

    The attribute ``url`` is the URL to open in a browser. It contains the token.
    """

    def __init__(self, candidates: Candidates, decisions: Decisions, port: int = 0) -> None:
        self.candidates, self.decisions = candidates, decisions
        self.token = secrets.token_urlsafe(24)
        self.finished = threading.Event()
        self.on_open: Callable[[], object] = lambda: None
        """Function that is called after the page has been sent to a browser."""
        server = self

        class Handler(_Handler):
            vet = server

        try:
            self._http = ThreadingHTTPServer((ADDRESS, port), Handler)
        except OSError as error:
            raise AstrodomeError(
                f"Cannot use port {port}: {error.strerror}.", "Specify another port."
            ) from error
        self._http.daemon_threads = True
        self.port = int(self._http.server_address[1])
        self.url = f"http://{ADDRESS}:{self.port}/?token={self.token}"

    def __enter__(self) -> VettingServer:
        threading.Thread(target=self._http.serve_forever, args=(0.1,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    @property
    def hosts(self) -> frozenset[str]:
        """Valid values of the request header ``Host``. Requests with other values are rejected."""
        return frozenset({f"{ADDRESS}:{self.port}", f"localhost:{self.port}"})

    def overview(self) -> dict[str, Any]:
        """Return the names and scores of all sources, the labels, and the decisions."""
        rows = self.candidates.rows
        return {
            "rows": [{"name": row.name, "scores": dict(row.scores)} for row in rows],
            "labels": list(self.candidates.labels),
            "decisions": {n: made["action"] for n, made in self.decisions.made.items()},
            "chosen": {n: made["labels"] for n, made in self.decisions.made.items()},
        }


class _Handler(BaseHTTPRequestHandler):
    vet: VettingServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        number = query.get("number", "")
        candidates = self.vet.candidates
        if not self._allowed(query.get("token", "") if parts.path == "/" else None):
            return
        if parts.path == "/":
            self._page()
        elif parts.path == "/api/overview":
            self._json(self.vet.overview())
        elif number.isdecimal() and int(number) < len(candidates.rows):
            factor = identifiers.number(query.get("factor", "1"))
            self._json(candidates.page(int(number), factor or 1.0))
        else:
            self._json({"error": "Not found."}, 404)

    def do_POST(self) -> None:
        if not self._allowed(None):
            return
        length = self.headers.get("Content-Length") or "0"
        if not length.isdigit() or int(length) > MAX_BODY:
            self.close_connection = True
            self._json({"error": "The request is too large."}, 413)
            return
        body = self.rfile.read(int(length))
        if self.path == "/api/finish":
            self._json({"finished": True})
            self.vet.finished.set()
            return
        try:
            decision = json.loads(body)
            number, action = decision["number"], decision["action"]
            labels = decision.get("labels", [])
            self.vet.decisions.decide(int(number), str(action), [str(one) for one in labels])
            self._json(self.vet.overview()["decisions"])
        except AstrodomeError as error:
            self._json({"error": error.message}, 400)
        except (ValueError, KeyError, TypeError, AttributeError):
            self._json({"error": "Invalid decision: expected number, action and labels."}, 400)
        except OSError as error:
            self._json({"error": f"The decision cannot be saved: {error.strerror or error}."}, 500)

    def _allowed(self, in_address: str | None) -> bool:
        """Return whether a request contains the host, the port and the token of this server."""
        token = in_address if in_address is not None else self.headers.get(HEADER, "")
        origin = self.headers.get("Origin")
        same = origin is None or urlsplit(origin).netloc in self.vet.hosts
        named = self.headers.get("Host") in self.vet.hosts
        if named and same and secrets.compare_digest(token.encode(), self.vet.token.encode()):
            return True
        self.close_connection = True
        self._send(403, "text/plain; charset=utf-8", b"Access denied.\n")
        return False

    def _page(self) -> None:
        nonce = secrets.token_urlsafe(16)
        page = resources.files(__package__).joinpath("page.html").read_text("utf-8")
        policy = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
            "img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'"
        )
        body = page.replace("NONCE", nonce).encode()
        self._send(200, "text/html; charset=utf-8", body, {"Content-Security-Policy": policy})
        self.vet.on_open()

    def _json(self, document: Any, status: int = 200) -> None:
        self._send(status, "application/json", json.dumps(document, allow_nan=False).encode())

    def _send(
        self, status: int, kind: str, body: bytes, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        about = {"Content-Type": kind, "Content-Length": str(len(body))}
        for name, value in {**about, **SECURITY, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Suppress log messages, because they would contain the token."""
