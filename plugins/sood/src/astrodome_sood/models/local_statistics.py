"""Local statistics of images at several spatial scales.

For each pixel and channel, the statistics describe the structure in bands of spatial frequency
(differences of Gaussians), the smoothed intensity, the gradients in both directions, and the local
minimum and maximum. The bands contain both the signed value and the logarithm of the local energy,
so that missing structure changes the statistics as much as additional structure.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor
from torch.nn import functional

SIGMAS = (0.7, 1.4, 2.8, 5.6)
"""Standard deviations of the Gaussians whose differences are the bands, in pixels."""
WINDOW = 1.2
"""Standard deviation of the window in which the energy of a band is computed, in units of the
standard deviation of the band."""
GRADIENT_WINDOW = 1.4
"""Standard deviation of the window in which the gradient is averaged, in pixels."""
FLOOR = 0.002
"""Intensity that is added to energies before the logarithm is computed: 0.1 % of the range."""
POOL = 2
"""Width of the square in which the statistics are averaged, in pixels."""
CHUNK_PIXELS = 2**15
"""Number of pixels of the images that are processed together."""


@dataclass(frozen=True)
class Statistic:
    """A local statistic, and the most frequent causes of low and high values."""

    name: str
    label: str
    low: str
    high: str


STATISTICS = (
    Statistic("band_1", "finest structure", "missing pixels", "particle hits or noise"),
    Statistic("band_2", "fine structure", "dark points", "bright points"),
    Statistic("band_3", "medium structure", "dark features", "bright features"),
    Statistic(
        "energy_1", "fine-scale energy", "defocus or compression", "noise, stripes or particle hits"
    ),
    Statistic("energy_2", "small-scale energy", "defocus or compression", "noise or stripes"),
    Statistic("energy_3", "medium-scale energy", "missing structure", "unusual structure"),
    Statistic("energy_4", "large-scale energy", "missing structure", "unusual structure"),
    Statistic("intensity", "intensity", "underexposure or an eclipse", "overexposure or a flare"),
    Statistic(
        "gradient_x",
        "horizontal gradient",
        "defocus or missing columns",
        "edges or vertical stripes",
    ),
    Statistic(
        "gradient_y", "vertical gradient", "defocus or missing rows", "edges or horizontal stripes"
    ),
    Statistic("minimum", "local minimum", "missing pixels or occultation", "scattered light"),
    Statistic("maximum", "local maximum", "underexposure or occultation", "saturation or hits"),
)
"""Statistics in the order in which :func:`local_statistics` returns them."""


def local_statistics(images: Tensor) -> Tensor:
    """Compute the local statistics of images.

    ``images`` has the shape (N, C, H, W) and values in [-1, 1]. The result has the shape
    (N, C * S, h, w), where S is the number of statistics, and h and w are half of H and W, rounded
    up. The statistics of an image do not depend on the other images.
    """
    count, channels, height, width = images.shape
    x = images.reshape(count * channels, height, width)
    levels = [x, *(smooth(x, sigma) for sigma in SIGMAS)]
    bands = [fine - coarse for fine, coarse in pairwise(levels)]
    windows = [WINDOW * sigma for sigma in SIGMAS]
    found = bands[:3]
    found += [log_rms(band, window) for band, window in zip(bands, windows, strict=True)]
    found.append(levels[-1])
    found += [log_rms(gradient(x, axis), GRADIENT_WINDOW) for axis in (-1, -2)]
    found += [-local_maximum(-x), local_maximum(x)]
    pooled = pool(torch.stack(found, dim=1))
    return pooled.reshape(count, channels * len(STATISTICS), *pooled.shape[-2:])


def smooth(x: Tensor, sigma: float) -> Tensor:
    """Convolve images with shape (N, H, W) with a Gaussian. The images are reflected at the edges.

    For the usual image sizes, matrix products are faster than convolutions on a CPU. They are
    computed with 32 bits, because differences between smoothed images can be small.
    """
    if torch.is_autocast_enabled(x.device.type):
        with torch.autocast(x.device.type, enabled=False):
            return smooth(x.float(), sigma)
    rows, columns = (_gaussian_matrix(size, sigma).to(x) for size in x.shape[-2:])
    return rows @ x @ columns.T


@lru_cache(maxsize=64)
def _gaussian_matrix(size: int, sigma: float) -> Tensor:
    """Return the matrix that convolves a vector with ``size`` elements with a Gaussian."""
    matrix = gaussian_filter1d(np.eye(size), sigma, axis=0).astype(np.float32)
    with torch.inference_mode(False):  # The cached matrix is also used for training.
        return torch.from_numpy(matrix)


def pool(x: Tensor) -> Tensor:
    """Return the means in squares of ``POOL`` × ``POOL`` pixels, or in their parts in the image."""
    rows, columns = (_pooling_matrix(size).to(x) for size in x.shape[-2:])
    return rows @ x @ columns.T


@lru_cache(maxsize=64)
def _pooling_matrix(size: int) -> Tensor:
    """Return the matrix that averages adjacent elements of a vector with ``size`` elements."""
    matrix = np.zeros((-(-size // POOL), size), np.float32)
    for row in range(len(matrix)):
        part = slice(row * POOL, (row + 1) * POOL)
        matrix[row, part] = 1 / len(matrix[row, part])
    with torch.inference_mode(False):  # The cached matrix is also used for training.
        return torch.from_numpy(matrix)


def local_maximum(x: Tensor) -> Tensor:
    """Return the maximum in squares of 3 × 3 pixels, for images with shape (N, H, W)."""
    padded = functional.pad(x, (1, 1, 1, 1), mode="replicate")
    rows = torch.maximum(torch.maximum(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
    return torch.maximum(torch.maximum(rows[..., :-2], rows[..., 1:-1]), rows[..., 2:])


def log_rms(x: Tensor, window: float) -> Tensor:
    """Return the logarithm of the root mean square in a Gaussian window around each pixel."""
    return 0.5 * (smooth(x.square(), window).clamp(min=0) + FLOOR**2).log()


def gradient(x: Tensor, axis: int) -> Tensor:
    """Return the differences between adjacent pixels. The last difference is used twice."""
    size = x.shape[axis]
    if size == 1:
        return torch.zeros_like(x)
    differences = x.diff(dim=axis)
    return torch.cat([differences, differences.narrow(axis, size - 2, 1)], dim=axis)
