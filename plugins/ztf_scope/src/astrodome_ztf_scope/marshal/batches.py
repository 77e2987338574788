"""Process the items in a batch, each of which may change a marshal, in parallel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from astrodome import AstrodomeError, compute
from astrodome.errors import reason

from .errors import MarshalAccessError, MarshalUnavailable
from .idempotent_writes import IdempotentWriter
from .journal import WriteRequest

Item = TypeVar("Item")

MAX_UNAVAILABLE = 3
"""Number of consecutive items without a response from the marshal that stops the batch."""


@dataclass
class CircuitBreaker:
    """A circuit breaker that stops a batch after an error that would affect all remaining items.

    Examples are an invalid URL, an invalid token, or a marshal that does not respond.
    """

    cause: str = ""
    unavailable: int = 0

    @contextmanager
    def item(self) -> Iterator[None]:
        """Return a context manager in which one item is processed.

        Raises AstrodomeError if the batch has been stopped.
        """
        if self.cause:
            raise AstrodomeError(f"Not processed because of an earlier error: {self.cause}")
        try:
            yield
        except AstrodomeError as error:
            self.unavailable = self.unavailable + 1 if isinstance(error, MarshalUnavailable) else 0
            if isinstance(error, MarshalAccessError) or self.unavailable >= MAX_UNAVAILABLE:
                self.cause = str(error)
            raise
        self.unavailable = 0


@dataclass
class WriteResult(Generic[Item]):
    """The result of processing one item.

    ``status`` is ``done``, ``unchanged`` (everything already existed on the marshal), ``skipped``
    (the item was completed by an earlier run) or ``failed``. ``reason`` is the reason for a
    failure.
    """

    item: Item
    status: str
    obj_id: str = ""
    reason: str = ""
    requests: list[WriteRequest] = field(default_factory=list)


@dataclass
class BatchOutcome(compute.Outcome):
    """The number of items with each status.

    ``unchanged`` is the number of items that were compared with the marshal and required no change.
    """

    unchanged: int = 0

    def as_dict(self) -> dict[str, Any]:
        return {**super().as_dict(), "unchanged": self.unchanged}


def grouped(items: Iterable[Item], keys: Iterable[Any]) -> list[list[Item]]:
    """Return one list for each key, which contains the items with this key."""
    groups: dict[Any, list[Item]] = {}
    for item, key in zip(items, keys, strict=True):
        groups.setdefault(key, []).append(item)
    return list(groups.values())


def process(
    writer: IdempotentWriter,
    groups: Iterable[Sequence[Item]],
    function: Callable[[Item, IdempotentWriter], str],
    *,
    key: Callable[[Item], str],
    name: Callable[[Item], str],
    jobs: int = 4,
    recheck: bool = False,
) -> Iterator[WriteResult[Item]]:
    """Call ``function`` for every item and yield the results.

    ``function`` receives an item and a writer, and returns the ``obj_id`` of the source. The groups
    are processed in parallel, and the items in each group sequentially. Items that the
    journal records as completed are skipped unless ``recheck`` is True. If the marshal does not
    respond or the token is invalid, the remaining items fail, and no requests are sent for them.
    """
    breaker = CircuitBreaker()
    journal = writer.journal

    def process_item(item: Item) -> WriteResult[Item]:
        completed = journal.completed_source(key(item)) if journal and not recheck else None
        if completed is not None:
            return WriteResult(item, "skipped", completed)
        own = writer.for_item(key(item))
        try:
            with breaker.item():
                obj_id = function(item, own)
        except AstrodomeError as error:
            if journal:
                journal.end_item(key(item), name(item), "", error.message)
            return WriteResult(item, "failed", reason=reason(error), requests=own.requests)
        if journal:
            journal.end_item(key(item), name(item), obj_id)
        status = "done" if own.requests else "unchanged"
        return WriteResult(item, status, obj_id, requests=own.requests)

    def process_group(group: Sequence[Item]) -> list[WriteResult[Item]]:
        return [process_item(item) for item in group]

    for done in compute.map(process_group, groups, jobs=jobs, threads=True):
        if done.value is None:
            yield from (WriteResult(item, "failed", reason=done.error) for item in done.item)
        else:
            yield from done.value


def count(results: Iterable[WriteResult[Any]], name: Callable[[Any], str]) -> BatchOutcome:
    """Count the results by status, and collect the names and reasons of failed items."""
    outcome = BatchOutcome()
    for result in results:
        if result.status == "failed":
            outcome.failed.append((name(result.item), result.reason))
        else:
            setattr(outcome, result.status, getattr(outcome, result.status) + 1)
    return outcome
