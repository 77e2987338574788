"""The tables of an analysis: what all images have in common, and the files of a run."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean, median, pstdev
from typing import Any

import pyarrow as pa
from astrodome import AstrodomeError, files

Row = Mapping[str, Any]
MEASURES = ("iou", "precision", "recall")
IMAGES = pa.schema(
    [
        ("image", pa.string()),
        ("iou", pa.float64()),
        ("n_hek_events", pa.int64()),
        ("n_predicted_events", pa.int64()),
        ("precision", pa.float64()),
        ("recall", pa.float64()),
        ("n_hek_found", pa.int64()),
        ("n_predicted_confirmed", pa.int64()),
        ("n_hek_without_area", pa.int64()),
        ("n_hek_behind_limb", pa.int64()),
        ("hek_area_px2", pa.float64()),
        ("predicted_area_px2", pa.float64()),
        ("shared_area_px2", pa.float64()),
        ("t_obs", pa.timestamp("ms", tz="UTC")),
        ("wavelength", pa.int32()),
        ("width_px", pa.int32()),
        ("map", pa.string()),
        ("map_offset_s", pa.float64()),
    ]
)
EVENTS = pa.schema(
    [
        ("image", pa.string()),
        ("kb_archivid", pa.string()),
        ("event_type", pa.string()),
        ("label", pa.string()),
        ("area_px2", pa.float64()),
        ("covered", pa.float64()),
        ("found", pa.bool_()),
    ]
)
TYPES = pa.schema(
    [
        ("image", pa.string()),
        ("event_type", pa.string()),
        *((name, pa.float64()) for name in MEASURES),
        ("events", pa.int64()),
        ("found", pa.int64()),
    ]
)


def summarize(
    rows: Sequence[Row], types: Sequence[Row], asked: Sequence[str] = ()
) -> dict[str, Any]:
    """Mean, median and spread of all images, and of each type of event and wavelength alone.

    ``rows`` has one of each image, ``types`` one of each type of event in each image; types
    that were ``asked`` for are listed even without events.

    ``images_with_neither`` counts those without events and regions, whose IoU is 1.
    """
    by_type = {}
    for code in sorted({row["event_type"] for row in types}.union(asked)):
        own = [row for row in types if row["event_type"] == code]
        events = sum(row["events"] for row in own)
        found = sum(row["found"] for row in own)
        share = found / events if events else None
        counts = {"images": len(own), "events": events, "found": found, "found_share": share}
        by_type[code] = counts | {name: spread(row[name] for row in own) for name in MEASURES}
    waves = sorted({row["wavelength"] for row in rows})
    with_events = [row["iou"] for row in rows if row["n_hek_events"]]
    neither = [row for row in rows if not row["n_hek_events"] and not row["n_predicted_events"]]
    return {
        "images": len(rows),
        "images_with_events": len(with_events),
        "images_with_neither": len(neither),
        "hek_events": sum(row["n_hek_events"] for row in rows),
        "hek_found": sum(row["n_hek_found"] for row in rows),
        "predicted_events": sum(row["n_predicted_events"] for row in rows),
        "predicted_confirmed": sum(row["n_predicted_confirmed"] for row in rows),
        **{name: spread(row[name] for row in rows) for name in MEASURES},
        "iou_with_events": spread(with_events),
        "by_event_type": by_type,
        "by_wavelength": {
            str(wave): {
                name: spread(row[name] for row in rows if row["wavelength"] == wave)
                for name in MEASURES
            }
            for wave in waves
        },
    }


def spread(values: Iterable[float | None]) -> dict[str, Any]:
    """Count, mean, median, standard deviation, least and largest of what is there."""
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


def run_folder(out_dir: Path) -> Path:
    """A new folder in ``out_dir`` that is named by the time (UTC)."""
    stem = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%S")
    for number in range(1000):
        folder = out_dir / (f"{stem}-{number}" if number else stem)
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise AstrodomeError(f"{out_dir} is full of folders of this second.")


def write(
    folder: Path,
    rows: Sequence[Row],
    events: Sequence[Row],
    types: Sequence[Row],
    summary: Row,
    about: Row,
) -> None:
    """Write the tables of a run with how it was asked, each file whole."""
    text = io.StringIO()
    table = csv.DictWriter(text, IMAGES.names, lineterminator="\n")
    table.writeheader()
    for row in rows:
        table.writerow({**row, "t_obs": f"{row['t_obs']:%Y-%m-%dT%H:%M:%S}"})
    files.write_text(folder / "iou.csv", text.getvalue())
    for name, schema, found in (
        ("iou", IMAGES, rows),
        ("events", EVENTS, events),
        ("types", TYPES, types),
    ):
        built = pa.Table.from_pylist(list(found), schema=schema)
        files.write_parquet(folder / f"{name}.parquet", built, about)
    document = {**about, **summary}
    files.write_text(folder / "summary.json", json.dumps(document, indent=1, default=str) + "\n")
