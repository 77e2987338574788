"""Create input images from a real image, which is part of the package glymur.

It is an AIA 171 Å image from 2014-01-01 with 4096 x 4096 pixels.
"""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import glymur
import numpy as np
from PIL import Image, ImageChops

QUALITY = 95


@cache
def sun() -> Image.Image:
    """Return the largest image in the file, reduced to 2048 x 2048 pixels."""
    path = Path(glymur.data.jpxfile())
    box = max(
        (box for box in glymur.Jp2k(path).box if box.box_id == "jp2c"), key=lambda box: box.length
    )
    with path.open("rb") as content:
        content.seek(box.offset + 8)  # Skip the box header.
        image = Image.open(io.BytesIO(content.read(box.length - 8)))
    return image.convert("L").reduce(2)


def folder(place: Path, count: int, size: int, mode: str) -> Path:
    """Create a folder with ``count`` JPEG images, each shifted by a different number of pixels."""
    place.mkdir()
    whole = sun().resize((size, size), Image.Resampling.LANCZOS).convert(mode)
    first = datetime(2014, 1, 1)
    for number in range(count):
        time = first + number * timedelta(minutes=6)
        shifted = ImageChops.offset(whole, 3 * number, -2 * number)
        shifted.save(place / f"{time:%Y-%m-%dT%H%M%S}__171.jpeg", quality=QUALITY)
    return place


def batch(path: Path, count: int, size: int) -> Path:
    """Write regions of the disk to a ``.npy`` file.

    The array has the shape (count, 1, size, size), the dtype float32 and values in [-1, 1].
    """
    whole = np.asarray(sun().reduce(2), np.float32) / 127.5 - 1
    edge = (whole.shape[0] - size) // 2
    regions = [
        whole[y : y + size, x : x + size]
        for y in (edge - size, edge)
        for x in range(edge - 2 * size, edge + 2 * size, size)
    ]
    np.save(path, np.stack(regions[:count])[:, None])
    return path
