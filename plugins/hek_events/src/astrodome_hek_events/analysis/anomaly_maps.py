"""Read anomaly maps from ``sdo sood … predict --predict-mode pixel``, and detect regions in them.

An anomaly map is a grayscale image with an anomaly score for each pixel.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from astrodome import AstrodomeError
from astrodome_solar.filenames import parse_file_name
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, Field, NonNegativeFloat, NonNegativeInt
from shapely import Polygon, box
from skimage.filters import gaussian, threshold_otsu
from skimage.measure import label, regionprops

PREDICTION_NAME = re.compile(r"(\d{8}-\d{6})_(\d+)A?\.(?:png|jpe?g)", re.IGNORECASE)
"""Pattern for the file names of anomaly maps for whole images."""
EXTENSIONS = frozenset({".jpeg", ".jpg", ".png"})
SCORE_TABLE, SCORES = "maps.parquet", "maps.npy"
Scores = NDArray[np.float64]


class RegionDetection(BaseModel):
    """Parameters for :func:`detect_regions`. All lengths are in pixels of the resized map.

    ``threshold`` is the method that computes the threshold for the scores, and ``level`` is the
    parameter of the methods ``binary`` and ``simple``.
    ``gaussian`` is the standard deviation of the Gaussian filter; 0 disables smoothing.
    ``map_width`` is the width of the resized map; 0 means that the map is not resized. The default
    values of the other parameters are suitable for the default width.
    """

    threshold: Literal["otsu", "binary", "simple"] = "otsu"
    level: float = Field(20, ge=0, lt=255)
    gaussian: NonNegativeFloat = 0
    min_size: NonNegativeFloat = 2
    max_size: NonNegativeFloat = 48
    map_width: NonNegativeInt = 256


@dataclass(frozen=True)
class ImageFile:
    """Path of an image or anomaly map, and the time and wavelength in its file name.

    The time is in UTC, and the wavelength in angstrom.
    """

    path: Path
    t_obs: datetime
    wavelength: int


@dataclass(frozen=True)
class AnomalyMap:
    """Scores in an anomaly map.

    ``low`` and ``high`` are the minimum and maximum score of all maps in the same folder.
    ``scores`` has the shape (height, width), and the first row is the top of the image.
    """

    scores: Scores
    low: float
    high: float


def parse_name(path: Path) -> ImageFile | None:
    """Parse the time and wavelength in the file name of an anomaly map or image.

    Returns None if the file name does not have a supported format. Patches, and anomaly maps for
    patches, are not supported.
    """
    if match := PREDICTION_NAME.fullmatch(path.name):
        try:
            return ImageFile(path, datetime.strptime(match[1], "%Y%m%d-%H%M%S"), int(match[2]))
        except ValueError:
            return None
    name = parse_file_name(path) if path.suffix.lower() in EXTENSIONS else None
    return ImageFile(path, name.time, name.wavelength) if name and not name.part else None


def find_maps(folder: Path) -> list[ImageFile]:
    """Return the anomaly maps in a folder and its subfolders, in chronological order.

    Raises AstrodomeError if no map is found.
    """
    named = [each for path in folder.rglob("*") if (each := parse_name(path)) and path.is_file()]
    # A folder may contain both images and maps. In that case, only PREDICTION_NAME identifies maps.
    found = [each for each in named if PREDICTION_NAME.fullmatch(each.path.name)] or named
    if not found:
        raise AstrodomeError(
            f"No anomaly maps found in {folder}.",
            "Create maps with 'sdo sood MODEL predict --predict-mode pixel'. Their file names have "
            "the form 20120101-000000_171A.png.",
        )
    return sorted(found, key=lambda each: (each.t_obs, each.wavelength, str(each.path)))


def read_map(file: ImageFile) -> AnomalyMap:
    """Read the scores in an anomaly map.

    The scores are read from ``maps.npy``. If this file does not contain the map, the gray levels of
    the map image are used instead. Raises AstrodomeError if the image cannot be read.
    """
    paths = (file.path.parent / name for name in (SCORE_TABLE, SCORES))
    stored = _read_scores(*((path, path.stat().st_mtime_ns) for path in paths if path.exists()))
    row = stored.rows.get(file.path.name, len(stored.scores))
    if row < len(stored.scores):
        scores = np.asarray(stored.scores[row], float)
        low, high = stored.value_range or (float(np.nanmin(scores)), float(np.nanmax(scores)))
    else:
        try:
            with Image.open(file.path) as image:
                scores = np.asarray(image.convert("L"), float)
        except (OSError, SyntaxError, ValueError) as error:
            raise AstrodomeError(f"Cannot read the anomaly map {file.path}: {error}.") from error
        low, high = 0.0, 255.0
    return AnomalyMap(np.nan_to_num(scores, nan=low, posinf=high, neginf=low), low, high)


def detect_regions(anomaly_map: AnomalyMap, detection: RegionDetection) -> list[Polygon]:
    """Return the bounding boxes of connected regions with high scores, in pixels of the map.

    The map is first resized to the width ``map_width`` by averaging, so that the result does not
    depend on the size of the map. Pixels with scores above a threshold are then selected. The
    threshold depends on the method:

    - ``otsu``: computed from the scores in the map (Otsu 1979)
    - ``simple``: the fraction ``level`` / 255 of the range between the minimum and maximum score
      in the map
    - ``binary``: the same fraction of the range between the minimum and maximum score in all maps
      in the folder

    Selected pixels that share an edge or a corner belong to the same region. A bounding box is
    returned if both side lengths are between ``min_size`` and ``max_size``. If all scores in the
    map are equal, the result is empty.
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
    """Return Otsu's threshold for scores that are not all equal.

    Otsu's criterion is optimal if the threshold is halfway between the mean scores of the two
    classes. The threshold is computed in this way, so that it is independent of the histogram bins
    that are used to find the classes.
    """
    half_bin = float(np.ptp(scores)) / 512
    above = scores > threshold_otsu(scores) + half_bin
    return float(scores[above].mean() + scores[~above].mean()) / 2


