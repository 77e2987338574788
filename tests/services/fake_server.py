"""A server on loopback that replaces a remote service and can simulate faults."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PAGE = b"<!DOCTYPE html><html><body>Service temporarily unavailable</body></html>"


@dataclass
class Request:
    """A request of a client."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


@dataclass
class Response:
    """A response of the server."""

    body: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


class FakeServer:
    """Send ``respond(request)`` for each request, or a fault that :meth:`add_faults` has queued.

    Faults: a status (``"500"``, ``"429"``, ``"429 after 1"``), a redirect (``"302 to ADDRESS"``),
    ``"reset"``, ``"never"``, ``"drip"``, ``"cut"``, ``"html"``, ``"loop"`` (redirects to itself),
    ``"lost"`` (executes the request, then closes the connection). ``choose(request)`` returns the
    fault for a request if none is queued. ``latency`` is the duration of every response in seconds.
    """

    choose: Callable[[Request], str] = staticmethod(lambda request: "")
    latency = 0.0

    def __init__(self, respond: Callable[[Request], Response]) -> None:
        self.respond = respond
        self.requests: list[Request] = []
        self.faults: deque[str] = deque()
        self.stopping = threading.Event()
        self.open: dict[threading.Thread, socket.socket] = {}
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                fake.open[threading.current_thread()] = self.connection

            def finish(self) -> None:
                fake.open.pop(threading.current_thread(), None)
                super().finish()

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except (ConnectionError, TimeoutError):
                    self.close_connection = True

            def serve(self) -> None:
                fake.serve(self)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = serve

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> FakeServer:
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()
        for thread, connection in list(self.open.items()):  # Clients did not close these.
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join(5)

    def add_faults(self, *faults: str) -> None:
        """Queue faults for the next requests, one per request."""
        self.faults.extend(faults)

    def fault(self, request: Request) -> str:
        """Return the fault for a request, or ``""``."""
        return self.faults.popleft() if self.faults else self.choose(request)

    def damage(self, response: Response, fault: str) -> Response:
        """Return the response with a fault of a subclass."""
        return response

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        length = int(handler.headers.get("Content-Length") or 0)
        request = Request(
            handler.command,
            parts.path,
            parse_qs(parts.query),
            dict(handler.headers.items()),
            handler.rfile.read(length),
        )
        self.requests.append(request)
        fault = self.fault(request)
        if self.latency:
            time.sleep(self.latency)
        if fault == "never":
            self.stopping.wait(60)
            handler.close_connection = True
        elif fault in ("reset", "lost"):
            if fault == "lost":
                self.respond(request)
            linger = struct.pack("ii", 1, 0)
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            handler.connection.close()
            handler.close_connection = True
        elif fault == "html":
            self._send(handler, Response(PAGE, 200, "text/html"))
        elif fault == "loop":
            self._send(handler, Response(b"", 302, headers={"Location": handler.path}))
        elif " to " in fault:
            status, _, target = fault.partition(" to ")
            self._send(handler, Response(b"", int(status), headers={"Location": target}))
        elif fault and fault[0].isdigit():
            status, _, after = fault.partition(" after ")
            extra = {"Retry-After": after} if after else {}
            self._send(handler, Response(PAGE, int(status), "text/html", extra))
        else:
            self._send(handler, self.damage(self.respond(request), fault), fault)

    def _send(self, handler: BaseHTTPRequestHandler, response: Response, fault: str = "") -> None:
        handler.send_response(response.status)
        handler.send_header("Content-Type", response.content_type)
        if "Content-Length" not in response.headers:
            handler.send_header("Content-Length", str(len(response.body)))
        for name, value in response.headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        if handler.command == "HEAD":
            return
        if fault == "cut":
            handler.wfile.write(response.body[: len(response.body) // 2])
            handler.close_connection = True
        elif fault == "drip":
            for byte in response.body:
                if self.stopping.is_set():
                    return
                handler.wfile.write(bytes([byte]))
                handler.wfile.flush()
                time.sleep(0.05)
        else:
            handler.wfile.write(response.body)
