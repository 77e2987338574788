"""Use the regions of HEK events as ground truth for pixels.

The outline or bounding box of an event is its position at the start of the event, as seen from
the Earth. This position is rotated with the Sun to the time of the image. The geometry of image
files is read from the metadata table in their folder. All SDO ML frames have the same geometry.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from astrodome import AstrodomeError, sources
from astrodome_solar.geometry import ImageGeometry, rotate_positions
from astrodome_solar.times import parse_time
from numpy.typing import NDArray

from ..protocols import ImageSet
from .ground_truth import LabeledImage, labeled_image

OUTLINES = ("hpc_boundcc", "hpc_bbox")
"""HEK fields that contain WKT polygons in helioprojective coordinates, in arcseconds.

The first field that is not empty is used."""
MAX_STEP = 20
"""Maximum distance between neighboring vertices of an outline, in arcseconds."""


class EventRegions:
    """Ground truth whose masks are the regions of events observed at the time of each image.

    ``types`` are HEK event types, and ``source`` is the name of a registered source of the kind
    ``events``. An image is skipped if its time or geometry is unknown, or if no events were
    observed at this time.
    """

    def __init__(self, images: ImageSet, types: Sequence[str], source: str = "") -> None:
        try:
            import shapely  # noqa: F401
        except ImportError as error:
            raise AstrodomeError(
                "The ground truth 'events' requires shapely, which is not installed.",
                "pip install 'astrodome-sood[events]'",
            ) from error
        self._images, self._types = images, list(types)
        catalogue = sources.get("events", source)
        self._found: dict[int, tuple[ImageGeometry, list[dict[str, Any]]]] = {}
        problem = "No image has a time."
        for index in range(len(images)):
            if not (t_obs := images.describe(index).get("t_obs")):
                continue
            time = parse_time(str(t_obs))
            events = catalogue.search(time, time, self._types)
            events = [event for event in events if any(event.get(key) for key in OUTLINES)]
            if not events:
                problem = f"No events of type {', '.join(types)} found at the times of the images."
                continue
            try:
                self._found[index] = images.geometry(index), events  # type: ignore[attr-defined]
            except AstrodomeError as error:
                problem = error.message
        if not self._found:
            raise AstrodomeError(
                f"No event regions found in the images. {problem}",
                "The source of the HEK events must contain events at the image times, and "
                "meta.csv must contain the geometry of the images.",
            )

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[LabeledImage]:
        for index, (geometry, events) in self._found.items():
            mask = np.any([region(event, geometry) for event in events], axis=0)
            yield labeled_image(self._images, index, "events", mask=mask)

    def about(self) -> dict[str, Any]:
        """Return a description of the ground truth for the evaluation results."""
        return {
            "reference": "events",
            "event_types": self._types,
            "events": sum(len(events) for _, events in self._found.values()),
            "left_out": len(self._images) - len(self._found),
        }

    def warnings(self) -> list[str]:
        """Return warnings about the ground truth."""
        return []


def region(event: dict[str, Any], geometry: ImageGeometry) -> NDArray[np.bool_]:
    """Return the mask of the event region in an image with the given geometry.

    The mask has the shape (H, W), and row 0 is the northernmost row. It is False everywhere if the
    outline of the event is invalid or not visible.
    """
    from shapely import wkt
    from shapely.errors import ShapelyError
    from skimage.draw import polygon2mask

    mask = np.zeros((geometry.height, geometry.width), bool)
    try:
        shape = wkt.loads(next(event[key] for key in OUTLINES if event.get(key)))
    except ShapelyError:
        return mask
    for part in getattr(shape, "geoms", [shape]):
        if part.geom_type != "Polygon" or part.is_empty:
            continue
        outline = np.asarray(part.segmentize(MAX_STEP).exterior.coords)[:, :2]
        since: datetime = parse_time(str(event["event_starttime"]))
        positions, visible = rotate_positions(
            outline, np.full(len(outline), since, object), geometry
        )
        if visible.any():
            corners = geometry.to_pixel(positions)[:, ::-1] - 0.5
            mask |= polygon2mask(mask.shape, corners)
    return mask
