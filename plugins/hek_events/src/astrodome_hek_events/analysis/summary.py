"""Compute summary statistics for a comparison."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, median, pstdev
from typing import Any

MEASURES = ("iou", "precision", "recall")


def summarize(
    rows: Sequence[Mapping[str, Any]],
    type_rows: Sequence[Mapping[str, Any]],
    event_types: Sequence[str] = (),
) -> dict[str, Any]:
    """Return statistics for all images, for each event type, and for each wavelength.

    ``rows`` contains one row per image, and ``type_rows`` one row per event type in each image.
    The result contains all types in ``event_types``, including types without events.
    ``images_with_neither`` is the number of images that contain neither events nor predicted
    regions. For these images, the IoU is 1.
    """
    by_type = {}
    for code in sorted({row["event_type"] for row in type_rows}.union(event_types)):
        chosen = [row for row in type_rows if row["event_type"] == code]
        events = sum(row["events"] for row in chosen)
        found = sum(row["found"] for row in chosen)
        share = found / events if events else None
        counts = {"images": len(chosen), "events": events, "found": found, "found_share": share}
        by_type[code] = counts | _measures(chosen)
    with_events = [row for row in rows if row["n_hek_events"]]
    neither = [row for row in rows if not row["n_hek_events"] and not row["n_predicted_events"]]
    return {
        "images": len(rows),
        "images_with_events": len(with_events),
        "images_with_neither": len(neither),
        "hek_events": sum(row["n_hek_events"] for row in rows),
        "hek_found": sum(row["n_hek_found"] for row in rows),
        "predicted_events": sum(row["n_predicted_events"] for row in rows),
        "predicted_confirmed": sum(row["n_predicted_confirmed"] for row in rows),
        **_measures(rows),
        "iou_with_events": describe(row["iou"] for row in with_events),
        "by_event_type": by_type,
        "by_wavelength": {
            str(wavelength): _measures([r for r in rows if r["wavelength"] == wavelength])
            for wavelength in sorted({row["wavelength"] for row in rows})
        },
    }


def describe(values: Iterable[float | None]) -> dict[str, Any]:
    """Return the count, mean, median, standard deviation, minimum and maximum of the values.

    None values are ignored. If all values are None, the count is 0 and the statistics are None.
    """
    known = [value for value in values if value is not None]
    if not known:
        return {"n": 0, **dict.fromkeys(("mean", "median", "std", "min", "max"))}
    return {
        "n": len(known),
        "mean": fmean(known),
        "median": median(known),
        "std": pstdev(known),
        "min": min(known),
        "max": max(known),
    }


def _measures(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {name: describe(row[name] for row in rows) for name in MEASURES}
