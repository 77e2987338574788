"""Compute the parameters of a :class:`.statistics_network.StatisticsNetwork` from images.

The images are read twice. In the first pass, the local statistics are sampled at random positions.
In the second pass, the statistics of whole images are computed.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.covariance import LedoitWolf
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from torch import Tensor
from torch.nn import functional

from .. import progress
from ..protocols import ImageSet
from .local_statistics import CHUNK_PIXELS, STATISTICS, local_statistics
from .statistics_network import GRID, StatisticsNetwork

MAX_IMAGES, MAX_VECTORS, MIXTURE_VECTORS = 2_000, 200_000, 10_000
"""Maximum number of training images, of sampled vectors, and of vectors that are used to fit the
Gaussian mixture."""
COMPONENTS = 16
"""Number of components in the Gaussian mixture."""
RIDGE = 1e-2
"""Variance that is added to each statistic, in units of its robust variance."""
MIN_SCALE, MIN_PROFILE_SCALE, MIN_CELL_SCALE = 1e-3, 0.02, 0.25
"""Smallest scale of a statistic, of a whole-image statistic, and of a statistic in a cell. The
last two are in units of the scale of the statistic."""
TAIL = 0.001
"""Fraction of the windows of the training images whose deviations determine the scale."""
MAX_DEVIATION = 6.0
"""Larger deviations of training images are reduced to this value for the covariance."""
SAME_POSITION = 0.8
"""Correlation between the mean images of two halves of the training set above which the images are
full-disk images."""


@dataclass
class _Sample:
    """Local statistics at random positions.

    ``vectors`` has the shape (M, S), and ``cells`` contains the row and the column of the cell of
    each vector, with shape (M, 2). ``intensity`` contains the mean intensity in each cell of each
    image, with shape (N, GRID * GRID).
    """

    vectors: Tensor
    cells: Tensor
    intensity: Tensor


def fit(train: ImageSet, validation: ImageSet, seed: int, layout: str) -> StatisticsNetwork:
    """Return a network for the training images.

    The image scores are standardized with the validation images. ``layout`` is ``patches``,
    ``disks``, or ``auto``, which detects full-disk images.
    """
    random = np.random.default_rng(seed)
    channels, _, size = train[0].shape
    chosen, held = (some_images(len(images), random) for images in (train, validation))
    total = 2 * len(chosen) + len(held)
    with progress.task("Training", total, resumes=False) as task, torch.no_grad():
        sample = _sample(train, chosen, random, task)
        if layout == "auto":
            layout = "disks" if _have_same_positions(sample.intensity) else "patches"
        cells = GRID if layout == "disks" else 1
        components = max(1, min(COMPONENTS, len(sample.vectors) // (4 * len(STATISTICS))))
        net = StatisticsNetwork(size, channels, cells, components)
        _fit_standardization(net, sample)
        _fit_mixture(net, _standardized(net, sample), seed)
        _fit_profiles(net, train, chosen, task)
        _fit_limits(net, validation, held, task)
    return net


def image_chunks(images: ImageSet, chosen: NDArray[np.intp]) -> Iterator[Tensor]:
    """Yield the chosen images in tensors with a limited number of pixels."""
    size = max(1, CHUNK_PIXELS // images[0].size)
    for start in range(0, len(chosen), size):
        part = chosen[start : start + size]
        yield torch.from_numpy(images.batch(part.tolist()))


def some_images(count: int, random: np.random.Generator) -> NDArray[np.intp]:
    """Return the sorted indices of at most ``MAX_IMAGES`` random images."""
    return np.sort(random.permutation(count)[:MAX_IMAGES])


def _sample(
    images: ImageSet, chosen: NDArray[np.intp], random: np.random.Generator, task: progress.Task
) -> _Sample:
    vectors, cells, intensity = [], [], []
    brightness = [each.name for each in STATISTICS].index("intensity")
    for chunk in image_chunks(images, chosen):
        found = local_statistics(chunk)
        count, _, height, width = found.shape
        per_image = min(height * width, max(1, MAX_VECTORS // len(chosen)))
        flat = found.flatten(2)
        for one in flat:
            at = torch.from_numpy(random.permutation(height * width)[:per_image])
            vectors.append(one[:, at].T)
            cells.append(torch.stack([at // width * GRID // height, at % width * GRID // width], 1))
        pooled = functional.adaptive_avg_pool2d(found[:, brightness], GRID)
        intensity.append(pooled.reshape(count, -1))
        task.advance(count)
    return _Sample(torch.cat(vectors), torch.cat(cells), torch.cat(intensity))


def _have_same_positions(intensity: Tensor) -> bool:
    """Return whether the mean intensity depends on the position, as in full-disk images."""
    if len(intensity) < 2:
        return False
    means = torch.stack([intensity[0::2].mean(dim=0), intensity[1::2].mean(dim=0)])
    return bool(means.corrcoef()[0, 1].nan_to_num() > SAME_POSITION)


def robust_scale(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return the median and the scaled median absolute deviation along the first dimension."""
    center = values.median(dim=0).values
    return center, 1.4826 * (values - center).abs().median(dim=0).values


