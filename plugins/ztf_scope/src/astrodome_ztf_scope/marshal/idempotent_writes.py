"""Changing a marshal once: journaled before and after, looked up before it is tried again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from astrodome import AstrodomeError, console

from . import Busy, Denied, Redirected, Refused, Unreachable, Unsure
from . import journal as journals
from .journal import Journal

LOOKS = (0.0, 1.0, 4.0)
"""When it is looked whether a request was done whose answer was lost, in units of ``settle``."""
LOST = 3
"""Times that a request is sent whose answers are lost."""
FEW = 3
"""Times in a row that nobody answers, after which the rest is not tried."""


@dataclass
class Change:
    """One thing that was changed, or would be."""

    verb: str
    obj_id: str
    request: Mapping[str, Any]


@dataclass
class Once:
    """Makes changes through ``journal``; with ``dry`` it only lists them in ``changes``.

    ``settle`` is how long (s) a request whose answer was lost may still be at work.
    """

    address: str
    journal: Journal | None
    settle: float = 3.0
    attempts: int = 10
    dry: bool = False
    changes: list[Change] = field(default_factory=list)
    item: str = ""

    def __post_init__(self) -> None:
        """Let what a killed run has sent come to its end before anything is looked at."""
        if self.journal and not self.item:
            self._rest(self.journal.unknown_since(), LOOKS[-1])

    def for_item(self, item: str) -> Once:
        """The same for one item, with a list of changes of its own."""
        return replace(self, changes=[], item=item)

    def was_done(self, verb: str, obj_id: str, request: Mapping[str, Any]) -> bool:
        """Return whether this change is marked as done in the journal."""
        call = journals.key(self.address, verb, obj_id, request)
        done = (journals.DONE, journals.FOUND)
        return self.journal is not None and self.journal.state(call) in done

    def ensure(
        self,
        verb: str,
        obj_id: str,
        request: Mapping[str, Any],
        send: Callable[[], Any],
        found: Callable[[], bool],
        *,
        there: bool | None = None,
    ) -> bool:
        """Make sure that something is on the marshal; whether it had to be sent.

        ``found`` looks whether it is there; ``there`` says so when that is known already. Raises
        AstrodomeError when the marshal refuses, or when it stays unknown whether it was done.
        """
        call = journals.key(self.address, verb, obj_id, request)
        if found() if there is None else there:
            if self.journal and self.journal.state(call) == journals.BEGUN:
                self.journal.end(call, journals.FOUND)
            return False
        self.changes.append(Change(verb, obj_id, request))
        if self.dry or self.journal is None:
            return True
        return self._send(call, verb, obj_id, request, send, found)

    def _send(
        self,
        call: str,
        verb: str,
        obj_id: str,
        request: Mapping[str, Any],
        send: Callable[[], Any],
        found: Callable[[], bool],
    ) -> bool:
        assert self.journal
        lost = 0
        for attempt in range(1, self.attempts + 1):
            self.journal.begin(call, verb, obj_id, request, self.item)
            begun = time.time()
            try:
                answer = send()
            except Busy as error:
                self.journal.end(call, journals.REFUSED, error.message)
                if attempt == self.attempts:
                    raise
                time.sleep(error.after)
            except (Refused, Denied, Unreachable) as error:
                self.journal.end(call, journals.REFUSED, error.message)
                raise
            except Unsure as error:
                lost += 1
                if self._came(found, begun):
                    self.journal.end(call, journals.FOUND, error.message)
                    return True
                if lost == LOST or attempt == self.attempts:
                    raise
            else:
                self.journal.end(call, journals.DONE, str(answer or ""))
                return True
        return False

    def _came(self, found: Callable[[], bool], begun: float) -> bool:
        """Whether a request whose answer was lost was done after all, or is being done."""
        for look in LOOKS:
            self._rest(begun, look)
            if found():
                return True
        return False

    def _rest(self, begun: float, times: float) -> None:
        pause = min(begun + times * self.settle - time.time(), times * self.settle)
        if pause > 1:
            console.note(f"Waiting {pause:.0f} s for what was sent before to come to its end.")
        time.sleep(max(0.0, pause))


@dataclass
class Breaker:
    """Stops a run after errors that would also occur for the next item.

    These errors are: the marshal does not respond, does not accept the token, or redirects changes.
    """

    reason: str = ""
    silent: int = 0

    def check(self) -> None:
        """Raise when the rest is not to be tried."""
        if self.reason:
            raise AstrodomeError(f"not tried, because {self.reason}")

    def saw(self, error: BaseException | None) -> None:
        """Take note of how an item ended."""
        self.silent = self.silent + 1 if isinstance(error, Unreachable) else 0
        if isinstance(error, Denied | Redirected) or self.silent >= FEW:
            self.reason = str(error)
