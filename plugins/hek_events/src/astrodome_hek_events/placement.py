"""Convert HEK events to shapes, and transform the shapes to pixel coordinates of an image."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from astrodome import AstrodomeError
from astrodome_solar.formats.reading import read_image
from astrodome_solar.formats.solar_image import SolarImage
from astrodome_solar.geometry import ImageGeometry, rotate_positions
from shapely.geometry.base import BaseGeometry

from . import records, wkt
from .store.queries import TIME_MARGIN

if TYPE_CHECKING:
    import pandas as pd
    from sunpy.map import GenericMap

NOT_ROTATING = frozenset({"CE"})
"""Types of events that move away from the Sun, such as coronal mass ejections.

These events are not rotated, and their positions are only valid for an observer on Earth.
"""
ANY = "any"


@dataclass(frozen=True)
class Event:
    """An event with its time range (UTC), shape, observatory, instrument and wavelengths.

    ``shape`` is in helioprojective coordinates in arcsec. It is a polygon, a point if the HEK
    record specifies no area, or None. ``shape_field`` is the field in the HEK record that contains
    the shape. ``wavelengths`` are in angstrom.
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
        """Return whether the event matches a time, observatory, instrument and wavelength.

        Names are case-insensitive. The name ``any`` matches all observatories or instruments, and
        the wavelength 0 matches all wavelengths.
        """
        return (
            self.start - TIME_MARGIN <= time <= self.end + TIME_MARGIN
            and observatory.lower() in ("", ANY, self.observatory.lower())
            and instrument.lower() in ("", ANY, self.instrument.lower())
            and (not wavelength or wavelength in self.wavelengths)
        )


@dataclass(frozen=True)
class PlacedEvent:
    """An event in an image. ``shape`` is in pixel coordinates.

    ``is_visible`` is False if the event is behind the limb.
    """

    event: Event
    shape: BaseGeometry
    is_visible: bool

    @property
    def has_area(self) -> bool:
        return self.shape.area > 0


def parse_events(
    events: pd.DataFrame | Mapping[str, Any] | Iterable[Mapping[str, Any]], outlines: bool = False
) -> list[Event]:
    """Return the events in HEK records.

    The shape of each event is its bounding box. If ``outlines`` is True, the outline is used
    instead, if available. Bounding boxes without area are ignored: HEK uses them for events that
    have only a position, and they are not always at that position. Raises AstrodomeError if a
    record has no valid start time and end time.
    """
    rows = records.to_list(events)
    fields = ["hpc_boundcc", "hpc_bbox"] if outlines else ["hpc_bbox", "hpc_boundcc"]
    fields.append("hpc_coord")
    texts = [row.get(name) if isinstance(row, Mapping) else None for row in rows for name in fields]
    shapes = wkt.parse(texts).reshape(-1, len(fields))
    parsed = []
    for number, (row, found) in enumerate(zip(rows, shapes, strict=True), start=1):
        try:
            parsed.append(_event(row, dict(zip(fields, found, strict=True))))
        except ValueError as error:
            raise AstrodomeError(f"Invalid event {records.label(row, number)}: {error}.") from error
    return parsed


def place_events(
    events: Sequence[Event], geometry: ImageGeometry, rotate: bool = True
) -> list[PlacedEvent]:
    """Return the events that have a shape, with their shapes in pixel coordinates of the image.

    If ``rotate`` is True, the shapes are rotated with the Sun from the start of the event to the
    time of the image. The shapes are then clipped to the image; shapes outside the image become
    empty. Raises AstrodomeError if the geometry is invalid.
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
            "Cannot compute event positions: the observer position or the scale in the "
            "image header is invalid.",
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
    events: pd.DataFrame | Mapping[str, Any] | Iterable[Mapping[str, Any]],
    *,
    outlines: bool = False,
    rotate: bool = True,
) -> pd.DataFrame:
    """Compute the bounding boxes of events in pixel coordinates of an image.

    Parameters
    ----------
    image : SolarImage, sunpy.map.GenericMap, str or os.PathLike
        The image, or the path of an image file that :func:`astrodome_solar.read_image` supports.
    events : pandas.DataFrame, dict or iterable of dict
        Events from :meth:`EventStore.query` or :func:`search`, or HEK records.
    outlines : bool, optional
        Whether to use the outline of each event instead of its bounding box, if available.
    rotate : bool, optional
        Whether to rotate the events with the Sun from their start time to the time of the image.

    Returns
    -------
    pandas.DataFrame
        One row for each event with a position. ``kb_archivid`` and ``event_type`` identify the
        event. ``is_visible`` is False if the event is behind the limb. ``x_min_px``,
        ``y_min_px``, ``x_max_px`` and ``y_max_px`` are the limits of the bounding box, or NaN if
        the event is outside the image. ``shape`` is a shapely geometry that is clipped to the
        image. The origin of the pixel coordinates is the upper left corner of the image.

    Raises
    ------
    AstrodomeError
        If the image cannot be read, if its geometry is unknown, or if an event is invalid.

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

    placed = place_events(parse_events(events, outlines), to_solar_image(image).geometry, rotate)
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
    """Convert a sunpy map to a SolarImage, or read the image from a file."""
    if isinstance(image, SolarImage):
        return image
    if isinstance(image, str | os.PathLike):
        return read_image(image)
    return SolarImage.from_map(image)


def _event(row: Any, shapes: dict[str, Any]) -> Event:
    if not isinstance(row, Mapping):
        raise ValueError(f"expected a dict, got {type(row).__name__}")
    event_type = str(row.get("event_type") or "").upper()
    x, y = (records.parse_number(row.get(name)) for name in ("hpc_x", "hpc_y"))
    if x is not None and y is not None:
        shapes["hpc_x, hpc_y"] = shapely.Point(x, y)
    field = next((name for name, shape in shapes.items() if _is_usable(name, shape)), "")
    shape = shapes.get(field)
    return Event(
        str(row.get("kb_archivid") or ""),
        event_type,
        records.parse_time(row, "event_starttime"),
        records.parse_time(row, "event_endtime"),
        shape.centroid if shape is not None and field == "hpc_coord" else shape,
        field,
        _label(row, event_type),
        str(row.get("obs_observatory") or ""),
        str(row.get("obs_instrument") or ""),
        _wavelengths(row),
    )


def _is_usable(field: str, shape: Any) -> bool:
    has_area = field in ("hpc_bbox", "hpc_boundcc")
    return shape is not None and (shape.area > 0 or not has_area)


def _wavelengths(row: Mapping[str, Any]) -> frozenset[int]:
    """Return the wavelengths in ``obs_channelid``, for example 171 and 193 for ``171, 193``.

    If ``obs_channelid`` contains no wavelength (for example ``EUV``), ``search_channelid`` is used.
    """
    for field in ("obs_channelid", "search_channelid"):
        if found := re.findall(r"\d+", str(row.get(field) or "")):
            return frozenset(map(int, found))
    return frozenset()


def _label(row: Mapping[str, Any], event_type: str) -> str:
    """Return the GOES class of a flare or the NOAA number of a region, or an empty string."""
    if event_type not in ("AR", "FL", "SS", "SG"):
        return ""
    return str(row.get("fl_goescls" if event_type == "FL" else "ar_noaanum") or "")
