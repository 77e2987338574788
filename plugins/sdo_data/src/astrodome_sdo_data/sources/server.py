"""HTTP client for image servers, with a connection limit and retries with exponential backoff.

A transfer is retried if it is interrupted, is too slow or returns invalid content. Requests for
documents that the server reports as missing are not retried.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from astrodome import AstrodomeError, http

from .settings import ServerSettings

T = TypeVar("T")

NOT_FOUND = (204, 404, 410)
"""Status codes that mean that the requested document does not exist."""
DOES_NOT_EXIST = "does not provide this image."
FINAL = (400, 401, 403, 405, 414)
"""Status codes of permanent errors, which are not retried."""
MAX_DELAY = 30.0
"""Maximum delay between two attempts in seconds, unless the server requests a longer delay."""
MAX_BYTES = 1 << 28
"""Maximum size of a document in bytes, which is several times the size of an AIA FITS file."""


class MissingImageError(AstrodomeError):
    """Raised if an image does not exist in the archive."""

    status = "missing"


class Server:
    """HTTP client for one image server, which can be shared by several threads.

    A ``Retry-After`` header in a response delays the requests of all threads.
    """

    def __init__(self, service: str, settings: ServerSettings) -> None:
        self.service, self.settings = service, settings
        self._session = http.session(
            retries=0,
            connections=settings.connections,
            timeout=(settings.connect_timeout, settings.read_timeout),
        )
        self._slots = threading.BoundedSemaphore(settings.connections)
        self._stopped = threading.Event()
        self._not_before = 0.0

    def get(self, path: str, parse: Callable[[bytes], T]) -> T:
        """Download and parse the document at ``path``, which is relative to the base URL.

        The request is retried if ``parse`` raises AstrodomeError. Raises
        :class:`MissingImageError` if the document does not exist, and AstrodomeError with the
        cause of the last failure if all attempts fail.
        """
        url = self.settings.url.rstrip("/") + path
        for attempt in range(self.settings.retries + 1):
            if attempt:
                delay = self.settings.backoff * 2.0 ** (attempt - 1)
                self._wait(min(delay, MAX_DELAY) * random.uniform(0.5, 1.0))
            self._wait(self._not_before - time.monotonic())
            try:
                with self._slots:
                    content = self._request(url)
                try:
                    return parse(content)
                except AstrodomeError as error:
                    raise AstrodomeError(
                        f"{self.service} returned an invalid response. {error.message}"
                    ) from error
            except MissingImageError:
                raise
            except http.StatusError as error:
                self._check_retry(error)
                last: AstrodomeError = error
            except AstrodomeError as error:
                last = error
        attempts = f" (attempt {attempt + 1})" if attempt else ""
        raise AstrodomeError(f"{last.message.rstrip('.')}{attempts}.", last.hint) from last

    def stop(self) -> None:
        """Stop waiting in all threads, so that their requests fail immediately."""
        self._stopped.set()

    def _request(self, url: str) -> bytes:
        response = None
        try:
            response = http.get(self._session, url, self.service, stream=True)
            content = http.content(
                response, self.service, deadline=self.settings.deadline, limit=MAX_BYTES
            )
        except http.StatusError as error:
            if error.status in NOT_FOUND:
                raise MissingImageError(f"{self.service} {DOES_NOT_EXIST}") from error
            raise
        finally:
            if response is not None:
                response.close()
        if response.status_code in NOT_FOUND:
            raise MissingImageError(f"{self.service} {DOES_NOT_EXIST}")
        return content

    def _check_retry(self, error: http.StatusError) -> None:
        """Raise an exception if the error is permanent.

        Otherwise, store the delay that the response specifies.
        """
        if error.status in FINAL:
            raise error
        if error.retry_after is None:
            return
        if error.retry_after > self.settings.patience:
            raise AstrodomeError(
                f"{self.service} requires a delay of {error.retry_after:.0f} s before a retry.",
                "Try again later, or increase the setting 'patience' of the source.",
            ) from error
        self._not_before = max(self._not_before, time.monotonic() + error.retry_after)

    def _wait(self, seconds: float) -> None:
        if (seconds > 0 and self._stopped.wait(seconds)) or self._stopped.is_set():
            raise AstrodomeError("The download was interrupted.")
