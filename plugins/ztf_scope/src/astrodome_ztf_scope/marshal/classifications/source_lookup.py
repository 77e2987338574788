"""Find the source of every row of a table on a marshal."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from astrodome import AstrodomeError, compute, settings
from astrodome.errors import reason

from ...catalogues import positions
from .. import journal as journals
from ..batches import CircuitBreaker
from ..protocol import Marshal

NOT_FOUND = "not found"
MAX_AGE = 24 * 3600
"""Time after which an interrupted download starts again, in seconds."""


@dataclass
class SourceMatch:
    """The source of a row, or None; ``status`` is ``found …``, ``not found`` or ``failed: …``."""

    row: int
    source: dict[str, Any] | None
    status: str

    @property
    def failed(self) -> bool:
        return self.status.startswith("failed")


@dataclass
class ResumeFile:
    """The completed rows of a download, in a file with one JSON document per line."""

    path: Path
    matches: dict[int, SourceMatch] = field(default_factory=dict)

    @classmethod
    def open(cls, *key: Any) -> ResumeFile:
        """Read the file of the download that is identified by ``key``, if it is recent."""
        resume = cls(settings.home() / "scope" / "downloads" / f"{journals.key(*key)[:24]}.jsonl")
        if resume.path.is_file() and time.time() - resume.path.stat().st_mtime > MAX_AGE:
            resume.delete()
        if resume.path.is_file():
            for line in resume.path.read_bytes().splitlines():
                with suppress(ValueError, TypeError):  # an incomplete last line
                    match = SourceMatch(**json.loads(line))
                    resume.matches[match.row] = match
        return resume

    def add(self, match: SourceMatch) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, b"\n" + json.dumps(asdict(match)).encode())
        finally:
            os.close(handle)

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
    """Find the source of every row from ``start`` on.

    A source is found by its ``obj_id``, otherwise by its position, within ``radius`` (arcsec).
    Rows in ``resume`` are not requested again. ``on_match`` is called after each row. Raises
    AstrodomeError if the table has neither column.
    """
    coordinates = positions.coordinates(table, origin)
    if "obj_id" not in table and coordinates is None:
        raise AstrodomeError(
            f"{origin} has no column 'obj_id', and no columns 'ra' and 'dec' (deg).", exit_code=2
        )
    names = table["obj_id"] if "obj_id" in table else [""] * len(table)
    ra, dec = coordinates if coordinates is not None else ([math.nan] * len(table),) * 2
    breaker = CircuitBreaker()

    def match_row(item: tuple[int, tuple[str, float, float]]) -> SourceMatch:
        number, row = item
        try:
            breaker.check()
            match = SourceMatch(number, *_find_source(marshal, *row, radius))
        except AstrodomeError as error:
            breaker.record(error)
            return SourceMatch(number, None, f"failed: {reason(error)}")
        breaker.record(None)
        return match

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
    if obj_id:
        source = marshal.source(obj_id)
        if source is not None:
            return source, "found by obj_id"
    if math.isnan(ra) or math.isnan(dec):
        return None, NOT_FOUND
    near = marshal.near(float(ra) % 360, float(dec), radius)
    if not near:
        return None, NOT_FOUND
    return near[0], f"found by position, {near[0]['separation']:.2f} arcsec"
