"""Compute summary statistics for a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

MEASURES = ("iou", "precision", "recall")


def summarize(
    images: pd.DataFrame, types: pd.DataFrame, event_types: Sequence[str] = ()
) -> dict[str, Any]:
    """Return statistics for all images, for each event type, and for each wavelength.

    ``images`` has one row per image, and ``types`` one row per event type in each image. The
    result contains all types in ``event_types``, including types without events.
    ``images_with_neither`` is the number of images that contain neither events nor predicted
    regions. For these images, the IoU is 1.
    """
    by_type = {}
    for code in sorted({*types["event_type"], *event_types}):
        rows = types[types["event_type"] == code]
        events, found = int(rows["events"].sum()), int(rows["found"].sum())
        share = found / events if events else None
        counts = {"images": len(rows), "events": events, "found": found, "found_share": share}
        by_type[code] = counts | _measures(rows)
    has_events, has_regions = images["n_hek_events"] > 0, images["n_predicted_events"] > 0
    return {
        "images": len(images),
        "images_with_events": int(has_events.sum()),
        "images_with_neither": int((~has_events & ~has_regions).sum()),
        "hek_events": int(images["n_hek_events"].sum()),
        "hek_found": int(images["n_hek_found"].sum()),
        "predicted_events": int(images["n_predicted_events"].sum()),
        "predicted_confirmed": int(images["n_predicted_confirmed"].sum()),
        **_measures(images),
        "iou_with_events": describe(images.loc[has_events, "iou"]),
        "by_event_type": by_type,
        "by_wavelength": {str(key): _measures(rows) for key, rows in images.groupby("wavelength")},
    }


def describe(values: pd.Series) -> dict[str, Any]:
    """Return the count, mean, median, standard deviation, minimum and maximum of the values.

    Missing values are ignored. If all values are missing, the count is 0 and the statistics are
    None.
    """
    known = values.dropna()
    names = ["mean", "median", "min", "max"]
    if known.empty:
        return {"n": 0, **dict.fromkeys([*names, "std"])}
    return {"n": len(known), **known.agg(names).to_dict(), "std": float(known.std(ddof=0))}


def _measures(rows: pd.DataFrame) -> dict[str, Any]:
    return {name: describe(rows[name]) for name in MEASURES}