def _fit_standardization(net: StatisticsNetwork, sample: _Sample) -> None:
    center, scale = robust_scale(sample.vectors)
    scale = scale.clamp(min=MIN_SCALE)
    net.center[:], net.scale[:] = center[:, None, None], scale[:, None, None]
    if net.cells == 1:
        return
    numbers = sample.cells[:, 0] * GRID + sample.cells[:, 1]
    for number in numbers.unique().tolist():
        at = (slice(None), number // GRID, number % GRID)
        net.center[at], found = robust_scale(sample.vectors[numbers == number])
        net.scale[at] = torch.maximum(found, MIN_CELL_SCALE * scale)


def _standardized(net: StatisticsNetwork, sample: _Sample) -> Tensor:
    y, x = sample.cells.T if net.cells > 1 else torch.zeros_like(sample.cells.T)
    return (sample.vectors - net.center[:, y, x].T) / net.scale[:, y, x].T


def _fit_mixture(net: StatisticsNetwork, vectors: Tensor, seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(vectors), generator=random)[:MIXTURE_VECTORS]
    mixture = GaussianMixture(net.components, reg_covar=RIDGE, max_iter=50, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # Any mixture is a valid density.
        mixture.fit(vectors[chosen].double().numpy())
    factors = mixture.precisions_cholesky_
    offsets = np.einsum("kd,kde->ek", mixture.means_, factors)
    volumes = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
    net.factors[:] = torch.from_numpy(factors.transpose(1, 2, 0).reshape(vectors.shape[1], -1))
    net.offsets[:] = torch.from_numpy(offsets.ravel())
    net.log_weights[:] = torch.from_numpy(np.log(mixture.weights_) + volumes)


def _fit_profiles(
    net: StatisticsNetwork, images: ImageSet, chosen: NDArray[np.intp], task: progress.Task
) -> None:
    profiles, windows = [], []
    for chunk in image_chunks(images, chosen):
        standardized = net.standardized(chunk)
        profiles.append(net.profile(standardized))
        windows.append(net.windows(standardized).flatten(2).transpose(1, 2).flatten(0, 1))
        task.advance(len(chunk))
    found = torch.cat(profiles)
    center, scale = robust_scale(found)
    net.profile_center[:], net.profile_scale[:] = center, scale.clamp(min=MIN_PROFILE_SCALE)
    deviations = (found - net.profile_center) / net.profile_scale
    limited = deviations.clamp(-MAX_DEVIATION, MAX_DEVIATION).double().numpy()
    covariance = RIDGE * np.eye(limited.shape[1])
    if len(limited) > 1:
        covariance += LedoitWolf().fit(limited).covariance_
    net.profile_mean[:] = torch.from_numpy(limited.mean(axis=0))
    net.profile_factor[:] = torch.from_numpy(np.linalg.cholesky(np.linalg.inv(covariance)))
    net.window_center[:], net.window_scale[:] = _window_scale(torch.cat(windows))


def _window_scale(windows: Tensor) -> tuple[Tensor, Tensor]:
    """Return the medians with shape (S,), and the scales below and above with shape (2, S).

    A scale is the robust standard deviation or, if that is larger, the distance of the percentile
    ``TAIL`` in standard deviations of a normal distribution. Otherwise, common bright points would
    deviate more than a defocused image.
    """
    center, scale = robust_scale(windows)
    limits = np.quantile(windows.numpy(), (TAIL, 1 - TAIL), axis=0).astype(np.float32)
    distances = (torch.from_numpy(limits) - center).abs() / -float(norm.ppf(TAIL))
    return center, distances.maximum(scale).clamp(min=MIN_PROFILE_SCALE)


def _fit_limits(
    net: StatisticsNetwork, images: ImageSet, chosen: NDArray[np.intp], task: progress.Task
) -> None:
    """Set the median of each part of the image score, and its distance to the 90th percentile."""
    parts = []
    for chunk in image_chunks(images, chosen):
        found = net.standardized(chunk)
        parts.append(net.image_parts(found, net.local_scores(found)))
        task.advance(len(chunk))
    levels = torch.cat(parts).quantile(torch.tensor([0.5, 0.9]), dim=0)
    net.limits[0] = levels[0]
    net.limits[1] = (levels[1] - levels[0]).clamp(min=1e-3)
