"""A server of images, asked politely: few connections, pauses that it may choose, an end to it.

A transfer is repeated when it broke off, came too slowly, or brought something else than it
should; what the server does not have is not asked for again.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from astrodome import AstrodomeError, http
from pydantic import BaseModel, Field
from requests.utils import get_environ_proxies

Result = TypeVar("Result")

ABSENT = (204, 404, 410)
"""Statuses by which a server says that it has no such thing."""
FINAL = (400, 401, 403, 405, 414)
"""Statuses that the same request would meet again."""
LONGEST = 30.0
"""Longest pause (s) of our own choice between two attempts."""


LARGEST = 1 << 28
"""Bytes of the largest document that is taken, some times that of an image as FITS."""


class HostSettings(BaseModel):
    """How a server is treated; a section of the settings derives from it."""

    url: str = Field(description="Root of the service.")
    connections: int = Field(8, ge=1, le=64, description="Connections at a time, at most.")
    connect_timeout: float = Field(10.0, gt=0, description="Seconds to connect.")
    read_timeout: float = Field(60.0, gt=0, description="Seconds between two packets.")
    deadline: float = Field(300.0, gt=0, description="Seconds that one transfer may take.")
    retries: int = Field(4, ge=0, description="Further attempts after a transfer that failed.")
    backoff: float = Field(0.5, ge=0, description="Seconds before the second attempt; they double.")
    patience: float = Field(300.0, ge=0, description="Longest Retry-After (s) that is waited for.")


class Missing(AstrodomeError):
    """The server says that it has no such thing."""


class Unusable(AstrodomeError):
    """What came is not what was asked for; another attempt may bring it."""


class Host:
    """A server; threads may share it.

    A pause that the server asks for with ``Retry-After`` holds all threads. :meth:`stop` ends
    all pauses, so that work that is broken off ends soon.
    """

    def __init__(self, service: str, limits: HostSettings) -> None:
        self.service, self.limits = service, limits
        self._client = http.session(
            retries=0,
            connections=limits.connections,
            timeout=(limits.connect_timeout, limits.read_timeout),
        )
        # Looked up once: doing so for every request takes longer than the request.
        self._client.proxies = dict(get_environ_proxies(limits.url))
        self._client.verify = os.environ.get("REQUESTS_CA_BUNDLE", True)
        self._client.trust_env = False
        self._places = threading.BoundedSemaphore(limits.connections)
        self._stopped = threading.Event()
        self._not_before = 0.0

    def get(self, path: str, read: Callable[[bytes], Result]) -> Result:
        """What ``read`` makes of the document at ``path``, below the root of the service.

        ``read`` raises :class:`Unusable` for a document that is not what it should be. Raises
        :class:`Missing` when the server does not have it, and AstrodomeError with the last
        cause when no attempt brought it.
        """
        url = self.limits.url.rstrip("/") + path
        for attempt in range(self.limits.retries + 1):
            if attempt:
                pause = self.limits.backoff * 2.0 ** (attempt - 1)
                self._sleep(min(pause, LONGEST) * random.uniform(0.5, 1.0))
            self._sleep(self._not_before - time.monotonic())
            try:
                with self._places:
                    content = self._ask(url)
                return read(content)
            except Missing:
                raise
            except http.StatusError as refused:
                self._heed(refused)
                last: AstrodomeError = refused
            except AstrodomeError as error:
                last = error
        attempts = f" (attempt {attempt + 1})" if attempt else ""
        raise AstrodomeError(f"{last.message.rstrip('.')}{attempts}.", last.hint) from last

    def limit(self, connections: int) -> None:
        """From now on use so many connections at a time, unless the settings allow fewer."""
        self._places = threading.BoundedSemaphore(min(connections, self.limits.connections))

    def stop(self) -> None:
        """Let every waiting thread end with an error."""
        self._stopped.set()

    def _ask(self, url: str) -> bytes:
        answer = None
        try:
            answer = http.get(self._client, url, self.service, stream=True)
            content = http.content(
                answer, self.service, deadline=self.limits.deadline, limit=LARGEST
            )
        except http.StatusError as refused:
            if refused.status in ABSENT:
                raise Missing(f"{self.service} has no such image.") from refused
            raise
        finally:
            if answer is not None:
                answer.close()
        if answer.status_code in ABSENT:
            raise Missing(f"{self.service} has no such image.")
        return content

    def _heed(self, refused: http.StatusError) -> None:
        """Wait as long as the server asks for, all threads, or give up at once."""
        if refused.status in FINAL:
            raise refused
        if refused.retry_after is None:
            return
        if refused.retry_after > self.limits.patience:
            raise AstrodomeError(
                f"{self.service} asks to wait {refused.retry_after:.0f} s.", "Try again then."
            ) from refused
        self._not_before = max(self._not_before, time.monotonic() + refused.retry_after)

    def _sleep(self, seconds: float) -> None:
        if (seconds > 0 and self._stopped.wait(seconds)) or self._stopped.is_set():
            raise AstrodomeError("The work was broken off.")


class OneHost:
    """A source whose every request goes to ``host``, which bounds and ends them."""

    host: Host

    def limit(self, connections: int) -> None:
        """Use at most so many connections, however many threads fetch."""
        self.host.limit(connections)

    def stop(self) -> None:
        """End what other threads fetch, soon."""
        self.host.stop()
