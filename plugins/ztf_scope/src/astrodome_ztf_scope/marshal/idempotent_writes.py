"""Make every change to a marshal exactly once, even if a response is lost or a run is killed.

Each request is recorded in a journal before it is sent, and its result is added afterwards. If the
result of an earlier request is unknown, the marshal is queried before the request is sent again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from . import journal as journals
from .errors import (
    MarshalAccessError,
    MarshalUnavailable,
    OutcomeUnknown,
    RateLimited,
    RequestRejected,
)
from .journal import RequestJournal, WriteRequest
from .protocol import Marshal

logger = logging.getLogger(__name__)

LOOKUP_DELAYS = (0.0, 1.0, 4.0)
"""Delays after which the marshal is queried if a response is lost, in units of ``settle``."""
MAX_LOST_RESPONSES = 3
"""Number of lost responses after which a request is no longer retried."""


@dataclass
class IdempotentWriter:
    """A writer that sends requests to change a marshal, and records them in the journal.

    Parameters
    ----------
    address
        Address that identifies the marshal in the journal.
    journal
        Journal of the requests. If it is None, this is a dry run, which only collects the requests
        in the attribute ``requests``.
    settle
        Maximum processing time of a request whose response was lost, in seconds.
    attempts
        Maximum number of attempts for one request.
    notify
        Function that is called with a message before a long wait.
    """

    address: str
    journal: RequestJournal | None
    settle: float = 3.0
    attempts: int = 10
    notify: Callable[[str], object] = logger.info
    requests: list[WriteRequest] = field(default_factory=list)
    item: str = ""

    @property
    def dry_run(self) -> bool:
        return self.journal is None

    def for_item(self, item: str) -> IdempotentWriter:
        """Return a writer for one item in a batch, with a separate list of requests."""
        return replace(self, requests=[], item=item)

    def is_recorded(self, operation: str, obj_id: str, parameters: Mapping[str, Any]) -> bool:
        """Return whether the journal records this change as completed."""
        request_key = journals.key(self.address, operation, obj_id, parameters)
        completed = (journals.DONE, journals.FOUND)
        return self.journal is not None and self.journal.state(request_key) in completed

    def ensure(
        self,
        operation: str,
        obj_id: str,
        parameters: Mapping[str, Any],
        send: Callable[[], Any],
        is_done: Callable[[], bool],
        *,
        done: bool = False,
    ) -> None:
        """Make a change unless it has already been made on the marshal.

        Parameters
        ----------
        operation, obj_id, parameters
            Description of the request, which is written to the journal.
        send
            Function that sends the request.
        is_done
            Function that queries the marshal and returns whether the change has been made.
        done
            Whether the change is already known to have been made.

        Raises
        ------
        AstrodomeError
            If the marshal rejects the request, or if the outcome remains unknown.
        """
        request_key = journals.key(self.address, operation, obj_id, parameters)
        if done:
            if self.journal and self.journal.state(request_key) == journals.BEGUN:
                self.journal.end(request_key, journals.FOUND)
            return
        request = WriteRequest(operation, obj_id, parameters)
        self.requests.append(request)
        if self.journal is not None:
            self._send(self.journal, request_key, request, send, is_done)

    def _send(
        self,
        journal: RequestJournal,
        request_key: str,
        request: WriteRequest,
        send: Callable[[], Any],
        is_done: Callable[[], bool],
    ) -> None:
        lost = 0
        for attempt in range(1, self.attempts + 1):
            journal.begin(request_key, request, self.item)
            begun = time.time()
            try:
                response = send()
            except RateLimited as error:
                journal.end(request_key, journals.REFUSED, error.message)
                if attempt == self.attempts:
                    raise
                time.sleep(error.retry_after)
            except (RequestRejected, MarshalAccessError, MarshalUnavailable) as error:
                journal.end(request_key, journals.REFUSED, error.message)
                raise
            except OutcomeUnknown as error:
                lost += 1
                if self._was_done(is_done, begun):
                    journal.end(request_key, journals.FOUND, error.message)
                    return
                if lost == MAX_LOST_RESPONSES or attempt == self.attempts:
                    raise
            else:
                journal.end(request_key, journals.DONE, str(response or ""))
                return

    def _was_done(self, is_done: Callable[[], bool], begun: float) -> bool:
        for delay in LOOKUP_DELAYS:
            self.wait_since(begun, delay)
            if is_done():
                return True
        return False

    def wait_since(self, begun: float, delay: float = LOOKUP_DELAYS[-1]) -> None:
        """Wait until ``delay * settle`` seconds have passed since a request was sent.

        ``begun`` is the time at which the request was sent, in seconds since the Unix epoch.
        """
        pause = min(begun + delay * self.settle - time.time(), delay * self.settle)
        if pause > 1:
            self.notify(f"Waiting {pause:.0f} s until the marshal has processed earlier requests.")
        time.sleep(max(0.0, pause))


@contextmanager
def open_writer(
    marshal: Marshal, *, dry_run: bool = False, notify: Callable[[str], object] = logger.info
) -> Iterator[IdempotentWriter]:
    """Open the journal of a marshal and yield a writer for it.

    Raises
    ------
    AstrodomeError
        If another process is changing the same marshal.
    """
    settle, attempts = getattr(marshal, "settle", 3.0), getattr(marshal, "attempts", 10)
    writer = IdempotentWriter(marshal.address, None, settle, attempts, notify)
    if dry_run:
        yield writer
        return
    with journals.open_journal(marshal.address) as journal:
        writer.journal = journal
        writer.wait_since(journal.unknown_since())  # A killed run may have sent requests.
        yield writer
