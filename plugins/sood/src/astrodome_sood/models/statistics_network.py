"""Network that scores images by the density of their local statistics.

The network has no trained layers: its parameters are computed from the training images by
:func:`.statistics_fit.fit`. It is a torch module, so that it can be saved, moved and exported like
the other networks.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from .detector import ScoreNetwork
from .local_statistics import POOL, STATISTICS, local_statistics
from .scores import top_mean

GRID = 16
"""Number of rows and columns of cells in a full-disk image."""
WINDOW = 4
"""Width of the windows that explanations refer to, in pooled pixels."""


class StatisticsNetwork(ScoreNetwork):
    """Two densities: one for the local statistics, and one for the statistics of whole images.

    ``size`` is the width of the training images in pixels. ``cells`` is 1 for patches. Full-disk
    images are divided into ``cells`` × ``cells`` cells, and the statistics are standardized
    separately for each cell. ``components`` is the number of components in the Gaussian mixture for
    the local statistics.
    """

    center: Tensor
    scale: Tensor
    log_weights: Tensor
    factors: Tensor
    offsets: Tensor
    profile_center: Tensor
    profile_scale: Tensor
    profile_mean: Tensor
    profile_factor: Tensor
    window_center: Tensor
    window_scale: Tensor
    limits: Tensor

    def __init__(self, size: int, channels: int, cells: int, components: int) -> None:
        super().__init__()
        self.size, self.channels = size, channels
        self.cells, self.components = cells, components
        length = channels * len(STATISTICS)
        shapes: dict[str, tuple[int, ...]] = {
            "center": (length, cells, cells),
            "scale": (length, cells, cells),
            "log_weights": (components,),
            "factors": (length, length * components),
            "offsets": (length * components,),
            "profile_center": (2 * length,),
            "profile_scale": (2 * length,),
            "profile_mean": (2 * length,),
            "profile_factor": (2 * length, 2 * length),
            "window_center": (length,),
            "window_scale": (2, length),
            "limits": (2, 2),
        }
        for name, shape in shapes.items():
            self.register_buffer(name, torch.zeros(shape))

    @property
    def shape(self) -> dict[str, Any]:
        """Shape of the network, for the weights file."""
        return {
            "channels": self.channels,
            "target_size": self.size,
            "cells": self.cells,
            "components": self.components,
        }

    def scores(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the image scores with shape (N,) and the pixel scores with shape (N, H, W)."""
        standardized = self.standardized(images)
        local = self.local_scores(standardized)
        return self._larger(standardized, local), upsampled(local, images.shape[-2:])

    def image_scores(self, images: Tensor) -> Tensor:
        """Return the image scores with shape (N,)."""
        standardized = self.standardized(images)
        return self._larger(standardized, self.local_scores(standardized))

    def _larger(self, standardized: Tensor, local: Tensor) -> Tensor:
        low, span = self.limits
        scores: Tensor = ((self.image_parts(standardized, local) - low) / span).amax(dim=1)
        return scores

    def image_parts(self, standardized: Tensor, local: Tensor) -> Tensor:
        """Return both parts of the image score, with shape (N, 2).

        ``local`` contains the local scores of the standardized statistics.
        """
        return torch.stack([top_mean(local), self.profile_distance(standardized)], dim=1)

    def standardized(self, images: Tensor) -> Tensor:
        """Return the local statistics in robust standard deviations, with shape (N, S, h, w)."""
        found = local_statistics(images)
        center, scale = self.center[None], self.scale[None]
        if self.cells > 1:
            shape = found.shape[-2:]
            center = functional.interpolate(center, shape, mode="bilinear")
            scale = functional.interpolate(scale, shape, mode="bilinear")
        return (found - center) / scale

    def local_scores(self, standardized: Tensor) -> Tensor:
        """Return the negative logarithm of the density of each vector, with shape (N, h, w)."""
        count, size, height, width = standardized.shape
        vectors = standardized.permute(0, 2, 3, 1).reshape(-1, size)
        projected = torch.addmm(-self.offsets, vectors, self.factors)  # A large array
        squares = projected.square_().view(-1, size, self.components).sum(dim=1)
        density = (self.log_weights - 0.5 * squares).logsumexp(dim=1)
        return -density.view(count, height, width)

    def profile(self, standardized: Tensor) -> Tensor:
        """Return the mean and standard deviation of each statistic, with shape (N, 2 S)."""
        flat = standardized.flatten(2)
        return torch.cat([flat.mean(dim=2), flat.std(dim=2, unbiased=False)], dim=1)

    def profile_deviation(self, standardized: Tensor) -> Tensor:
        """Return the statistics of whole images in robust standard deviations of the images."""
        return (self.profile(standardized) - self.profile_center) / self.profile_scale

    def profile_distance(self, standardized: Tensor) -> Tensor:
        """Return the Mahalanobis distance of the statistics of whole images, with shape (N,)."""
        deviation = self.profile_deviation(standardized) - self.profile_mean
        return (deviation @ self.profile_factor).square().sum(dim=1).sqrt()

    def conditional_deviation(self, standardized: Tensor) -> Tensor:
        """Return the deviation of each profile statistic from its expected value, (N, 2 S).

        The expected value follows from the other statistics of the image and their correlations;
        the unit is its standard deviation. Thus, low energy is unusual in a bright image, but not
        in a dark one.
        """
        deviation = self.profile_deviation(standardized) - self.profile_mean
        precision = self.profile_factor @ self.profile_factor.T
        return deviation @ precision / precision.diagonal().sqrt()

    def windows(self, standardized: Tensor) -> Tensor:
        """Return the means of the statistics in overlapping windows, with shape (N, S, y, x)."""
        size = min(WINDOW, *standardized.shape[-2:])
        return functional.avg_pool2d(standardized, size, stride=max(1, size // 2))

    def deviation(self, means: Tensor) -> Tensor:
        """Return how much means of the statistics, with shape (…, S), differ from the windows.

        The unit is the standard deviation of the windows of the training images, or more for a
        statistic whose largest deviations are larger than those of a normal distribution.
        """
        difference = means - self.window_center
        below, above = self.window_scale
        return difference / torch.where(difference < 0, below, above)


def upsampled(maps: Tensor, shape: torch.Size | tuple[int, ...]) -> Tensor:
    """Return maps of pooled pixels with the size of the images, (N, H, W)."""
    size = [POOL * side for side in maps.shape[-2:]]
    large = functional.interpolate(maps[:, None], size, mode="bilinear")[:, 0]
    return large[:, : shape[0], : shape[1]]
