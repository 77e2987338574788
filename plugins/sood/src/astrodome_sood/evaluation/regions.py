"""Draw random regions: ellipses, irregular polygons and arcs that cover 2 to 12 % of an image.

The shapes differ from the masks with which self-supervised models are usually trained (rectangles,
streaks and thresholded noise), so that a model does not have to recognize its own training data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

MIN_AREA, MAX_AREA = 0.02, 0.12
"""Minimum and maximum area of a region, as a fraction of the image area."""
Mask = NDArray[np.bool_]


def ellipse(shape: tuple[int, int], random: np.random.Generator) -> Mask:
    """Return the mask of a random rotated ellipse inside an image with the shape (H, W)."""
    height, width = shape
    area = random.uniform(MIN_AREA, MAX_AREA) * height * width
    stretch = random.uniform(0.5, 2.0)
    a, b = np.sqrt(area * stretch / np.pi), np.sqrt(area / stretch / np.pi)
    angle = random.uniform(0, np.pi)
    reach_x = np.hypot(a * np.cos(angle), b * np.sin(angle))
    reach_y = np.hypot(a * np.sin(angle), b * np.cos(angle))
    x0 = random.uniform(min(reach_x, width / 2), max(width - reach_x, width / 2))
    y0 = random.uniform(min(reach_y, height / 2), max(height - reach_y, height / 2))
    y, x = np.mgrid[:height, :width] + 0.5
    along = (x - x0) * np.cos(angle) + (y - y0) * np.sin(angle)
    across = (y - y0) * np.cos(angle) - (x - x0) * np.sin(angle)
    return np.asarray((along / a) ** 2 + (across / b) ** 2 <= 1)


def polygon(shape: tuple[int, int], random: np.random.Generator) -> Mask:
    """Return the mask of a random irregular polygon inside an image with the shape (H, W)."""
    count = int(random.integers(7, 12))
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    radii = random.uniform(0.45, 1.0, count)
    return _placed(
        np.stack([radii * np.sin(angles), radii * np.cos(angles)], axis=1), shape, random
    )


def arc(shape: tuple[int, int], random: np.random.Generator) -> Mask:
    """Return the mask of a random part of a ring inside an image with the shape (H, W)."""
    half = np.radians(random.uniform(50, 110))
    inner = random.uniform(0.5, 0.7)
    angles = np.linspace(-half, half, 24)
    edge = np.stack([np.sin(angles), np.cos(angles)], axis=1)
    return _placed(np.concatenate([edge, inner * edge[::-1]]), shape, random)


def _placed(
    outline: NDArray[np.float64], shape: tuple[int, int], random: np.random.Generator
) -> Mask:
    """Rotate, scale and move an outline with the rows (y, x), and return its mask."""
    from skimage.draw import polygon2mask

    y, x = outline.T
    unit = abs(np.dot(y, np.roll(x, 1)) - np.dot(x, np.roll(y, 1))) / 2
    area = random.uniform(MIN_AREA, MAX_AREA) * shape[0] * shape[1]
    angle = random.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = outline @ turn * np.sqrt(area / unit)
    low, high = points.min(0), points.max(0)
    room = np.array(shape) - (high - low)
    start = np.where(room > 0, random.uniform(0, 1, 2) * room, room / 2)
    # In polygon2mask, the center of the first pixel has the coordinates (0, 0).
    return np.asarray(polygon2mask(shape, points - low + start - 0.5), bool)


SHAPES: dict[str, Callable[[tuple[int, int], np.random.Generator], Mask]] = {
    "ellipse": ellipse,
    "polygon": polygon,
    "arc": arc,
}
"""Functions that draw a random region, keyed by the name of the shape."""


def moved_to_maximum(inside: Mask, values: NDArray[np.floating[Any]]) -> Mask:
    """Move a region inside an image to the position where the mean of ``values`` is largest."""
    from scipy.signal import correlate

    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    region = inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    sums = correlate(values.astype(np.float64), region.astype(np.float64), "valid", "fft")
    y, x = np.unravel_index(int(sums.argmax()), sums.shape)
    moved = np.zeros_like(inside)
    moved[y : y + region.shape[0], x : x + region.shape[1]] = region
    return moved


def softened(inside: Mask, sigma: float) -> NDArray[np.float32]:
    """Return weights from 0 to 1: the mask after a Gaussian filter with ``sigma`` pixels."""
    return np.asarray(gaussian_filter(inside.astype(np.float32), sigma), np.float32)
