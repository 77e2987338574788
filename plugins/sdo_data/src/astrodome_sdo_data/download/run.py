"""A plan carried out by several threads, beside other processes that may do the same."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from astrodome import AstrodomeError, compute
from astrodome_solar import metadata

from .. import manifest
from . import plan as planning
from .fetch import ELSEWHERE, Result, Transfer
from .plan import Plan, Wish

FOLD = 60.0
"""Seconds between two writings of the manifest, for whoever looks at it meanwhile."""
ROUNDS = 3
"""How often images are looked at again that another process has brought meanwhile."""

Advance = Callable[[Result], object]


@dataclass
class Report:
    """What a download came to, in images.

    ``there`` were so before, ``completed`` lacked a header or parameters, ``checked`` were found
    good; ``skipped`` counts by the reason's first words; ``missing`` and ``failed`` hold (file
    name, reason); ``left`` were not reached; ``damaged`` are files that were moved aside.
    """

    planned: int = 0
    there: int = 0
    downloaded: int = 0
    completed: int = 0
    checked: int = 0
    bytes: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    missing: list[tuple[str, str]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    left: int = 0
    damaged: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether every image is there that is not skipped."""
        return not (self.missing or self.failed or self.left)

    def problems(self) -> list[dict[str, str]]:
        """A record for each image that is not there, in the order of time."""
        found = [(name, manifest.MISSING, why) for name, why in self.missing]
        found += [(name, manifest.FAILED, why) for name, why in self.failed]
        return [
            {"image": name, "status": status, "reason": why} for name, status, why in sorted(found)
        ]

    def as_dict(self) -> dict[str, Any]:
        return {
            "planned": self.planned,
            "there": self.there,
            "downloaded": self.downloaded,
            "completed": self.completed,
            "checked": self.checked,
            "bytes": self.bytes,
            "skipped": self.skipped,
            "missing": len(self.missing),
            "failed": len(self.failed),
            "not_reached": self.left,
            "damaged": self.damaged,
            "problems": self.problems(),
        }

    def add(self, result: Result) -> None:
        if result.moved:
            self.damaged.append(result.moved)
        if result.status == manifest.DONE:
            self.downloaded += bool(result.bytes)
            self.completed += result.parts and not result.bytes
            self.checked += not (result.parts or result.bytes)
            self.bytes += result.bytes
        elif result.status == manifest.SKIPPED:
            self.skip(result.reason)
        elif result.status == manifest.MISSING:
            self.missing.append((result.file_name, result.reason))
        else:
            self.failed.append((result.file_name, result.reason))

    def close(self) -> None:
        """Count what was not reached, and bring the rest into order."""
        reached = self.there + self.downloaded + self.completed + self.checked
        reached += sum(self.skipped.values()) + len(self.missing) + len(self.failed)
        self.left = self.planned - reached
        self.missing.sort()
        self.failed.sort()

    def skip(self, reason: str, count: int = 1) -> None:
        kind = " ".join(reason.split()[:2]).removeprefix("Its ").removeprefix("The ").lower()
        self.skipped[kind] = self.skipped.get(kind, 0) + count


def prepare(wish: Wish, folder: Path, *, retry_missing: bool = False, verify: bool = False) -> Plan:
    """What there is to do for a wish in a folder; nothing is fetched or written."""
    known = manifest.current(folder)
    return planning.plan(wish, folder, known, retry_missing=retry_missing, verify=verify)


def download(plan: Plan, *, jobs: int = 8, advance: Advance | None = None) -> Report:
    """Carry out a plan with ``jobs`` transfers at a time, never more than the source bears.

    ``advance`` is called with each :class:`Result`. The manifest and, if the wish has it,
    ``meta.csv`` are written at the end, also when the work is broken off. Raises
    AstrodomeError when the target is full, read-only or no folder.
    """
    with manifest.opened(plan.folder) as book:
        book.fold(plan.planned())
        report = Report(len(plan.rows))
        _count_resting(plan.rows, report)
        try:
            current = plan
            for _ in range(ROUNDS):
                elsewhere = _carry_out(current, book, jobs, report, advance)
                if not elsewhere:
                    break
                current = _again(plan, book, elsewhere)
                report.there += int(current.rows["todo"].eq(planning.HAVE).sum())
                current.rows["todo"] = current.rows["todo"].replace(planning.ABSENT, planning.FETCH)
        except BaseException:
            with suppress(OSError, AstrodomeError):  # a full disk: the journal stays
                _close(plan, book)
            raise
        _close(plan, book)
    report.close()
    return report


def _count_resting(rows: pd.DataFrame, report: Report) -> None:
    """Count what the plan leaves alone."""
    report.there = int(rows["todo"].eq(planning.HAVE).sum())
    for reason, count in rows.loc[rows["todo"].eq(planning.SKIP), "reason"].value_counts().items():
        report.skip(str(reason), int(count))
    absent = rows[rows["todo"].eq(planning.ABSENT)]
    report.missing += list(zip(absent["file_name"], absent["reason"], strict=True))


def _carry_out(
    plan: Plan, book: manifest.Book, jobs: int, report: Report, advance: Advance | None
) -> list[str]:
    """Do what a plan has to do; gives the images that another process has brought."""
    doing = plan.doing().index.tolist()
    if not doing:
        return []
    size = plan.about.batch
    if not book.alone():  # begin where the others most likely do not, and look again each time
        start = random.randrange(len(doing))
        doing = doing[start:] + doing[:start]
        size = 1
    transfer = Transfer(plan, book)
    elsewhere = []
    jobs = min(jobs, plan.about.connections, len(doing))
    size = min(size, -(-len(doing) // jobs))
    batches = [doing[start : start + size] for start in range(0, len(doing), size)]
    if limit := getattr(plan.source, "limit", None):
        limit(jobs)
        jobs += jobs // 2  # they verify and publish while the others wait for answers
    ended = compute.map(transfer.work, batches, jobs=jobs, threads=True, stop=transfer.stop)
    folded = time.monotonic()
    for result in _results(transfer, ended):
        if time.monotonic() - folded > FOLD:
            _close(plan, book)
            folded = time.monotonic()
        if result.status == ELSEWHERE:
            elsewhere.append(result.file_name)
        else:
            report.add(result)
        if advance:
            advance(result)
    return elsewhere


def _results(
    transfer: Transfer, ended: Iterator[compute.ItemResult[Sequence[int], list[Result]]]
) -> Iterator[Result]:
    for done in ended:
        if done.value is None:
            yield from transfer.failed(done.item, done.error)
        else:
            yield from done.value


def _again(plan: Plan, book: manifest.Book, names: Sequence[str]) -> Plan:
    """The plan for these images as things are now."""
    new = planning.plan(plan.wish, plan.folder, book.view())
    wanted = new.rows["file_name"].isin(names)
    rows, record = (table[wanted].reset_index(drop=True) for table in (new.rows, new.record))
    return Plan(new.wish, new.folder, new.source, new.about, rows, record)


def _close(plan: Plan, book: manifest.Book) -> None:
    table = book.fold()
    if plan.wish.metadata:
        whole = table["status"].eq(manifest.DONE) & table["has_header"]
        metadata.add_table(plan.folder, table[whole])
