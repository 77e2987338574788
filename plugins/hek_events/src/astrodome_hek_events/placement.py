"""HEK events as shapes, and their placement in images."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from astrodome import AstrodomeError, times
from astrodome_solar.formats.reading import read_image
from astrodome_solar.formats.solar_image import SolarImage
from astrodome_solar.geometry import ImageGeometry, rotate_positions
from shapely.geometry.base import BaseGeometry

from . import wkt
from .store.queries import TIME_MARGIN

if TYPE_CHECKING:
    import pandas as pd
    from sunpy.map import GenericMap

NOT_ROTATING = frozenset({"CE"})
"""Types of events that leave the Sun; their position is valid only as seen from the Earth."""
ANY = "any"
MAX_DISTANCE = 100_000
"""Maximum distance of a shape from the centre of the Sun, in arcsec."""


@dataclass(frozen=True)
class Event:
    """An event: its time range (UTC), its shape in arcsec, and what observed it.

    ``shape`` is a polygon, a point if HEK specifies no area, or None; ``shape_field`` is the field
    of HEK that contains it. ``wavelengths`` are in angstrom.
    """

    identifier: str
    event_type: str
    start: datetime
    end: datetime
    shape: BaseGeometry | None
    shape_field: str = ""
    label: str = ""
    observatory: str = ""
    instrument: str = ""
    wavelengths: frozenset[int] = frozenset()

    def matches(
        self, time: datetime, observatory: str = ANY, instrument: str = ANY, wavelength: int = 0
    ) -> bool:
        """Return whether the event was observed at a time, by these instruments.

        Names are compared without regard to case; ``any`` and 0 match everything.
        """
        return (
            self.start - TIME_MARGIN <= time <= self.end + TIME_MARGIN
            and observatory.lower() in ("", ANY, self.observatory.lower())
            and instrument.lower() in ("", ANY, self.instrument.lower())
            and (not wavelength or wavelength in self.wavelengths)
        )


@dataclass(frozen=True)
class PlacedEvent:
    """An event in an image: its shape in pixels, and whether it is on the visible side."""

    event: Event
    shape: BaseGeometry
    is_visible: bool

    @property
    def has_area(self) -> bool:
        return self.shape.area > 0


def parse_events(records: Iterable[Mapping[str, Any]], outlines: bool = False) -> list[Event]:
    """Return the events in records of HEK.

    The shape is the bounding box or, with ``outlines``, the outline if there is one. A box
    without area is ignored: HEK writes such boxes for events with a known position only, and not
    always at that position.
    """
    rows = list(records)
    fields = ["hpc_boundcc", "hpc_bbox"] if outlines else ["hpc_bbox", "hpc_boundcc"]
    fields.append("hpc_coord")
    values = [row.get(field) for row in rows for field in fields]
    texts = [value if isinstance(value, str) else None for value in values]
    shapes = wkt.parse(texts).reshape(-1, len(fields))
    return [
        _event(row, dict(zip(fields, found, strict=True)))
        for row, found in zip(rows, shapes, strict=True)
    ]


def place_events(
    events: Sequence[Event], geometry: ImageGeometry, rotate: bool = True
) -> list[PlacedEvent]:
    """Return the events that have a location, with their shapes in pixels of the geometry.

    The shapes are rotated with the Sun to the time of the image; without ``rotate`` they keep the
    location at the start of the event. Shapes are clipped at the edge of the image, and are empty
    if they are outside of it. Raises AstrodomeError if the geometry is invalid.
    """
    located = [event for event in events if event.shape is not None]
    shapes = np.array([event.shape for event in located], object)
    points, owner = shapely.get_coordinates(shapes, return_index=True)
    starts = np.array([event.start for event in located], object)[owner]
    fixed = np.array([event.event_type in NOT_ROTATING for event in located], bool)[owner]
    visible = np.full(len(points), geometry.from_earth)
    points[~fixed], visible[~fixed] = rotate_positions(
        points[~fixed], starts[~fixed], geometry, rotate
    )
    pixels = geometry.to_pixel(points)
    if not np.isfinite(pixels).all():
        raise AstrodomeError(
            "Events cannot be placed in the image: the observer's position or the scale in its "
            "header is invalid.",
            "Check DSUN_OBS, HGLN_OBS, HGLT_OBS, CDELT and CRPIX.",
        )
    shapes = shapely.set_coordinates(shapes.copy(), pixels)
    frame = shapely.box(0, 0, geometry.width, geometry.height)
    clipped = shapely.intersection(shapely.make_valid(shapes), frame)
    any_visible = np.bincount(owner, visible, len(located)) > 0
    return [
        PlacedEvent(event, shape, bool(seen))
        for event, shape, seen in zip(located, clipped, any_visible, strict=True)
    ]


def boxes_on_image(
    image: SolarImage | GenericMap | str | os.PathLike[str],
    events: pd.DataFrame | Iterable[Mapping[str, Any]],
    *,
    outlines: bool = False,
    rotate: bool = True,
) -> pd.DataFrame:
    """Compute the boxes of events in pixels of an image.

    Parameters
    ----------
    image : SolarImage, sunpy.map.GenericMap, str or os.PathLike
        The image, or a file that :func:`astrodome_solar.read_image` supports.
    events : pandas.DataFrame or iterable of dict
        Events from :meth:`EventStore.query` or :func:`search`, or records of HEK.
    outlines : bool, optional
        Whether to use outlines instead of bounding boxes, if available.
    rotate : bool, optional
        Whether to rotate the events with the Sun from their start to the time of the image.

    Returns
    -------
    pandas.DataFrame
        One row per event that has a position: ``kb_archivid``, ``event_type``, ``is_visible``
        (False behind the limb), ``x_min_px``, ``y_min_px``, ``x_max_px``, ``y_max_px`` and
        ``shape`` (shapely geometry, clipped at the edge of the image). Pixels are counted from
        the upper left corner. The box is NaN for events outside of the image.

    Raises
    ------
    AstrodomeError
        If the image cannot be read or its geometry is unknown.

    Examples
    --------
    >>> event = {
    ...     "kb_archivid": "ivo://example.org/AR_1",
    ...     "event_type": "AR",
    ...     "event_starttime": "2014-01-01T00:00:00",
    ...     "event_endtime": "2014-01-01T02:00:00",
    ...     "hpc_bbox": "POLYGON((-400 100,-250 100,-250 200,-400 200,-400 100))",
    ... }
    >>> boxes = boxes_on_image("images/2014-01-01T000011__171.jpeg", [event])
    >>> boxes[["event_type", "is_visible"]].values.tolist()
    [['AR', True]]
    """
    import pandas as pd

    parsed = parse_events(to_records(events), outlines)
    placed = place_events(parsed, to_solar_image(image).geometry, rotate)
    shapes = [each.shape for each in placed]
    bounds = np.reshape(shapely.bounds(np.array(shapes, object)), (-1, 4)).T
    return pd.DataFrame(
        {
            "kb_archivid": [each.event.identifier for each in placed],
            "event_type": [each.event.event_type for each in placed],
            "is_visible": [each.is_visible for each in placed],
            **dict(zip(("x_min_px", "y_min_px", "x_max_px", "y_max_px"), bounds, strict=True)),
            "shape": shapes,
        }
    )


def to_solar_image(image: SolarImage | GenericMap | str | os.PathLike[str]) -> SolarImage:
    """Return the image of a file or of a sunpy map."""
    if isinstance(image, SolarImage):
        return image
    if isinstance(image, str | os.PathLike):
        return read_image(image)
    return SolarImage.from_map(image)


def to_records(events: pd.DataFrame | Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rows of a table, or records, with None for missing values."""
    import pandas as pd

    if isinstance(events, pd.DataFrame):
        frame = events.astype(object)
        return list(frame.where(frame.notna(), None).to_dict("records"))
    return list(events)


