"""From the archives into the store, month by month: find, fetch, validate, merge.

What is there is not fetched again: the store knows the names of the files that it was made
from. A month whose files did not all come is named, and the same command goes on with it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from astrodome import AstrodomeError, compute, files

from ..store.flux_store import Store
from ..store.samples import Samples
from .client import Client, DayFile
from .workers import read_all

ATTEMPTS = 4
"""How often a file is asked for before it counts as failed."""
BACKOFF = 0.5
"""Seconds before the second attempt; doubled for each that follows."""
LONGEST_PAUSE = 60.0
GIVES_UP = 4
"""Months in a row whose directory pages do not come, after which the rest is not tried."""
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Month:
    """The days of one month that are wanted, ``first`` and ``last`` included."""

    first: date
    last: date

    @property
    def name(self) -> str:
        return f"{self.first:%Y-%m}"

    def days(self) -> list[date]:
        return [self.first + n * DAY for n in range((self.last - self.first).days + 1)]


@dataclass
class Months(compute.Outcome):
    """What became of the months, and the days for which no archive has a file."""

    missing: list[date] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        days = [day.isoformat() for day in self.missing]
        return {**super().as_dict(), "days_without_file": days}


@dataclass(frozen=True)
class Order:
    """What to fetch: ``satellite`` is a GOES number or 0 for the highest-numbered of each day."""

    satellite: int = 0
    resolution: str = "1m"
    jobs: int = 5


def months(first: date, last: date) -> Iterator[Month]:
    """The days from first to last, both included, by month."""
    while first <= last:
        following = (first.replace(day=28) + 4 * DAY).replace(day=1)
        yield Month(first, min(last, following - DAY))
        first = following


def download(
    store: Store,
    client: Client,
    first: date,
    last: date,
    order: Order,
    progress: Callable[[int], None] = lambda days: None,
) -> Months:
    """Bring the days from first to last, both included, into the store.

    A month that fails is named with its reason and stops no other. Several processes
    may download into one store: each month is fetched by one of them.
    """
    outcome = Months()
    in_a_row = 0
    for month in months(first, last):
        folder = store.folder / ".files" / month.name
        if in_a_row >= GIVES_UP:
            outcome.failed.append((month.name, f"not tried after {GIVES_UP} failures in a row"))
            continue
        with files.lock(folder.with_suffix(".lock")):
            answered = _month(store, client, month, order, folder, outcome)
        in_a_row = 0 if answered else in_a_row + 1
        progress(len(month.days()))
    return outcome


def _month(
    store: Store, client: Client, month: Month, order: Order, folder: Path, outcome: Months
) -> bool:
    """Bring one month; tells whether the archives answered at all."""
    try:
        chosen = choose(client, month, order)
        stored = store.origins(np.datetime64(month.first, "M"))
        wanted = {item.name: item for item in chosen if item.name not in stored}
        absent = sorted(set(month.days()) - {item.day for item in chosen})
        good, reasons = _fetched(client, wanted, folder, order.jobs)
        if good:
            store.merge(np.concatenate(list(good.values())), list(good))
        store.derive(np.datetime64(month.first, "M"))
    except AstrodomeError as error:
        outcome.failed.append((month.name, error.message))
        return False
    shutil.rmtree(folder, ignore_errors=True)
    if reasons:
        each = "; ".join(f"{name}: {why}" for name, why in reasons.items())
        of = f"{len(reasons)} of {len(chosen)} files did not come"
        outcome.failed.append((month.name, f"{of}: {each}"))
    elif not chosen:
        outcome.failed.append((month.name, "the archives hold no file of it"))
    else:
        outcome.missing += absent
        outcome.done += bool(wanted)
        outcome.skipped += not wanted
    return True


def choose(client: Client, month: Month, order: Order) -> list[DayFile]:
    """The files to fetch: those of one satellite, or of the highest-numbered one a day.

    The highest satellites are looked at first, and only as many as the days need. Raises
    AstrodomeError when an archive does not answer.
    """
    wanted = set(month.days())
    chosen: dict[date, DayFile] = {}
    for satellite in client.satellites(month.first, month.last):
        if order.satellite and satellite not in (0, order.satellite):
            continue
        for found in client.find(month.first, month.last, satellite, order.resolution):
            before = chosen.get(found.day)
            fits = not order.satellite or found.satellite == order.satellite
            if fits and (before is None or found.satellite > before.satellite):
                chosen[found.day] = found
        if wanted <= chosen.keys():
            break
    return [chosen[day] for day in sorted(chosen)]


def _fetched(
    client: Client, wanted: dict[str, DayFile], folder: Path, jobs: int
) -> tuple[dict[str, Samples], dict[str, str]]:
    """The samples of the files by name, and the reasons why some did not come.

    What an earlier, killed run left in ``folder`` is used if it is sound. A file that cannot be
    read, a web page instead of data for instance, is deleted and fetched again.
    """
    good: dict[str, Samples] = {}
    reasons: dict[str, str] = {}
    pause = 0.0
    for attempt in range(ATTEMPTS + 1):
        missing = [item for name, item in wanted.items() if name not in good]
        if missing and attempt:
            time.sleep(min(LONGEST_PAUSE, pause) if pause else 0)
            told, asked = client.bring(missing, folder, jobs)
            pause = max(asked, BACKOFF * 2 ** (attempt - 1))
            reasons |= told
        present = [folder / item.name for item in missing if (folder / item.name).exists()]
        for read in read_all(present):
            if read.value is None:
                reasons[read.item.name] = read.error
                read.item.unlink(missing_ok=True)
            else:
                good[read.item.name] = read.value
                reasons.pop(read.item.name, None)
        if len(good) == len(wanted):
            break
    return good, reasons
