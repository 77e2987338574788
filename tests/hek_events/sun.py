"""An AIA 171 image of 2014-01-01, which glymur contains, and folders for the commands."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from selection import need

TIME = datetime(2014, 1, 1, 0, 0, 11)
STEM = "2014-01-01T000011__171"
META = {
    "QUALITY": 0,
    "DSUN": 147096680000.0,
    "X0": 2048.0,
    "R_SUN": 1626.6041,
    "Y0": 2048.0,
    "CDELT": 0.6,
}
"""The geometry in the header of the image, for the frame of 4096 pixels."""


@cache
def corona(size: int) -> Image.Image:
    """Return the image as gray levels, ``size`` pixels wide."""
    need("glymur")
    content = (files("glymur.data") / "heliov.jpx").read_bytes()
    start = content.rindex(bytes.fromhex("ff4fff51"))
    with Image.open(io.BytesIO(content[start:])) as image:
        assert isinstance(image, Jpeg2KImageFile)
        if size <= 1024:
            image.reduce = 2  # decode 1024 instead of 4096 pixels
        return image.convert("L").resize((size, size), Image.Resampling.BOX)


def write_image(folder: Path, picture: Image.Image, stem: str = STEM, **meta: Any) -> Path:
    """Write an image with its row in ``meta.csv``, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem}.jpeg"
    picture.save(path, quality=90)
    write_meta(folder, {**META, "FILE_NAME": path.name, **meta})
    return path


def write_meta(folder: Path, row: Mapping[str, Any]) -> None:
    """Add a row to ``meta.csv``."""
    path = folder / "meta.csv"
    new = not path.exists()
    with path.open("a", newline="") as text:
        table = csv.DictWriter(text, list(row))
        if new:
            table.writeheader()
        table.writerow(row)


def write_map(folder: Path, scores: NDArray[Any], name: str = "20140101-000011_171A") -> Path:
    """Write a map of pixel scores as PNG, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    Image.fromarray(np.asarray(scores, np.uint8)).save(path)
    return path


def wkt(*corners: float) -> str:
    """Return the box from (left, bottom) to (right, top) in arcsec as WKT."""
    left, bottom, right, top = corners
    ring = ((left, bottom), (right, bottom), (right, top), (left, top), (left, bottom))
    return f"POLYGON(({','.join(f'{x:.6f} {y:.6f}' for x, y in ring)}))"
