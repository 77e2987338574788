"""Network that combines the segmentation of defects with the density of local statistics."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .detector import ScoreNetwork
from .statistics_network import StatisticsNetwork
from .unet import UNet, image_scores

GUARD_WEIGHT = 0.5
"""Weight of the compressed standardized score of the statistics, which is added to the score."""
GUARD_MARGIN = 4.0
"""The score is not smaller than the standardized score of the statistics minus this value."""


class DetectNetwork(ScoreNetwork):
    """Network that scores images with a U-Net, and guards it with the statistics of the images.

    The U-Net finds changed regions. The statistics find defects of a whole image, such as a
    defocused or underexposed image, in which no region differs from its surroundings.

    Both scores are standardized with ``limits``. Its rows are the median of the scores of clean
    images, and the distance from the median to the 90th percentile. See :func:`combined`.
    """

    limits: Tensor

    def __init__(self, statistics: StatisticsNetwork, unet: UNet) -> None:
        super().__init__()
        self.statistics, self.unet = statistics, unet
        self.size, self.channels = unet.size, unet.channels
        self.register_buffer("limits", torch.tensor([[0.0, 0.0], [1.0, 1.0]]))

    @property
    def shape(self) -> dict[str, Any]:
        """Shape of the network, for the weights file."""
        return self.statistics.shape | self.unet.shape

    def scores(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the image scores with shape (N,) and the pixel scores with shape (N, H, W).

        The pixel score is the standardized logit of the U-Net, also if the statistics determine the
        score of the image: adding a value to all pixels of some images would make the pixel scores
        of different images incomparable.
        """
        logits = self.unet(images)
        regions, guard = self.standardized(logits, self.statistics.image_scores(images))
        low, span = self.limits[:, 0]
        return combined(regions, guard), (logits - low) / span

    def standardized(self, logits: Tensor, guard: Tensor) -> tuple[Tensor, Tensor]:
        """Return the standardized scores of the U-Net and of the statistics.

        ``guard`` contains the scores of the statistics before the standardization.
        """
        low, span = self.limits
        return (image_scores(logits) - low[0]) / span[0], (guard - low[1]) / span[1]

    def parts(self, images: Tensor) -> Tensor:
        """Return the scores of the U-Net and of the statistics, with shape (N, 2)."""
        return torch.stack(
            [image_scores(self.unet(images)), self.statistics.image_scores(images)], dim=1
        )

    def set_limits(self, parts: Tensor) -> None:
        """Set the limits from the scores of clean images with shape (N, 2)."""
        levels = parts.quantile(torch.tensor([0.5, 0.9]).to(parts), dim=0)
        self.limits[0] = levels[0]
        self.limits[1] = (levels[1] - levels[0]).clamp(min=1e-3)


def combined(regions: Tensor, guard: Tensor) -> Tensor:
    """Return the image scores for the standardized scores of the U-Net and of the statistics.

    The scores of the statistics vary more between regions of the Sun than those of the U-Net.
    Therefore, their inverse hyperbolic sine is added: it is proportional to small scores, and
    increases with the logarithm of large ones. Very large scores of the statistics are not
    compressed, so that the U-Net cannot hide a spoiled image.
    """
    return torch.maximum(regions + GUARD_WEIGHT * guard.asinh(), guard - GUARD_MARGIN)
