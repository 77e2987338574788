"""Events of HEK as shapes: which of them an image can show, and where in it they lie."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import shapely
from astrodome import AstrodomeError, times
from astrodome_solar import geometry
from shapely.geometry.base import BaseGeometry

from . import wkt

AROUND = timedelta(seconds=30)
"""How far from the time of an image an event may end or begin."""
NOT_ON_THE_SURFACE = frozenset({"CE"})
"""What leaves the Sun does not turn with it, and only from the Earth lies where HEK says."""
ANY = "any"
FAR = 100_000
"""Distance (arcsec) from the disk beyond which no coronagraph sees anything."""
FIELDS = (
    *("kb_archivid", "event_type", "event_starttime", "event_endtime", "hpc_bbox", "hpc_boundcc"),
    *("hpc_coord", "obs_observatory", "obs_instrument", "obs_channelid", "search_channelid"),
    *("ar_noaanum", "fl_goescls"),
)
"""What is needed of a record's 186 fields."""


@dataclass(frozen=True)
class Event:
    """One event: its type, when it began and ended (UTC), and its shape (arcsec).

    ``shape`` is a polygon, a point where HEK gives no area, or None; ``kind`` says which field
    of HEK it comes from.
    """

    identity: str
    event_type: str
    start: datetime
    end: datetime
    shape: BaseGeometry | None
    kind: str
    label: str = ""


@dataclass(frozen=True)
class Placed:
    """An event in an image: its shape in pixels, and whether it is on the side that is seen."""

    event: Event
    shape: BaseGeometry
    seen: bool

    @property
    def has_area(self) -> bool:
        """Whether the shape is more than a point."""
        return self.shape.area > 0


def needed(record: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a record that places an event, small enough to be sent to a worker."""
    return {field: record.get(field) for field in FIELDS}


def observed(record: Mapping[str, Any], observatory: str = ANY, instrument: str = ANY) -> bool:
    """Whether a record is of this observatory and instrument, whatever the case of the letters."""
    wanted = {"obs_observatory": observatory, "obs_instrument": instrument}
    return all(
        name.lower() in ("", ANY) or str(record.get(key) or "").lower() == name.lower()
        for key, name in wanted.items()
    )


def in_channel(record: Mapping[str, Any], wavelength: int) -> bool:
    """Whether a record's channel contains a wavelength (angstrom): ``171, 193`` contains 171.

    Where ``obs_channelid`` names none (EUV), ``search_channelid`` decides.
    """
    for key in ("obs_channelid", "search_channelid"):
        if waves := [int(digits) for digits in re.findall(r"\d+", str(record.get(key) or ""))]:
            return wavelength in waves
    return False


def events(records: Iterable[Mapping[str, Any]], outlines: bool = False) -> list[Event]:
    """The events of records of HEK, with their boxes, or with their outlines where they have some.

    A box without area is none: HEK writes one for events of which it knows only the
    place, and not always at that place.
    """
    fields = ("hpc_boundcc", "hpc_bbox") if outlines else ("hpc_bbox", "hpc_boundcc")
    rows = list(records)
    given = [row.get(field) for row in rows for field in (*fields, "hpc_coord")]
    texts = [text if isinstance(text, str) else None for text in given]
    shapes = wkt.parse(np.array(texts, object).reshape(-1, 3))
    return [
        _event(row, found, (*fields, "hpc_coord")) for row, found in zip(rows, shapes, strict=True)
    ]


def place(
    found: Sequence[Event], view: geometry.ImageGeometry, rotate: bool = True
) -> list[Placed]:
    """Return the events that have a location, with their shapes in pixels of the view.

    The shapes are rotated with the Sun to the time of the view; without ``rotate`` they keep the
    location at the start of the event. Shapes are clipped at the edge of the image, and are empty
    if they are outside of it. Raises AstrodomeError if the view has an invalid observer or scale.
    """
    located = [event for event in found if event.shape is not None]
    shapes = np.array([event.shape for event in located], object)
    points, owner = shapely.get_coordinates(shapes, return_index=True)
    since = np.array([event.start for event in located], object)[owner]
    leaving = np.array([event.event_type in NOT_ON_THE_SURFACE for event in located], bool)[owner]
    seen = np.full(len(points), view.from_earth)
    points[~leaving], seen[~leaving] = geometry.rotate_positions(
        points[~leaving], since[~leaving], view, rotate
    )
    pixels = view.to_pixel(points)
    if not np.isfinite(pixels).all():
        raise AstrodomeError(
            "Events cannot be placed in the image: the observer's position or the scale in its "
            "header is invalid.",
            "Check DSUN_OBS, HGLN_OBS, HGLT_OBS, CDELT and CRPIX.",
        )
    shapes = shapely.set_coordinates(shapes.copy(), pixels)
    frame = shapely.box(0, 0, view.width, view.height)
    cut = shapely.intersection(shapely.make_valid(shapes), frame)
    visible = np.bincount(owner, seen, len(located)) > 0
    return [Placed(e, s, bool(v)) for e, s, v in zip(located, cut, visible, strict=True)]


def _event(row: Mapping[str, Any], shapes: Sequence[Any], fields: Sequence[str]) -> Event:
    shape, kind = None, ""
    for geom, field in zip(shapes, fields, strict=True):
        point = field == "hpc_coord"
        near = geom is not None and max(map(abs, geom.bounds), default=FAR) < FAR
        if near and (point or geom.area > 0):
            shape, kind = (geom.centroid if point else geom), field
            break
    code = str(row.get("event_type") or "").upper()
    return Event(
        str(row.get("kb_archivid") or ""),
        code,
        _time(row, "event_starttime"),
        _time(row, "event_endtime"),
        shape,
        kind,
        _label(row, code),
    )


def _label(row: Mapping[str, Any], code: str) -> str:
    """What a person calls it: the number of a region, the class of a flare."""
    detail = str(row.get("fl_goescls" if code == "FL" else "ar_noaanum") or "")
    return detail if code in ("AR", "FL", "SS", "SG") else ""


def _time(row: Mapping[str, Any], field: str) -> datetime:
    value = row.get(field)
    found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return times.naive(found)
