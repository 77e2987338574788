"""Find the source on a marshal for every row in a table."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd
from astrodome import AstrodomeError, InvalidInputError, compute, settings
from astrodome.errors import reason

from ...catalogues import positions
from .. import journal as journals
from ..batches import CircuitBreaker
from ..protocol import Marshal

NOT_FOUND = "not found"
MAX_AGE = 24 * 3600
"""Age after which an interrupted download is restarted instead of resumed, in seconds."""


@dataclass
class SourceMatch:
    """The source that matches a row in a table.

    ``row`` is the row number, counted from 0. ``source`` is None if no source was found. ``status``
    is ``not found``, or begins with ``found`` or ``failed:``.
    """

    row: int
    source: dict[str, Any] | None
    status: str

    @property
    def failed(self) -> bool:
        return self.status.startswith("failed")


class ResumeFile:
    """A JSON Lines file with the completed rows of the download that ``key`` identifies.

    A file that is older than :data:`MAX_AGE` is deleted.
    """

    def __init__(self, *key: Any) -> None:
        self.path = settings.home() / "scope" / "downloads" / f"{journals.key(*key)[:24]}.jsonl"
        self.matches: dict[int, SourceMatch] = {}
        if not self.path.is_file():
            return
        if time.time() - self.path.stat().st_mtime > MAX_AGE:
            self.delete()
            return
        for line in self.path.read_bytes().splitlines():
            with suppress(ValueError, TypeError):  # The last line may be incomplete.
                match = SourceMatch(**json.loads(line))
                self.matches[match.row] = match

    def add(self, match: SourceMatch) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(b"\n" + json.dumps(asdict(match)).encode())

    def delete(self) -> None:
        self.path.unlink(missing_ok=True)
        self.matches.clear()


def find_sources(
    marshal: Marshal,
    table: pd.DataFrame,
    resume: ResumeFile | None = None,
    *,
    origin: object = "The table",
    start: int = 0,
    radius: float = 2.0,
    jobs: int = 8,
    on_match: Callable[[], object] = lambda: None,
) -> list[SourceMatch]:
    """Find the source for every row, beginning with row ``start`` (counted from 0).

    Sources are looked up by ``obj_id``. If no source with this name exists, the nearest source
    within ``radius`` arcsec of the position is used. Rows that ``resume`` already contains are not
    looked up again. ``on_match`` is called after each row. Raises AstrodomeError if the table has
    neither the column ``obj_id`` nor the columns ``ra`` and ``dec``.
    """
    coordinates = positions.coordinates(table, origin)
    if "obj_id" not in table and coordinates is None:
        raise InvalidInputError(
            f"{origin} has neither the column 'obj_id' nor the columns 'ra' and 'dec' (deg)."
        )
    names = table["obj_id"] if "obj_id" in table else [""] * len(table)
    ra, dec = coordinates if coordinates is not None else ([math.nan] * len(table),) * 2
    breaker = CircuitBreaker()

    def match_row(item: tuple[int, tuple[str, float, float]]) -> SourceMatch:
        number, row = item
        try:
            with breaker.item():
                return SourceMatch(number, *_find_source(marshal, *row, radius))
        except AstrodomeError as error:
            return SourceMatch(number, None, f"failed: {reason(error)}")

    matches = dict(resume.matches) if resume else {}
    todo = [
        (number, row)
        for number, row in enumerate(zip(names, ra, dec, strict=True))
        if number >= start and number not in matches
    ]
    for done in compute.map(match_row, todo, jobs=jobs, threads=True):
        match = done.value or SourceMatch(done.item[0], None, f"failed: {done.error}")
        matches[match.row] = match
        if resume and not match.failed:
            resume.add(match)
        on_match()
    skipped = SourceMatch(0, None, "before --start")
    return [matches.get(number, skipped) for number in range(len(table))]


def _find_source(
    marshal: Marshal, obj_id: str, ra: float, dec: float, radius: float
) -> tuple[dict[str, Any] | None, str]:
    if obj_id and (source := marshal.source(obj_id)) is not None:
        return source, "found by obj_id"
    known = math.isfinite(ra) and math.isfinite(dec)
    near = marshal.near(float(ra) % 360, float(dec), radius) if known else []
    if not near:
        return None, NOT_FOUND
    return near[0], f"found by position, {near[0]['separation']:.2f} arcsec"
