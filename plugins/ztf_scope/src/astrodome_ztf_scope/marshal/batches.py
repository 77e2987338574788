"""Items of work that change a marshal: many at a time, each once, none in the way of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from astrodome import AstrodomeError, compute, console

from . import journal as journals
from .idempotent_writes import Breaker, Change, Once

Item = TypeVar("Item")


@dataclass
class Ended(Generic[Item]):
    """The result of an item.

    ``status`` is done, unchanged (the marshal already had everything), skipped (an earlier run
    finished the item) or failed.
    """

    item: Item
    status: str
    obj_id: str = ""
    why: str = ""
    changes: list[Change] = field(default_factory=list)


@contextmanager
def changing(marshal: Any, *, dry: bool = False) -> Iterator[Once]:
    """The way to change a marshal once, through its journal; ``dry`` changes and writes nothing.

    Raises AstrodomeError when another process is changing the same marshal.
    """
    pace: dict[str, Any] = {
        "settle": getattr(marshal, "settle", 3.0),
        "attempts": getattr(marshal, "attempts", 10),
    }
    if dry:
        yield Once(marshal.address, None, dry=True, **pace)
        return
    with journals.opened(marshal.address) as journal:
        yield Once(marshal.address, journal, **pace)


def work(
    once: Once,
    parts: Iterable[Sequence[Item]],
    do: Callable[[Item, Once], str],
    *,
    key: Callable[[Item], str],
    name: Callable[[Item], str],
    jobs: int = 4,
    recheck: bool = False,
) -> Iterator[Ended[Item]]:
    """Do every item: the parts many at a time, the items of a part one after the other.

    ``do`` gives the name of the source that it changed. An item that the journal has as done is
    skipped, unless ``recheck`` asks to look at the marshal again. When the marshal does not
    answer any more, or refuses the token, the rest fails without being tried.
    """
    breaker = Breaker()

    def one(item: Item) -> Ended[Item]:
        before = once.journal.finished(key(item)) if once.journal and not recheck else None
        if before is not None:
            return Ended(item, "skipped", before)
        mine = once.for_item(key(item))
        try:
            breaker.check()
            obj_id = do(item, mine)
        except AstrodomeError as error:
            breaker.saw(error)
            if once.journal:
                once.journal.finish(key(item), name(item), "", error.message)
            return Ended(item, "failed", why=error.message, changes=mine.changes)
        breaker.saw(None)
        if once.journal:
            once.journal.finish(key(item), name(item), obj_id)
        status = "done" if mine.changes else "unchanged"
        return Ended(item, status, obj_id, changes=mine.changes)

    def several(part: Sequence[Item]) -> list[Ended[Item]]:
        return [one(item) for item in part]

    for done in compute.map(several, parts, jobs=jobs, threads=True):
        if done.value is None:
            yield from (Ended(item, "failed", why=done.error) for item in done.item)
        else:
            yield from done.value


@dataclass
class Outcome(compute.Outcome):
    """Counts of a run; ``unchanged`` items were compared with the marshal and needed no change."""

    unchanged: int = 0

    def as_dict(self) -> dict[str, Any]:
        return {**super().as_dict(), "unchanged": self.unchanged}


def outcome(ended: Iterable[Ended[Any]], name: Callable[[Any], str]) -> Outcome:
    """Count the results of the items."""
    found = Outcome()
    for one in ended:
        if one.status == "failed":
            found.failed.append((name(one.item), one.why))
        elif one.status == "skipped":
            found.skipped += 1
        elif one.status == "unchanged":
            found.unchanged += 1
        else:
            found.done += 1
    return found


def finish(found: Outcome, verb: str, noun: str) -> None:
    """Print the failures and the counts; exit with status 1 if any item failed."""
    unchanged = f"; {found.unchanged} checked, nothing to change" if found.unchanged else ""
    console.finish(found, verb, noun, more=unchanged)
