"""A loopback server that stands in for a remote service and misbehaves when told to."""

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
    """What a client asked for."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


@dataclass
class Answer:
    """What it gets."""

    body: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


class FakeServer:
    """Serve ``answer(request)`` on loopback; faults queued by :meth:`misbehave` come first.

    Faults: a status (``"500"``, ``"429"``, ``"429 after 1"``), a redirect (``"302 to ADDRESS"``),
    ``"reset"``, ``"never"``, ``"drip"``, ``"cut"``, ``"html"``, ``"loop"`` (redirects to itself),
    ``"lost"`` (executes the request, then closes the connection). ``choose(request)`` returns the
    fault for a request if none is queued. ``latency`` is the duration of every response in seconds.
    """

    choose: Callable[[Request], str] = staticmethod(lambda request: "")
    latency = 0.0

    def __init__(self, answer: Callable[[Request], Answer]) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        self.faults: deque[str] = deque()
        self.stopping = threading.Event()
        self.open: dict[threading.Thread, socket.socket] = {}
        twin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                twin.open[threading.current_thread()] = self.connection

            def finish(self) -> None:
                twin.open.pop(threading.current_thread(), None)
                super().finish()

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except (ConnectionError, TimeoutError):
                    self.close_connection = True

            def serve(self) -> None:
                twin.serve(self)

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
        for thread, connection in list(self.open.items()):  # whose clients left them open
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join(5)

    def misbehave(self, *faults: str) -> None:
        """The next requests meet these faults, one each."""
        self.faults.extend(faults)

    def fault(self, request: Request) -> str:
        """What goes wrong with this request; ``""`` for nothing."""
        return self.faults.popleft() if self.faults else self.choose(request)

    def spoil(self, answer: Answer, fault: str) -> Answer:
        """The answer as a fault of a twin's own leaves it."""
        return answer

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
                self.answer(request)
            linger = struct.pack("ii", 1, 0)
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            handler.connection.close()
            handler.close_connection = True
        elif fault == "html":
            self._send(handler, Answer(PAGE, 200, "text/html"))
        elif fault == "loop":
            self._send(handler, Answer(b"", 302, headers={"Location": handler.path}))
        elif " to " in fault:
            status, _, target = fault.partition(" to ")
            self._send(handler, Answer(b"", int(status), headers={"Location": target}))
        elif fault and fault[0].isdigit():
            status, _, after = fault.partition(" after ")
            extra = {"Retry-After": after} if after else {}
            self._send(handler, Answer(PAGE, int(status), "text/html", extra))
        else:
            self._send(handler, self.spoil(self.answer(request), fault), fault)

    def _send(self, handler: BaseHTTPRequestHandler, answer: Answer, fault: str = "") -> None:
        handler.send_response(answer.status)
        handler.send_header("Content-Type", answer.content_type)
        if "Content-Length" not in answer.headers:
            handler.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        if handler.command == "HEAD":
            return
        if fault == "cut":
            handler.wfile.write(answer.body[: len(answer.body) // 2])
            handler.close_connection = True
        elif fault == "drip":
            for byte in answer.body:
                if self.stopping.is_set():
                    return
                handler.wfile.write(bytes([byte]))
                handler.wfile.flush()
                time.sleep(0.05)
        else:
            handler.wfile.write(answer.body)
