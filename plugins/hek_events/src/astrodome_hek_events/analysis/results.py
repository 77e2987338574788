"""Write the results of an analysis to files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from astrodome import AstrodomeError, files

MEASURES = ("iou", "precision", "recall")
IMAGE_COLUMNS = (
    *("image", "iou", "n_hek_events", "n_predicted_events", "precision", "recall", "n_hek_found"),
    *("n_predicted_confirmed", "n_hek_without_area", "n_hek_behind_limb", "hek_area_px2"),
    *("predicted_area_px2", "shared_area_px2", "t_obs", "wavelength", "width_px", "map"),
    "map_offset_s",
)
EVENT_COLUMNS = ("image", "kb_archivid", "event_type", "label", "area_px2", "covered", "found")
TYPE_COLUMNS = ("image", "event_type", *MEASURES, "events", "found")


def create_folder(out_dir: Path) -> Path:
    """Create a folder in ``out_dir`` with the current UTC time as its name, and return its path."""
    stem = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%S")
    for number in range(1000):
        folder = out_dir / (f"{stem}-{number}" if number else stem)
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise AstrodomeError(f"Cannot create a new folder in {out_dir}.")


def write_tables(
    folder: Path,
    images: pd.DataFrame,
    events: pd.DataFrame,
    types: pd.DataFrame,
    provenance: Mapping[str, Any],
    summary: Mapping[str, Any],
) -> None:
    """Write the tables of images, events and event types to files, and write ``summary.json``."""
    times = images["t_obs"].dt.strftime("%Y-%m-%dT%H:%M:%S")
    files.write_text(folder / "iou.csv", images.assign(t_obs=times).to_csv(index=False))
    for name, frame in (("iou", images), ("events", events), ("types", types)):
        table = pa.Table.from_pandas(frame, preserve_index=False)
        files.write_parquet(folder / f"{name}.parquet", table, provenance)
    document = {**provenance, **summary}
    files.write_text(folder / "summary.json", json.dumps(document, indent=1, default=str) + "\n")
