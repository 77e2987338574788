"""Types of the JSON documents that the commands of ``sdo events`` print.

Times are in UTC.
"""

from __future__ import annotations

from typing import Any, TypedDict

from astrodome.outputs import Failure


class EventRow(TypedDict):
    """A stored event. Coordinates are helioprojective, in arcsec."""

    kb_archivid: str
    event_type: str
    event_starttime: str
    event_endtime: str
    event_peaktime: str | None
    obs_observatory: str | None
    obs_instrument: str | None
    obs_channelid: str | None
    frm_name: str | None
    fl_goescls: str | None
    hpc_coord: str | None
    hpc_bbox: str | None
    hpc_boundcc: str | None
    ar_noaanum: int | None
    hpc_x: float | None
    hpc_y: float | None
    event_probability: float | None
    hpc_x_min: float | None
    hpc_y_min: float | None
    hpc_x_max: float | None
    hpc_y_max: float | None


class ExportDocument(TypedDict):
    """A written file with events."""

    file: str
    format: str
    events: int


class EventCountRow(TypedDict):
    """Number of events of one type in one month."""

    month: str
    event_type: str
    events: int


HekRecord = dict[str, Any]
"""A HEK record, with the keys and values that HEK returned."""

PlottedEvent = TypedDict(
    "PlottedEvent", {"kb_archivid": str, "event_type": str, "from": str, "wkt_px": str}
)


class EventPlotRow(TypedDict):
    """A plot, with the numbers of events that are drawn or omitted."""

    image: str
    plot: str
    t_obs: str
    wavelength: int
    drawn: int
    behind_limb: int
    outside: int
    without_position: int
    events: list[PlottedEvent]


class EventPlotsDocument(TypedDict):
    """The plots, and the images that could not be plotted."""

    plots: list[EventPlotRow]
    failed: list[Failure]


class MeasureDocument(TypedDict):
    """Statistics of a measure. They are null if ``n`` is 0."""

    n: int
    mean: float | None
    median: float | None
    min: float | None
    max: float | None
    std: float | None


class MeasuresDocument(TypedDict):
    """Statistics of the IoU, the precision and the recall."""

    iou: MeasureDocument
    precision: MeasureDocument
    recall: MeasureDocument


class EventTypeMeasures(MeasuresDocument):
    """Statistics for one event type."""

    images: int
    events: int
    found: int
    found_share: float | None


class ComparisonDocument(MeasuresDocument):
    """A comparison of anomaly maps with events. ``folder`` and ``page`` are the written results."""

    folder: str
    page: str
    images: int
    images_with_events: int
    images_with_neither: int
    hek_events: int
    hek_found: int
    predicted_events: int
    predicted_confirmed: int
    iou_with_events: MeasureDocument
    by_event_type: dict[str, EventTypeMeasures]
    by_wavelength: dict[str, MeasuresDocument]
    failed: list[Failure]
