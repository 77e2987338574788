"""Records as HEK answers them, and the typed columns that are taken from each.

HEK gives missing values as null, as an empty string or not at all, and numbers
also as text. What a column cannot hold is null there; the record itself is kept as
it came. The fields are those of HEK's event specification
(https://www.lmsal.com/hek/VOEvent_Spec.html).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import shapely
from astrodome import times

from . import wkt
from .store.durations import duration_class

TEXTS = (
    "obs_observatory",
    "obs_instrument",
    "obs_channelid",
    "frm_name",
    "fl_goescls",
    "hpc_coord",
    "hpc_bbox",
    "hpc_boundcc",
)
LONGEST = 500
"""Characters in an id, a type or a time; databases cannot index texts of any length."""
LARGEST = 100_000
"""Characters in another text of a column: more is no outline, and no reader of CSV takes it."""
TIMES = ("event_starttime", "event_endtime")
NUMBERS = ("hpc_x", "hpc_y", "event_probability")
CORNERS = ("hpc_x_min", "hpc_y_min", "hpc_x_max", "hpc_y_max")
"""Corners of the upright box (arcsec) around the polygon ``hpc_bbox``."""


def name(record: Any, number: int) -> str:
    """What a record is called in a message: its id or, without one, its place."""
    identity = record.get("kb_archivid") if isinstance(record, Mapping) else None
    shown = str(identity or "").strip().encode("unicode_escape").decode()
    return f"{shown:.100}" if shown else f"record {number}"


def row(record: Any) -> dict[str, Any]:
    """The typed columns of one record, all but ``full_event``.

    The corners are left to :func:`add_corners`, the text of the record to whoever has it.
    Raises ValueError that says what is wrong when the record has no id, type or times, or
    is no record at all.
    """
    if not isinstance(record, Mapping):
        raise ValueError(f"is a {type(record).__name__}, not an event")
    found: dict[str, Any] = {
        "kb_archivid": _needed(record, "kb_archivid"),
        "event_type": _needed(record, "event_type").upper(),
        "event_starttime": _time(_needed(record, "event_starttime"), "event_starttime"),
        "event_endtime": _time(_needed(record, "event_endtime"), "event_endtime"),
    }
    found["duration_class"] = duration_class(found["event_starttime"], found["event_endtime"])
    for field in TEXTS:
        text = _text(record, field)
        found[field] = text if text is None or len(text) <= LARGEST else None
    for field in NUMBERS:
        found[field] = _number(record.get(field))
    noaa = _number(record.get("ar_noaanum"))
    found["ar_noaanum"] = int(noaa) if noaa and 0 < noaa < 1_000_000 else None
    try:
        found["event_peaktime"] = _time(record.get("event_peaktime"), "event_peaktime")
    except ValueError:
        found["event_peaktime"] = None
    return found


def add_corners(rows: Sequence[dict[str, Any]]) -> None:
    """Add ``CORNERS`` to rows, null where ``hpc_bbox`` is missing or no polygon."""
    shapes = wkt.parse([row["hpc_bbox"] for row in rows])
    shapes[shapely.get_dimensions(shapes) < 2] = None
    for row, box in zip(rows, shapely.bounds(shapes).tolist(), strict=True):
        complete = all(math.isfinite(value) for value in box)
        row.update(zip(CORNERS, box if complete else [None] * 4, strict=True))


def _needed(record: Mapping[str, Any], field: str) -> str:
    text = _text(record, field)
    if text is None or not text.strip():
        raise ValueError(f"has no {field}")
    if not isinstance(record[field], str) and field not in TIMES:
        raise ValueError(f"has no text in {field} but {text:.40}")
    if len(text) > LONGEST:
        raise ValueError(f"has {len(text)} characters in {field}")
    return text


def _text(record: Mapping[str, Any], field: str) -> str | None:
    value = record.get(field)
    if value is None or value == "":
        return None
    text = str(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = "\0"
    if "\0" in text:  # half a character, or the one that PostgreSQL does not store
        raise ValueError(f"has characters in {field} that are no text")
    return text


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _time(value: Any, field: str) -> datetime:
    try:
        return times.naive(datetime.fromisoformat(value))
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"has no time in {field} but {value!r:.40}") from error
