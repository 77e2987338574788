"""What a marshal says of sources, as columns beside them: one row a source, or one a statement."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from astrodome import AstrodomeError, compute, settings

from ...catalogues import positions
from ...tables import identifiers
from .. import journal as journals
from ..idempotent_writes import Breaker

JOINED = ("classification", "probability", "period_origin", "period", "labellers", "sum_votes")
"""Columns that are added; several values are joined by ``;``, in the same order."""
STATUS = "status"
NAME = "marshal_obj_id"
"""Column for the name on the marshal, if the table has different values in ``obj_id``."""
NOT_FOUND = "not found"
KEPT = 24 * 3600
"""Seconds for which a stopped download is gone on with."""


@dataclass
class Found:
    """What is known of a row: its source, or why there is none."""

    number: int
    source: dict[str, Any] | None
    status: str

    @property
    def failed(self) -> bool:
        return self.status.startswith("failed")


@dataclass
class Progress:
    """What a download has so far, a line a row in a file, so that a stopped one goes on."""

    path: Path
    rows: dict[int, Found] = field(default_factory=dict)

    @classmethod
    def of(cls, *parts: Any) -> Progress:
        """The one of a download that is told by these parts, if it was stopped not long ago."""
        path = settings.home() / "scope" / "downloads" / f"{journals.key(*parts)[:24]}.jsonl"
        progress = cls(path)
        if path.is_file() and time.time() - path.stat().st_mtime > KEPT:
            path.unlink()
        if path.is_file():
            for line in path.read_bytes().splitlines():
                with suppress(ValueError, KeyError, TypeError):  # a last line that was cut
                    one = json.loads(line)
                    found = Found(int(one["row"]), one["source"], one["status"])
                    progress.rows[found.number] = found
        return progress

    def add(self, found: Found) -> None:
        self.rows[found.number] = found
        line = {"row": found.number, "source": found.source, "status": found.status}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, b"\n" + json.dumps(line).encode())
        finally:
            os.close(handle)

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)


def of_rows(
    marshal: Any,
    table: pd.DataFrame,
    progress: Progress,
    *,
    origin: object = "The table",
    start: int = 0,
    radius: float = 2.0,
    jobs: int = 8,
    watch: Callable[[], object] = lambda: None,
) -> list[Found]:
    """The source of every row from ``start`` on, by ``obj_id`` and else within ``radius`` (arcsec).

    Raises AstrodomeError when the table has neither names nor positions.
    """
    place = positions.coordinates(table, origin)
    if "obj_id" not in table and place is None:
        raise AstrodomeError(
            f"{origin} has no column 'obj_id', and no columns 'ra' and 'dec' (deg).", exit_code=2
        )
    names = table["obj_id"] if "obj_id" in table else [""] * len(table)
    ra, dec = place if place is not None else ([math.nan] * len(table),) * 2
    breaker = Breaker()

    def look(item: tuple[int, tuple[str, float, float]]) -> Found:
        number, row = item
        try:
            breaker.check()
            found = Found(number, *_look(marshal, *row, radius))
        except AstrodomeError as error:
            breaker.saw(error)
            return Found(number, None, f"failed: {error.message}")
        breaker.saw(None)
        return found

    known = dict(progress.rows)
    todo = (
        (number, row)
        for number, row in enumerate(zip(names, ra, dec, strict=True))
        if number >= start and number not in known
    )
    for done in compute.map(look, todo, jobs=jobs, threads=True):
        found = done.value or Found(done.item[0], None, f"failed: {done.error}")
        if not found.failed:
            progress.add(found)
        known[found.number] = found
        watch()
    before = Found(0, None, "before --start")
    return [known.get(number, before) for number in range(len(table))]


def _look(
    marshal: Any, obj_id: str, ra: float, dec: float, radius: float
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


def beside(table: pd.DataFrame, found: Sequence[Found]) -> pd.DataFrame:
    """Return every row of the table with the columns of :data:`JOINED` and ``status``.

    The column ``obj_id`` contains the name of the source on the marshal. If the table already has
    this column, its values are kept; the names are in the column :data:`NAME` if any of them
    differs. A column of the table that has the name of a new column is renamed to
    ``<name>_input``, unless it comes from an earlier download.
    """
    names = [one.source["id"] if one.source else "" for one in found]
    result = table.copy()
    if "period_origin" in table and STATUS in table:
        result = result.drop(columns=[n for n in (*JOINED, STATUS, NAME) if n in result])
    place = "obj_id"
    if "obj_id" in table:
        own = identifiers.texts(table["obj_id"])
        differ = any(name not in ("", mine) for name, mine in zip(names, own, strict=True))
        place = NAME if differ else ""
    clash = {n: f"{n}_input" for n in (*JOINED, STATUS, place) if n in result}
    result = result.rename(columns=clash)
    if place:
        result[place] = names
    for name in JOINED:
        result[name] = [joined(one.source)[name] if one.source else "" for one in found]
    result[STATUS] = [one.status for one in found]
    return result


def as_rows(sources: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Sources as rows: ``obj_id``, ``ra``, ``dec`` (deg), the columns of :data:`JOINED`, status."""
    rows = [
        {
            **{"obj_id": one["id"], "ra": one["ra"], "dec": one["dec"]},
            **joined(one),
            STATUS: "found by group",
        }
        for one in sources
    ]
    return identifiers.from_records(rows, ["obj_id", "ra", "dec", *JOINED, STATUS])


def joined(source: Mapping[str, Any]) -> dict[str, str]:
    """What is said of a source, as SCoPe writes it: values joined by ``;`` in matching order."""
    classes = source["classifications"]
    periods = [
        (one["origin"], one["data"]["period"])
        for one in source["annotations"]
        if "period" in one["data"]
    ]
    columns: dict[str, Iterable[Any]] = {
        "classification": (one["classification"] for one in classes),
        "probability": (one["probability"] for one in classes),
        "period_origin": (origin for origin, _ in periods),
        "period": (period for _, period in periods),
        "labellers": source["labellers"],
        "sum_votes": (one["votes"] for one in classes),
    }
    return {name: ";".join(map(str, values)) for name, values in columns.items()}


def long(sources: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """A row a statement: ``kind`` is classification, period or labeller.

    Of a classification ``name`` is the class and ``value`` its probability; of a period the
    value is in days.
    """
    rows: list[dict[str, Any]] = []
    for source in sources:
        about = {"obj_id": source["id"], "ra": source["ra"], "dec": source["dec"]}
        for one in source["classifications"]:
            more = {key: one[key] for key in ("taxonomy_id", "origin", "ml", "votes")}
            groups = ";".join(map(str, one["groups"]))
            said = {"kind": "classification", "name": one["classification"]}
            rows.append({**about, **said, "value": one["probability"], **more, "groups": groups})
        for one in source["annotations"]:
            if "period" in one["data"]:
                groups = ";".join(map(str, one["groups"]))
                said = {"kind": "period", "name": "period", "value": one["data"]["period"]}
                rows.append({**about, **said, "origin": one["origin"], "groups": groups})
        rows += [{**about, "kind": "labeller", "name": str(one)} for one in source["labellers"]]
    columns = ("obj_id", "ra", "dec", "kind", "name", "value", "taxonomy_id", "origin", "ml")
    return identifiers.from_records(rows, [*columns, "votes", "groups"])
