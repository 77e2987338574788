"""Find the local statistic that deviates most in an image, or in a region of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from ..protocols import Explanation
from .local_statistics import POOL, STATISTICS, pool
from .statistics_network import WINDOW, StatisticsNetwork

UNUSUAL = 3.0
"""Deviation above which a possible cause is named, in robust standard deviations."""


def explain(net: StatisticsNetwork, images: Tensor) -> list[Explanation]:
    """Return the most important deviation of each image with shape (N, C, H, W).

    The deviation of a statistic in the whole image is compared with the deviations in windows. The
    larger one is returned.
    """
    standardized = net.standardized(images)
    whole = net.profile_deviation(standardized)[:, : standardized.shape[1]]
    windows = net.window_deviation(standardized)
    found = []
    for image, regions in zip(whole, windows, strict=True):
        index = int(image.abs().argmax())
        if image[index].abs() >= regions.abs().max():
            center = [(side - 1) / 2 for side in images.shape[-2:]]
            found.append(_describe(net.channels, index, float(image[index]), center))
        else:
            found.append(_describe_window(net.channels, regions, images.shape[-2:]))
    return found


def _describe_window(channels: int, regions: Tensor, size: Sequence[int]) -> Explanation:
    """Describe the largest deviation in windows with shape (S, y, x)."""
    index, *at = torch.unravel_index(regions.abs().argmax(), regions.shape)
    pooled = min(WINDOW, *(-(-side // POOL) for side in size))
    step = POOL * max(1, pooled // 2)
    center = [int(number) * step + (POOL * pooled - 1) / 2 for number in at]
    place = f" near row {center[0]:.0f}, column {center[1]:.0f}"
    return _describe(channels, int(index), float(regions[index, *at]), center, place)


def _describe(
    channels: int, index: int, deviation: float, center: Sequence[float], place: str = ""
) -> Explanation:
    channel, number = divmod(index, len(STATISTICS))
    statistic = STATISTICS[number]
    prefix = f"channel {channel + 1}: " if channels > 1 else ""
    side = "below" if deviation < 0 else "above"
    text = f"{prefix}{statistic.label} {abs(deviation):.1f} σ {side} the training images{place}"
    if abs(deviation) >= UNUSUAL:
        text += f": {statistic.low if deviation < 0 else statistic.high}"
    return Explanation(statistic.name, deviation, center[0], center[1], text)


def explain_region(net: StatisticsNetwork, image: Tensor, logits: Tensor) -> Explanation:
    """Return the position of the changed region in an image, and its most important deviation.

    ``image`` has the shape (C, H, W), and ``logits`` with shape (H, W) are the logits of a
    segmentation network. The means of the statistics in the region are compared with the means in
    windows of the training images.
    """
    region = changed_region(logits.cpu().numpy())
    weight = pool(torch.from_numpy(region).to(image)[None])[0]
    standardized = net.standardized(image[None])[0]
    means = (standardized * weight).sum(dim=(1, 2)) / weight.sum()
    deviations = (means - net.window_center) / net.window_scale
    index = int(deviations.abs().argmax())
    center = [float(each.mean()) for each in region.nonzero()]
    place = (
        f" in a changed region of {region.sum()} pixels near row {center[0]:.0f}, "
        f"column {center[1]:.0f}"
    )
    return _describe(net.channels, index, float(deviations[index]), center, place)


def changed_region(logits: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the connected region with the largest sum of the probabilities, with shape (H, W).

    It contains the pixels whose probability is at least one half or, if there are none, at least
    half of the largest probability.
    """
    probability = 1 / (1 + np.exp(-logits.astype(np.float64)))
    limit = min(0.5, float(probability.max()) / 2)
    labels, count = ndimage.label(probability >= limit, np.ones((3, 3)))
    sums = ndimage.sum_labels(probability, labels, range(1, count + 1))
    return np.asarray(labels == 1 + int(np.argmax(sums)))
