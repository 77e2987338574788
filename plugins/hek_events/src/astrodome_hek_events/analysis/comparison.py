"""Compare the predicted regions in anomaly maps with the events observed at the same time.

Events and regions are compared in pixel coordinates of the image. An event is *found* if a
predicted region overlaps it. A predicted region is *confirmed* if an event overlaps it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import shapely
from astrodome_solar.formats.reading import ImageReference, read
from shapely.geometry.base import BaseGeometry

from .. import placement
from ..store.queries import TIME_MARGIN
from . import iou
from .anomaly_maps import RegionDetection, detect_regions, read_map
from .pairing import ImagePair

Search = Callable[[datetime, datetime, Sequence[str]], list[dict[str, Any]]]
"""Function that returns the HEK records for a start time, an end time and event types."""


@dataclass(frozen=True)
class ComparisonOptions:
    """Options for selecting events, and for the shapes of events and predicted regions.

    If ``event_types`` is empty, all event types are selected. The value ``any`` selects all
    observatories or all instruments.
    """

    event_types: tuple[str, ...] = ("AR", "FL")
    observatory: str = "SDO"
    instrument: str = "AIA"
    any_channel: bool = False
    outlines: bool = False
    rotate: bool = True
    detection: RegionDetection = field(default_factory=RegionDetection)
    meta: Path | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the options as a dictionary that can be serialized to JSON."""
        values = asdict(self) | {"event_types": list(self.event_types)}
        del values["meta"], values["detection"]
        return values | self.detection.model_dump()


@dataclass(frozen=True)
class ImageComparison:
    """Result of the comparison for one image.

    The shapes in ``placed`` and ``predicted`` are in pixel coordinates. ``row``, ``event_rows`` and
    ``type_rows`` are rows of the result tables.
    """

    pair: ImagePair
    size: tuple[int, int]
    placed: list[placement.PlacedEvent]
    predicted: list[BaseGeometry]
    row: dict[str, Any]
    event_rows: list[dict[str, Any]]
    type_rows: list[dict[str, Any]]


Task = tuple[ImagePair, list[placement.Event]]


def with_events(
    pairs: Sequence[ImagePair], search: Search, options: ComparisonOptions
) -> Iterator[Task]:
    """Yield each pair with the events that were observed at the time of its image.

    Events are queried once per day.
    """
    for _, group in groupby(pairs, key=lambda pair: pair.image.t_obs.date()):
        day = list(group)
        records = search(
            day[0].image.t_obs - TIME_MARGIN,
            day[-1].image.t_obs + TIME_MARGIN,
            options.event_types,
        )
        events = placement.parse_events(records, options.outlines)
        for pair in day:
            wavelength = 0 if options.any_channel else pair.image.wavelength
            selection = (options.observatory, options.instrument, wavelength)
            yield pair, [e for e in events if e.matches(pair.image.t_obs, *selection)]


def compare(task: Task, options: ComparisonOptions) -> ImageComparison:
    """Compare the events in one image with the predicted regions in its anomaly map.

    Raises AstrodomeError if the image, its metadata or its map is missing or invalid.
    """
    pair, events = task
    image = read(ImageReference(pair.image.path), table=options.meta)
    size = (image.width, image.height)
    placed = placement.place_events(events, image.geometry, options.rotate)
    predicted = _predicted_regions(pair, size, options.detection)
    cover = iou.union(predicted)
    shown = [each for each in placed if each.is_visible and each.has_area]
    shapes = [each.shape for each in shown]
    truth = iou.union(shapes)
    event_rows = [
        {
            "image": pair.name,
            "kb_archivid": each.event.identifier,
            "event_type": each.event.event_type,
            "label": each.event.label,
            "area_px2": each.shape.area,
            "covered": fraction,
            "found": fraction > 0,
        }
        for each, fraction in zip(shown, iou.covered_fractions(shapes, cover), strict=True)
    ]
    hidden = sum(not each.is_visible for each in placed)
    overlap = iou.overlap_of_unions(truth, cover)
    row = {
        "image": pair.name,
        **overlap.measures(),
        "n_hek_events": len(shown),
        "n_predicted_events": len(predicted),
        "n_predicted_confirmed": sum(f > 0 for f in iou.covered_fractions(predicted, truth)),
        "n_hek_found": sum(bool(row["found"]) for row in event_rows),
        "n_hek_without_area": len(events) - len(shown) - hidden,
        "n_hek_behind_limb": hidden,
        "hek_area_px2": overlap.events,
        "predicted_area_px2": overlap.predicted,
        "shared_area_px2": overlap.shared,
        "t_obs": pair.image.t_obs.replace(tzinfo=UTC),
        "wavelength": pair.image.wavelength,
        "width_px": image.width,
        "map": str(pair.map.path),
        "map_offset_s": (pair.map.t_obs - pair.image.t_obs).total_seconds(),
    }
    event_types = sorted({each.event.event_type for each in shown})
    type_rows = [_type_row(code, pair.name, shown, event_rows, cover) for code in event_types]
    return ImageComparison(pair, size, placed, predicted, row, event_rows, type_rows)


def _predicted_regions(
    pair: ImagePair, size: tuple[int, int], detection: RegionDetection
) -> list[BaseGeometry]:
    """Return the predicted regions in pixel coordinates of the image."""
    anomaly_map = read_map(pair.map)
    height, width = anomaly_map.scores.shape
    scale = (size[0] / width, size[1] / height)
    boxes = detect_regions(anomaly_map, detection)
    return [shapely.transform(box, lambda points: points * scale) for box in boxes]


def _type_row(
    event_type: str,
    name: str,
    shown: Sequence[placement.PlacedEvent],
    event_rows: Sequence[Mapping[str, Any]],
    cover: BaseGeometry,
) -> dict[str, Any]:
    """Return the table row that compares the events of one type with all predicted regions."""
    shapes = [each.shape for each in shown if each.event.event_type == event_type]
    overlap = iou.overlap_of_unions(iou.union(shapes), cover)
    found = sum(row["found"] for row in event_rows if row["event_type"] == event_type)
    counts = {"events": len(shapes), "found": found}
    return {"image": name, "event_type": event_type, **overlap.measures(), **counts}
