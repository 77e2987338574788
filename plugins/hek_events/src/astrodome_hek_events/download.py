"""Asking HEK for years of events: in windows as long as it answers well, several at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from astrodome import compute

from .client.hek_client import Answer, Hek, Unreachable
from .client.windows import Query, Window
from .store.event_store import EventStore

FIRST = timedelta(days=1)
SHORTEST, LONGEST = timedelta(hours=1), timedelta(days=64)
TRIES = 6
"""How often a window is cut in two before it is given up: 1/64 of it may have failed alone."""
SILENCE = 8, 4
"""So many failures in a row, the last of a window cut so often: HEK is out of reach."""
FEW, MANY = 5, 20
"""Pages of an answer that say that the next window may be longer, or should be shorter.

Not fewer: events that are on for days come again with every window, however short it is.
"""
SLOW = 20.0
"""Seconds after which an answer says that its window was too long."""
FRESH = timedelta(hours=1)
"""For how long a window counts as complete although HEK may still receive events of its time."""


@dataclass
class Pace:
    """How long the next windows are: longer while HEK answers fast in a few pages."""

    length: timedelta = FIRST

    def learn(self, answer: Answer) -> None:
        if answer.pages > MANY or answer.seconds > SLOW:
            self.length = max(self.length / 2, SHORTEST)
        elif answer.pages <= FEW and answer.seconds < SLOW / 4:
            self.length = min(self.length * 2, LONGEST)

    def failed(self, window: Window) -> None:
        self.length = max(min(self.length, (window.end - window.start) / 2), SHORTEST)

    def slices(self, todo: deque[Window]) -> Iterator[Window]:
        """Take windows from ``todo``, the long ones in slices of the length of that moment."""
        while todo:
            window = todo.popleft()
            end = window.start + self.length
            if not window.tries and end < window.end:
                todo.appendleft(Window(window.query, end, window.end))
                window = Window(window.query, window.start, end)
            yield window


@dataclass
class Report:
    """What a run came to: the ids of the events, what failed, and what was complete before."""

    ids: set[int] = field(default_factory=set)
    failed: list[tuple[str, str]] = field(default_factory=list)
    complete: list[Query] = field(default_factory=list)

    def outcome(self) -> compute.Outcome:
        return compute.Outcome(done=len(self.ids), failed=self.failed)


class Collector:
    """Brings what is missing of some queries from HEK into the store.

    ``jobs`` windows are asked at once; each is stored as it comes, with the note that it is
    complete, in one transaction, so that a killed run goes on where it stopped. One that
    fails is asked again in two halves. ``settle`` is how long after a time HEK goes on to
    receive its events; ``again`` asks for everything. ``advance`` is told the seconds of the
    time asked for that were just done, and a word on where they are.
    """

    def __init__(
        self,
        store: EventStore,
        hek: Hek,
        *,
        jobs: int = 4,
        settle: timedelta = timedelta(0),
        again: bool = False,
        advance: Callable[[float, str], None] = lambda seconds, detail: None,
    ) -> None:
        self.store, self.hek, self.jobs = store, hek, jobs
        self.settle, self.again, self.advance = settle, again, advance
        self.report, self.pace = Report(), Pace()
        self._todo: deque[Window] = deque()
        self._ended: list[Window] = []
        self._unheard = 0

    def missing(self, queries: Sequence[Query], start: datetime, end: datetime) -> list[Window]:
        """The windows that are to be asked."""
        found: list[Window] = []
        for query in queries:
            whole = Window(query, start, end)
            parts = [whole] if self.again else self.store.missing(whole, self.settle, FRESH)
            if not parts:
                self.report.complete.append(query)
            found += parts
        return found

    def run(self, windows: Sequence[Window]) -> Report:
        """Ask for the windows; what HEK did not give is named in the report."""
        self._todo.extend(windows)
        while self._todo:
            slices = self.pace.slices(self._todo)
            # A generator, which closes the threads when it is left early.
            asked: Any = compute.map(self._ask, slices, jobs=self.jobs, threads=True)
            with closing(asked):
                for done in asked:
                    window, found = done.item, done.value
                    if isinstance(found, Answer):
                        self._store(window, found)
                    elif found or self._silent(window):
                        return self._give_up(windows, found or done.error)
                    else:
                        self._cut(window, done.error)
        return self.report

    def _ask(self, window: Window) -> Answer | str:
        """The answer of HEK, or why there is no connection to it."""
        try:
            return self.hek.ask(window)
        except Unreachable as error:
            return error.message

    def _store(self, window: Window, answer: Answer) -> None:
        self._unheard = 0
        self.pace.learn(answer)
        stored = self.store.put(answer.records, f"{window.query}:", window)
        self.report.failed += stored.failed
        self.report.ids.update(map(hash, stored.ids))
        self._ended.append(window)
        self.advance((window.end - window.start).total_seconds(), str(window.start.date()))

    def _silent(self, window: Window) -> bool:
        self._unheard += 1
        failures, cuts = SILENCE
        return self._unheard >= failures and window.tries >= cuts

    def _cut(self, window: Window, why: str) -> None:
        self.pace.failed(window)
        if window.tries < TRIES and window.end - window.start >= timedelta(seconds=2):
            self._todo.extendleft(reversed(window.halves()))
        else:
            self.report.failed.append((str(window), why))
            self._ended.append(window)

    def _give_up(self, windows: Sequence[Window], why: str) -> Report:
        for window in windows:
            left = window.without(self._ended)
            self.report.failed += [(str(part), why) for part in left]
        return self.report
