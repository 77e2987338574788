"""Simulate and fit images of the solar disk in the continuum.

Both functions use the linear law of limb darkening, I(mu) = I(1) (1 - u (1 - mu)), where mu is the
cosine of the angle between the line of sight and the vertical (Milne 1921, MNRAS 81, 361).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astrodome import AstrodomeError
from numpy.typing import NDArray
from PIL import Image

CENTER = 230.0
"""Gray level (0 to 255) of the disk center in a simulated image."""
EDGE = 0.1
"""Threshold for pixels on the disk, as a fraction of the maximum brightness."""
LEAST = 200
"""Minimum area of a disk, in pixels."""


@dataclass(frozen=True)
class Spot:
    """A dark spot with a Gaussian profile.

    ``x``, ``y`` (offset from the disk center) and ``sigma`` are in solar radii. ``depth`` is the
    relative decrease of the brightness at the center of the spot.
    """

    x: float
    y: float
    sigma: float
    depth: float


@dataclass(frozen=True)
class Disk:
    """The result of a fit.

    ``x``, ``y`` (center) and ``radius`` are in pixels, and ``limb_darkening`` is the coefficient u.
    ``residual`` is the root mean square deviation from the linear law, relative to I(1).
    """

    x: float
    y: float
    radius: float
    limb_darkening: float
    residual: float


def draw(
    size: int, radius: float, limb_darkening: float, spots: Iterable[Spot] = ()
) -> NDArray[np.uint8]:
    """Return an image with shape (size, size), with a disk of ``radius`` pixels in its center."""
    offset = (np.arange(size) - (size - 1) / 2) / radius
    x, y = offset[np.newaxis, :], offset[:, np.newaxis]
    mu = np.sqrt(np.clip(1 - x**2 - y**2, 0, None))
    light = np.where(mu > 0, 1 - limb_darkening * (1 - mu), 0)
    for spot in spots:
        distance = ((x - spot.x) ** 2 + (y - spot.y) ** 2) / spot.sigma**2
        light *= 1 - spot.depth * np.exp(-distance / 2)
    return np.rint(CENTER * light).astype(np.uint8)


def fit_file(path: Path) -> Disk:
    """Fit the disk in an image file. Raises OSError if the file cannot be decoded."""
    with Image.open(path) as image:
        return fit(np.asarray(image.convert("F")))


def fit(image: NDArray[np.floating]) -> Disk:
    """Fit the disk in a grayscale image with shape (height, width).

    Small spots do not affect the result. Raises AstrodomeError if the image does not contain a
    complete disk.
    """
    inside = image > EDGE * np.percentile(image, 99.5)
    rows, columns = np.nonzero(inside)
    _expect_disk(inside, rows, columns)
    x, y, radius = columns.mean(), rows.mean(), np.sqrt(rows.size / np.pi)
    r2 = ((columns - x) ** 2 + (rows - y) ** 2) / radius**2
    darkness = 1 - np.sqrt(1 - r2[r2 < 0.95])  # Pixels at the edge contain sky.
    brightness = image[inside][r2 < 0.95]
    bins = np.digitize(darkness, np.linspace(0, 1, 33))
    at = np.array([darkness[bins == n].mean() for n in np.unique(bins)])
    level = np.array([np.median(brightness[bins == n]) for n in np.unique(bins)])
    slope, center = np.polyfit(at, level, 1)
    residual = np.sqrt(np.mean((level - center - slope * at) ** 2)) / center
    return Disk(float(x), float(y), float(radius), float(-slope / center), float(residual))


def _expect_disk(
    inside: NDArray[np.bool_], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> None:
    """Raise AstrodomeError if the disk touches the border or is not circular."""
    border = np.concatenate([inside[0], inside[-1], inside[:, 0], inside[:, -1]])
    if border.any() or rows.size < LEAST:
        raise AstrodomeError(
            f"No complete solar disk with an area of at least {LEAST} pixels found."
        )
    height, width = int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1
    fills = rows.size / (height * width)
    if abs(height / width - 1) > 0.05 or abs(fills - np.pi / 4) > 0.05:
        raise AstrodomeError("No complete solar disk found: the bright region is not circular.")


def check_fit() -> Iterator[str]:
    """Yield a problem description if the fit of a simulated disk returns a wrong coefficient."""
    found = fit(draw(256, 100, 0.56)).limb_darkening
    if abs(found - 0.56) > 0.02:
        yield f"the fit of a simulated disk returned the coefficient {found:.3f} instead of 0.560"