def resize(scores: Scores, width: int) -> Scores:
    """Resize a map to the given width by averaging, and keep the aspect ratio.

    If ``width`` is 0, the map is returned unchanged.
    """
    rows, columns = scores.shape
    if width in (0, columns):
        return scores
    size = (width, max(1, round(rows * width / columns)))
    resized = Image.fromarray(scores.astype(np.float32)).resize(size, Image.Resampling.BOX)
    return np.asarray(resized, float)


class _StoredScores(NamedTuple):
    """Scores of all maps in a folder.

    ``rows`` maps the file name of each map to its index in the array ``scores``. ``value_range``
    contains the minimum and the maximum of all scores, or is None if they are unknown.
    """

    rows: Mapping[str, int] = {}
    scores: Any = ()
    value_range: tuple[float, float] | None = None


@lru_cache(maxsize=8)
def _read_scores(*files: tuple[Path, int]) -> _StoredScores:
    """Read ``maps.parquet`` and ``maps.npy``.

    The arguments are the path and the modification time of each existing file. The modification
    time is part of the cache key. If one of the files is missing or invalid, the result is empty.
    """
    if len(files) < 2:
        return _StoredScores()
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        content = pq.read_table(files[0][0])
        rows = dict(zip(*(content[name].to_pylist() for name in ("map", "row")), strict=True))
        scores = np.load(files[1][0], mmap_mode="r", allow_pickle=False)
        provenance = json.loads((content.schema.metadata or {}).get(b"astrodome", b"{}"))
    except (OSError, ValueError, KeyError, pa.ArrowException):
        return _StoredScores()  # The caller reads the scores from the map images instead.
    limits = provenance.get("scale_range")
    valid = isinstance(limits, list) and len(limits) == 2 and all(map(math.isfinite, limits))
    return _StoredScores(rows, scores if scores.ndim == 3 else (), tuple(limits) if valid else None)
