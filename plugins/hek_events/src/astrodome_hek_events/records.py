"""Convert HEK records to rows with typed columns.

In HEK records, a missing value can be null, an empty string or a missing field, and a number can be
a string. If a value is missing or invalid, the column is null. The record itself is stored
unchanged. The fields are described in the HEK event specification
(https://www.lmsal.com/hek/VOEvent_Spec.html).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import shapely
from astrodome import AstrodomeError, times

from . import wkt

TEXT_COLUMNS = {
    "obs_observatory": "observatory",
    "obs_instrument": "instrument",
    "obs_channelid": "channel",
    "frm_name": "feature recognition method",
    "fl_goescls": "GOES class of a flare",
    "hpc_coord": "center as WKT, in helioprojective coordinates (arcsec)",
    "hpc_bbox": "bounding box as WKT, in helioprojective coordinates (arcsec)",
    "hpc_boundcc": "outline as WKT, in helioprojective coordinates (arcsec)",
}
NUMBER_COLUMNS = {
    "hpc_x": "helioprojective longitude of the center, in arcsec",
    "hpc_y": "helioprojective latitude of the center, in arcsec",
    "event_probability": "probability of the detection (0 to 1)",
}
CORNER_COLUMNS = ("hpc_x_min", "hpc_y_min", "hpc_x_max", "hpc_y_max")
"""Columns with the limits of the axis-aligned bounding box of ``hpc_bbox``, in arcsec."""
TIME_COLUMNS = ("event_starttime", "event_endtime")
MAX_KEY_LENGTH = 500
"""Maximum number of characters in ids, event types and times that databases can index."""
MAX_TEXT_LENGTH = 100_000
"""Maximum number of characters in all other strings. CSV readers may not support longer strings."""

DURATION_CLASSES = range(8, 25)
"""Duration classes of events. An event in class k lasts at most 2^k seconds.

The last class contains all longer events. If an event in class k is in progress at a time t, it
started at most 2^k seconds before t. An index on class and start time can therefore be used to
find all events in progress.
"""


def label(record: Any, number: int) -> str:
    """Return the name of a record for messages: its id or, if it has no id, its number."""
    identifier = record.get("kb_archivid") if isinstance(record, Mapping) else None
    text = str(identifier or "").strip().encode("unicode_escape").decode()
    return f"{text:.100}" if text else f"record {number}"


def to_list(events: Any) -> list[Any]:
    """Convert events to a list of records.

    ``events`` is a DataFrame, a single record or an iterable of records. In a DataFrame, missing
    values are converted to None, and times to strings. Raises AstrodomeError if ``events`` has a
    different type.
    """
    if isinstance(events, Mapping):
        return [events]
    if hasattr(events, "to_dict"):  # a DataFrame
        frame = events.astype(object)
        rows = frame.where(frame.notna(), None).to_dict("records")
        return [
            {k: v.isoformat() if isinstance(v, datetime) else v for k, v in row.items()}
            for row in rows
        ]
    if isinstance(events, str) or not isinstance(events, Iterable):
        raise AstrodomeError(
            f"Invalid events: expected HEK records or a DataFrame, got {type(events).__name__}."
        )
    return list(events)


def to_row(record: Any) -> dict[str, Any]:
    """Convert a HEK record to a row of the table ``hek_records``.

    The columns in ``CORNER_COLUMNS`` are not included; :func:`add_corners` adds them. Raises
    ValueError if the record is not a mapping, or if its id, event type, start time or end time is
    missing or invalid.
    """
    if not isinstance(record, Mapping):
        raise ValueError(f"expected a JSON object, got {type(record).__name__}")
    row: dict[str, Any] = {
        "kb_archivid": _required(record, "kb_archivid"),
        "event_type": _required(record, "event_type").upper(),
    }
    for field in TIME_COLUMNS:
        row[field] = parse_time(record, field)
    for field in TEXT_COLUMNS:
        text = _text(record, field)
        row[field] = text if text is None or len(text) <= MAX_TEXT_LENGTH else None
    for field in NUMBER_COLUMNS:
        row[field] = parse_number(record.get(field))
    noaa = parse_number(record.get("ar_noaanum"))
    row["ar_noaanum"] = int(noaa) if noaa and noaa > 0 else None
    try:
        row["event_peaktime"] = parse_time(record, "event_peaktime")
    except ValueError:
        row["event_peaktime"] = None
    row["duration_class"] = duration_class(row["event_starttime"], row["event_endtime"])
    return row


def duration_class(start: datetime, end: datetime) -> int:
    """Return the duration class of an event (see ``DURATION_CLASSES``)."""
    seconds = math.ceil((end - start).total_seconds())
    exponent = (seconds - 1).bit_length() if seconds > 0 else 0
    return min(max(DURATION_CLASSES[0], exponent), DURATION_CLASSES[-1])


def add_corners(rows: Sequence[dict[str, Any]]) -> None:
    """Add the columns in ``CORNER_COLUMNS`` to each row.

    The values are None if ``hpc_bbox`` is not a valid polygon.
    """
    shapes = wkt.parse([row["hpc_bbox"] for row in rows])
    shapes[shapely.get_dimensions(shapes) < 2] = None
    for row, bounds in zip(rows, shapely.bounds(shapes).tolist(), strict=True):
        valid = all(map(math.isfinite, bounds))
        row.update(zip(CORNER_COLUMNS, bounds if valid else [None] * 4, strict=True))


def to_json(record: Any) -> str:
    """Convert a record to a JSON string. NaN and infinity are replaced by null.

    Raises TypeError if the record contains an object that is not JSON serializable.
    """
    try:
        return json.dumps(record, allow_nan=False)
    except ValueError:
        finite = json.loads(json.dumps(record), parse_constant=lambda _: None)
        return json.dumps(finite)


def _required(record: Mapping[str, Any], field: str) -> str:
    text = _text(record, field)
    if text is None or not text.strip():
        raise ValueError(f"missing {field}")
    if not isinstance(record[field], str) and field not in TIME_COLUMNS:
        raise ValueError(f"invalid {field}: expected a string, got {text:.40}")
    if len(text) > MAX_KEY_LENGTH:
        raise ValueError(
            f"invalid {field}: expected at most {MAX_KEY_LENGTH} characters, got {len(text)}"
        )
    return text


def _text(record: Mapping[str, Any], field: str) -> str | None:
    value = record.get(field)
    if value is None or value == "":
        return None
    text = str(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"invalid Unicode character in {field}") from None
    if "\0" in text:  # PostgreSQL cannot store null characters.
        raise ValueError(f"invalid Unicode character in {field}")
    return text


def parse_number(value: Any) -> float | None:
    """Convert a value to a number, or return None if it is not a valid coordinate.

    The limit for coordinates also applies to probabilities and NOAA region numbers, which are
    smaller.
    """
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if abs(number) < wkt.MAX_COORDINATE else None


def parse_time(record: Mapping[str, Any], field: str) -> datetime:
    """Return the time in a field, in UTC. Raises ValueError if it is missing or invalid."""
    text = _required(record, field)
    try:
        return times.naive(datetime.fromisoformat(text))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"invalid {field}: expected ISO 8601, got {text!r:.40}") from error
