"""Anomaly maps of ``sdo sood … predict --predict-mode pixel``, and the regions in them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from astrodome import AstrodomeError
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, Field
from shapely import Polygon, box
from skimage.filters import gaussian, threshold_otsu
from skimage.measure import label, regionprops

PREDICTION_NAME = re.compile(r"(\d{8}-\d{6})_(\d+)A?\.(?:png|jpe?g)", re.IGNORECASE)
IMAGE_NAME = re.compile(r"(\d{4}-\d\d-\d\dT\d{6})__(\d+)\.(?:png|jpe?g)", re.IGNORECASE)
NAME_FORMATS = ((PREDICTION_NAME, "%Y%m%d-%H%M%S"), (IMAGE_NAME, "%Y-%m-%dT%H%M%S"))
"""File names of maps, and the formats of the time in them. Maps of patches do not match."""
SCORE_TABLE, SCORES = "maps.parquet", "maps.npy"
DEFAULT_WIDTH = 256
"""Width in pixels for which the default sizes of regions are chosen."""
Scores = NDArray[np.float64]


class RegionDetection(BaseModel):
    """Parameters of :func:`detect_regions`. Sizes are in pixels of the resized map."""

    threshold: Literal["otsu", "binary", "simple"] = "otsu"
    level: float = Field(20, ge=0, lt=255)
    gaussian: float = Field(0, ge=0, description="Standard deviation of the smoothing; 0 for none.")
    min_size: float = Field(2, ge=0)
    max_size: float = Field(48, ge=0)
    map_width: int = Field(DEFAULT_WIDTH, ge=0, description="Width of the resized map; 0 to keep.")


@dataclass(frozen=True)
class ImageFile:
    """An image or anomaly map, and the time (UTC) and wavelength (angstrom) in its file name."""

    path: Path
    t_obs: datetime
    wavelength: int


@dataclass(frozen=True)
class AnomalyMap:
    """Scores of shape (height, width), top row first, and the range of scores in the folder."""

    scores: Scores
    low: float
    high: float


def parse_name(path: Path) -> ImageFile | None:
    """Return the time and wavelength in the file name of a map; None for other file names."""
    for pattern, time_format in NAME_FORMATS:
        if match := pattern.fullmatch(path.name):
            try:
                t_obs = datetime.strptime(match[1], time_format)
            except ValueError:
                return None
            return ImageFile(path, t_obs, int(match[2]))
    return None


def find_maps(folder: Path) -> list[ImageFile]:
    """Return the maps in a folder and its subfolders, in order of time.

    Raises AstrodomeError if no map is found.
    """
    named = [each for path in folder.rglob("*") if (each := parse_name(path)) and path.is_file()]
    # If the folder also contains images, only predictions have distinct names.
    found = [each for each in named if PREDICTION_NAME.fullmatch(each.path.name)] or named
    if not found:
        raise AstrodomeError(
            f"No anomaly maps found in {folder}.",
            "sdo sood MODEL predict --predict-mode pixel writes them, as 20120101-000000_171A.png.",
        )
    return sorted(found, key=lambda each: (each.t_obs, each.wavelength, str(each.path)))


def read_map(file: ImageFile) -> AnomalyMap:
    """Read the scores of a map from ``maps.npy`` or, if it does not contain them, the image.

    Raises AstrodomeError if the image cannot be read.
    """
    table = _score_table(file.path.parent)
    row = table.rows.get(file.path.name)
    if row is not None and table.scores is not None and row < len(table.scores):
        scores = np.asarray(table.scores[row], float)
        low, high = table.value_range or (float(np.nanmin(scores)), float(np.nanmax(scores)))
    else:
        try:
            with Image.open(file.path) as image:
                scores = np.asarray(image.convert("L"), float)
        except (OSError, SyntaxError, ValueError) as error:
            raise AstrodomeError(f"Cannot read the anomaly map {file.path}.") from error
        low, high = 0.0, 255.0
    return AnomalyMap(np.nan_to_num(scores, nan=low, posinf=high, neginf=low), low, high)


def detect_regions(anomaly_map: AnomalyMap, detection: RegionDetection) -> list[Polygon]:
    """Return the bounding boxes of connected regions with high scores, in pixels of the map.

    The map is first resized to ``map_width`` by averaging, so that maps of any size have the same
    regions. Pixels are selected by the threshold method: ``otsu`` computes the threshold from the
    map (Otsu 1979), ``simple`` uses ``level``/255 of the range between the lowest and the highest
    score of the map, and ``binary`` the same fraction of the range of all maps in the folder.
    Pixels that touch at a corner are connected. A box is returned if both of its sides are between
    ``min_size`` and ``max_size``. A map with constant scores has no regions.
    """
    scores = resize(anomaly_map.scores, detection.map_width)
    scale_y, scale_x = np.divide(anomaly_map.scores.shape, scores.shape).tolist()
    if detection.gaussian > 0:
        scores = gaussian(scores, detection.gaussian, preserve_range=True)
    low, high = float(scores.min()), float(scores.max())
    if not high > low:
        return []
    if detection.threshold == "otsu":
        limit = otsu_threshold(scores)
    else:
        if detection.threshold == "binary":
            low, high = anomaly_map.low, anomaly_map.high
        limit = low + (high - low) * detection.level / 255
    boxes = []
    for region in regionprops(label(scores > limit, connectivity=2)):
        top, left, bottom, right = region.bbox
        sides = (bottom - top, right - left)
        if min(sides) >= detection.min_size and max(sides) <= detection.max_size:
            boxes.append(box(left * scale_x, top * scale_y, right * scale_x, bottom * scale_y))
    return boxes


def otsu_threshold(scores: Scores) -> float:
    """Return Otsu's threshold of scores that are not constant.

    The optimum of Otsu's criterion is the mean of the means of both classes. This does not depend
    on the bins of the histogram in which the classes are found.
    """
    half_bin = float(np.ptp(scores)) / 512
    above = scores > threshold_otsu(scores) + half_bin
    return float(scores[above].mean() + scores[~above].mean()) / 2


def resize(scores: Scores, width: int) -> Scores:
    """Return a map with another width, each pixel the average of the area that it covers."""
    rows, columns = scores.shape
    if width in (0, columns):
        return scores
    size = (width, max(1, round(rows * width / columns)))
    resized = Image.fromarray(scores.astype(np.float32)).resize(size, Image.Resampling.BOX)
    return np.asarray(resized, float)


@dataclass(frozen=True)
class _ScoreTable:
    rows: Mapping[str, int]
    scores: Any
    value_range: tuple[float, float] | None


def _score_table(folder: Path) -> _ScoreTable:
    paths = (folder / SCORE_TABLE, folder / SCORES)
    return _read_score_table(*((p, p.stat().st_mtime_ns if p.exists() else 0) for p in paths))


@lru_cache(maxsize=8)
def _read_score_table(table: tuple[Path, int], array: tuple[Path, int]) -> _ScoreTable:
    """Read the scores of a folder, given its files with their modification times."""
    empty = _ScoreTable({}, None, None)
    if not table[1] or not array[1]:
        return empty
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        content = pq.read_table(table[0])
        rows = dict(zip(*(content[name].to_pylist() for name in ("map", "row")), strict=True))
        scores = np.load(array[0], mmap_mode="r", allow_pickle=False)
        provenance = json.loads((content.schema.metadata or {}).get(b"astrodome", b"{}"))
    except (OSError, ValueError, KeyError, pa.ArrowException):
        return empty  # The images are used instead.
    limits = provenance.get("scale_range")
    valid = isinstance(limits, list) and len(limits) == 2 and all(map(math.isfinite, limits))
    return _ScoreTable(rows, scores if scores.ndim == 3 else None, tuple(limits) if valid else None)
