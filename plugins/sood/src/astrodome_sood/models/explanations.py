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
"""Deviation above which a possible cause is named, in standard deviations."""
WHOLE_SHARE = 0.6
"""Deviation of a whole image above which it is described instead of a window, as a fraction of the
deviation in the window."""


def explain(net: StatisticsNetwork, images: Tensor) -> list[Explanation]:
    """Return the most important deviation of each image with shape (N, C, H, W).

    It is the largest of the deviations of the whole image from the training images with similar
    other statistics, and of the deviations in windows. If the deviation in a window also applies to
    the whole image, the whole image is described.
    """
    standardized = net.standardized(images)
    count = standardized.shape[1]
    expected = net.conditional_deviation(standardized)[:, :count]
    whole = net.deviation(standardized.mean(dim=(2, 3)))
    windows = net.deviation(net.windows(standardized).movedim(1, -1))
    middle = [(side - 1) / 2 for side in images.shape[-2:]]
    found = []
    for other, image, regions in zip(expected, whole, windows, strict=True):
        number = int(other.abs().argmax())
        row, column, index = np.unravel_index(int(regions.abs().argmax()), regions.shape)
        largest = float(regions[row, column, index])
        if abs(float(other[number])) >= abs(largest):
            place = " with otherwise similar statistics"
            found.append(_describe(net.channels, number, float(other[number]), middle, place))
        elif float(image[index]) * np.sign(largest) >= WHOLE_SHARE * abs(largest):
            found.append(_describe(net.channels, int(index), float(image[index]), middle))
        else:
            center = _window_center((int(row), int(column)), images.shape[-2:])
            place = f" near row {center[0]:.0f}, column {center[1]:.0f}"
            found.append(_describe(net.channels, int(index), largest, center, place))
    return found


def _window_center(window: Sequence[int], size: Sequence[int]) -> list[float]:
    """Return the row and the column of the center of a window in pixels."""
    pooled = min(WINDOW, *(-(-side // POOL) for side in size))
    step = POOL * max(1, pooled // 2)
    return [number * step + (POOL * pooled - 1) / 2 for number in window]


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
    deviations = net.deviation(means)
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
