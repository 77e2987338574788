"""Maps of pixel scores, as ``sdo sood … predict --predict-mode pixel`` leaves them, and the boxes
around what is bright in them."""

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

NAMES = (
    (re.compile(r"(\d{8}-\d{6})_(\d+)A?\.(?:png|jpe?g)", re.IGNORECASE), "%Y%m%d-%H%M%S"),
    (
        re.compile(r"(\d{4}-\d\d-\d\dT\d{6})__(\d+)\.(?:png|jpe?g)", re.IGNORECASE),
        "%Y-%m-%dT%H%M%S",
    ),
)
"""How maps are called, and how their time is written: that of pixel predictions, and that of
images. The maps of patches have more in their names, and no place on the disk."""
TABLE, SCORES = "maps.parquet", "maps.npy"
WIDTH = 256
"""Width (px) in which regions are found: that of the maps for which the sizes below were chosen."""
Scores = NDArray[np.float64]


class Detection(BaseModel):
    """How regions are found in a map. Sizes are in pixels of the map at its working width."""

    threshold: Literal["otsu", "binary", "simple"] = "otsu"
    level: float = Field(20, ge=0, lt=255)
    gaussian: float = Field(0, ge=0, description="Standard deviation of the smoothing, 0: none.")
    min_size: float = Field(2, ge=0)
    max_size: float = Field(48, ge=0)
    map_width: int = Field(WIDTH, ge=0, description="Working width, 0: that of the map.")


@dataclass(frozen=True)
class MapFile:
    """A map: its file, the time (UTC) and wavelength (angstrom) in its name."""

    path: Path
    t_obs: datetime
    wavelength: int


@dataclass(frozen=True)
class ScoreMap:
    """Scores of shape (height, width), the upper row first, and the scale of the whole folder."""

    scores: Scores
    low: float
    high: float


def named(path: Path) -> MapFile | None:
    """What a file name says about a map; None when it is the name of something else."""
    for pattern, form in NAMES:
        if found := pattern.fullmatch(path.name):
            try:
                return MapFile(path, datetime.strptime(found[1], form), int(found[2]))
            except ValueError:
                return None
    return None


def find(folder: Path) -> list[MapFile]:
    """The maps in a folder and those below it, in order of time.

    Raises AstrodomeError when there are none.
    """
    every = [each for path in folder.rglob("*") if (each := named(path)) and path.is_file()]
    # Where predictions lie beside images, only their own names tell them apart.
    found = [each for each in every if NAMES[0][0].fullmatch(each.path.name)] or every
    if not found:
        raise AstrodomeError(
            f"There are no anomaly maps in {folder}.",
            "sdo sood MODEL predict --predict-mode pixel writes them, as 20120101-000000_171A.png.",
        )
    return sorted(found, key=lambda each: (each.t_obs, each.wavelength, str(each.path)))


def read(found: MapFile) -> ScoreMap:
    """The scores of a map: untouched from ``maps.npy`` where that is there, else its grey levels.

    Raises AstrodomeError when neither can be read.
    """
    table = _table(found.path.parent)
    row = table.rows.get(found.path.name)
    if row is not None and table.scores is not None and row < len(table.scores):
        scores = np.asarray(table.scores[row], float)
        low, high = table.scale or (float(np.nanmin(scores)), float(np.nanmax(scores)))
    else:
        try:
            with Image.open(found.path) as image:
                scores = np.asarray(image.convert("L"), float)
        except (OSError, SyntaxError, ValueError) as error:
            raise AstrodomeError(f"Its map {found.path} is no readable image.") from error
        low, high = 0.0, 255.0
    return ScoreMap(np.nan_to_num(scores, nan=low, posinf=high, neginf=low), low, high)


def bright(found: ScoreMap, how: Detection) -> list[Polygon]:
    """The boxes around connected bright regions of a map, in pixels from its upper left corner.

    The map is brought to ``map_width`` first, by averages over areas, so that maps of any size
    give the same regions. ``otsu`` finds the threshold in the map itself (Otsu 1979); ``simple``
    takes what is above ``level``/255 of the way from the map's lowest to its highest
    score, ``binary`` the same on the scale of all maps of the folder. Pixels touch at corners
    too. A box counts when both its sides are from ``min_size`` to ``max_size``. A map
    without contrast has none.
    """
    scores = resized(found.scores, how.map_width)
    across, down = (
        a / b for a, b in zip(found.scores.shape[::-1], scores.shape[::-1], strict=True)
    )
    if how.gaussian > 0:
        scores = gaussian(scores, how.gaussian, preserve_range=True)
    low, high = float(scores.min()), float(scores.max())
    if not high > low:
        return []
    if how.threshold == "otsu":
        limit = otsu(scores)
    else:
        start, end = (low, high) if how.threshold == "simple" else (found.low, found.high)
        limit = start + (end - start) * how.level / 255
    boxes = []
    for region in regionprops(label(scores > limit, connectivity=2)):
        top, left, bottom, right = region.bbox
        sides = (bottom - top, right - left)
        if min(sides) >= how.min_size and max(sides) <= how.max_size:
            boxes.append(box(left * across, top * down, right * across, bottom * down))
    return boxes


def otsu(scores: Scores) -> float:
    """Otsu's threshold of scores that are not all the same.

    Otsu's criterion is at its best in the middle between the means of the two classes; taking that
    frees the threshold from the bins of the histogram in which it is searched.
    """
    half_a_bin = float(np.ptp(scores)) / 512
    above = scores > threshold_otsu(scores) + half_a_bin
    return float(scores[above].mean() + scores[~above].mean()) / 2


def resized(scores: Scores, width: int) -> Scores:
    """A map at another width (px, 0 for its own), each pixel the average of the area it covers."""
    rows, columns = scores.shape
    if width in (0, columns):
        return scores
    size = (width, max(1, round(rows * width / columns)))
    picture = Image.fromarray(scores.astype(np.float32)).resize(size, Image.Resampling.BOX)
    return np.asarray(picture, float)


@dataclass(frozen=True)
class _Table:
    rows: Mapping[str, int]
    scores: Any
    scale: tuple[float, float] | None


def _table(folder: Path) -> _Table:
    paths = (folder / TABLE, folder / SCORES)
    changed = tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in paths)
    return _read_table(folder, changed)


@lru_cache(maxsize=8)
def _read_table(folder: Path, changed: tuple[int, ...]) -> _Table:
    """Where the untouched scores of a folder's maps are; nothing when they are not there."""
    nothing = _Table({}, None, None)
    if not all(changed):
        return nothing
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(folder / TABLE)
        rows = dict(zip(*(table[name].to_pylist() for name in ("map", "row")), strict=True))
        scores = np.load(folder / SCORES, mmap_mode="r", allow_pickle=False)
        about = json.loads((table.schema.metadata or {}).get(b"astrodome", b"{}"))
    except (OSError, ValueError, KeyError, pa.ArrowException):
        return nothing  # the pictures are still there
    scale = about.get("scale_range")
    good = isinstance(scale, list) and len(scale) == 2 and all(map(math.isfinite, scale))
    return _Table(rows, scores if scores.ndim == 3 else None, tuple(scale) if good else None)