def _event(row: Mapping[str, Any], shapes: Mapping[str, Any]) -> Event:
    event_type = str(row.get("event_type") or "").upper()
    field = next((name for name, shape in shapes.items() if _is_usable(name, shape)), "")
    shape = shapes.get(field)
    return Event(
        str(row.get("kb_archivid") or ""),
        event_type,
        _time(row, "event_starttime"),
        _time(row, "event_endtime"),
        shape.centroid if shape is not None and field == "hpc_coord" else shape,
        field,
        _label(row, event_type),
        str(row.get("obs_observatory") or ""),
        str(row.get("obs_instrument") or ""),
        _wavelengths(row),
    )


def _is_usable(field: str, shape: Any) -> bool:
    if shape is None or max(map(abs, shape.bounds), default=MAX_DISTANCE) >= MAX_DISTANCE:
        return False
    return field == "hpc_coord" or shape.area > 0


def _wavelengths(row: Mapping[str, Any]) -> frozenset[int]:
    """Return the wavelengths in ``171, 193`` or, if the channel contains none (EUV), searched."""
    for field in ("obs_channelid", "search_channelid"):
        if found := re.findall(r"\d+", str(row.get(field) or "")):
            return frozenset(map(int, found))
    return frozenset()


def _label(row: Mapping[str, Any], event_type: str) -> str:
    """Return the class of a flare, or the NOAA number of a region."""
    if event_type not in ("AR", "FL", "SS", "SG"):
        return ""
    return str(row.get("fl_goescls" if event_type == "FL" else "ar_noaanum") or "")


def _time(row: Mapping[str, Any], field: str) -> datetime:
    value = row.get(field)
    return times.naive(value if isinstance(value, datetime) else datetime.fromisoformat(str(value)))
