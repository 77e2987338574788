"""Inputs out of one real image of the Sun: AIA 171 Å, 2014-01-01, 4096 x 4096 pixels, in glymur."""

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
    """The image at 2048 x 2048 pixels, grey; it stands in glymur's largest codestream."""
    path = Path(glymur.data.jpxfile())
    box = max(
        (box for box in glymur.Jp2k(path).box if box.box_id == "jp2c"), key=lambda box: box.length
    )
    with path.open("rb") as content:
        content.seek(box.offset + 8)  # the length and the type of the box
        image = Image.open(io.BytesIO(content.read(box.length - 8)))
    return image.convert("L").reduce(2)


def folder(place: Path, count: int, size: int, mode: str) -> Path:
    """A folder of ``count`` JPEGs named as SDO's are, each a little shifted so that all differ."""
    place.mkdir()
    whole = sun().resize((size, size), Image.Resampling.LANCZOS).convert(mode)
    first = datetime(2014, 1, 1)
    for number in range(count):
        time = first + number * timedelta(minutes=6)
        shifted = ImageChops.offset(whole, 3 * number, -2 * number)
        shifted.save(place / f"{time:%Y-%m-%dT%H%M%S}__171.jpeg", quality=QUALITY)
    return place


def batch(path: Path, count: int, size: int) -> Path:
    """An array (count, 1, size, size), float32 in [-1, 1], of regions on the disk, as ``.npy``."""
    whole = np.asarray(sun().reduce(2), np.float32) / 127.5 - 1
    edge = (whole.shape[0] - size) // 2
    regions = [
        whole[y : y + size, x : x + size]
        for y in (edge - size, edge)
        for x in range(edge - 2 * size, edge + 2 * size, size)
    ]
    np.save(path, np.stack(regions[:count])[:, None])
    return path
