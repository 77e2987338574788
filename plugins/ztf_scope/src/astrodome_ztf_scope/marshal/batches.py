"""Process many items that change a marshal, in parallel and independently of each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from astrodome import AstrodomeError, compute
from astrodome.errors import reason

from .errors import MarshalAccessError, MarshalUnavailable
from .idempotent_writes import IdempotentWriter
from .journal import WriteRequest

Item = TypeVar("Item")

MAX_UNAVAILABLE = 3
"""Number of consecutive items without a response after which the rest is skipped."""


@dataclass
class CircuitBreaker:
    """Stops a batch after an error that would also occur for every further item.

    These errors are an invalid address or token, and a marshal that does not respond.
    """

    cause: str = ""
    unavailable: int = 0

    def check(self) -> None:
        """Raise AstrodomeError if the batch is stopped."""
        if self.cause:
            raise AstrodomeError(f"Not tried, because of an earlier error: {self.cause}")

    def record(self, error: AstrodomeError | None) -> None:
        """Record the error of an item, or None if it succeeded."""
        self.unavailable = self.unavailable + 1 if isinstance(error, MarshalUnavailable) else 0
        if isinstance(error, MarshalAccessError) or self.unavailable >= MAX_UNAVAILABLE:
            self.cause = str(error)


@dataclass
class WriteResult(Generic[Item]):
    """Result of an item.

    ``status`` is ``done``, ``unchanged`` (the marshal already had everything), ``skipped`` (an
    earlier run completed the item) or ``failed``, with the ``reason``.
    """

    item: Item
    status: str
    obj_id: str = ""
    reason: str = ""
    requests: list[WriteRequest] = field(default_factory=list)


@dataclass
class BatchOutcome(compute.Outcome):
    """Numbers of items by result; ``unchanged`` items were compared and needed no change."""

    unchanged: int = 0

    def as_dict(self) -> dict[str, Any]:
        return {**super().as_dict(), "unchanged": self.unchanged}


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

    ``function`` returns the ``obj_id`` of the source. The groups are processed in parallel, the
    items of a group one after the other. Items that are completed in the journal are skipped
    unless ``recheck`` is True. If the marshal does not respond or the token is invalid, the
    remaining items fail without a request.
    """
    breaker = CircuitBreaker()
    journal = writer.journal

    def process_item(item: Item) -> WriteResult[Item]:
        completed = journal.completed_source(key(item)) if journal and not recheck else None
        if completed is not None:
            return WriteResult(item, "skipped", completed)
        own = writer.for_item(key(item))
        try:
            breaker.check()
            obj_id = function(item, own)
        except AstrodomeError as error:
            breaker.record(error)
            if journal:
                journal.end_item(key(item), name(item), "", error.message)
            return WriteResult(item, "failed", reason=reason(error), requests=own.requests)
        breaker.record(None)
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
    """Count the results of the items by status."""
    outcome = BatchOutcome()
    for result in results:
        if result.status == "failed":
            outcome.failed.append((name(result.item), result.reason))
        else:
            setattr(outcome, result.status, getattr(outcome, result.status) + 1)
    return outcome
