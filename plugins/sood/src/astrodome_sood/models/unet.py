"""Segmentation network: a small U-Net (Ronneberger et al. 2015, arXiv:1505.04597)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .detector import ScoreNetwork
from .local_statistics import WINDOW, smooth
from .scores import top_mean

FEATURES = 6
"""Number of feature maps that are computed for each image channel."""
BAND_SIGMAS = (0.7, 1.4, 2.8)
"""Standard deviations of the Gaussians whose differences are the bands, in pixels."""
TOP_SHARE = 0.03
"""Fraction of the pixels with the largest logits whose mean is the image score."""
CONTRAST_SIGMA = 8.0
"""Standard deviation of the window in which the contrast is normalized, in pixels."""


def normalized_features(images: Tensor) -> Tensor:
    """Return images and their bands of spatial frequency with a normalized local contrast.

    ``images`` has the shape (N, C, H, W), and the result has the shape (N, FEATURES * C, H, W). For
    each channel, the features are the image, three differences of Gaussians, and the logarithm of
    the local energy of the two finest ones. They do not depend on the intensity scale of the image,
    which differs between quiet and active regions and between instruments.
    """
    count, channels, height, width = images.shape
    x = images.reshape(count * channels, height, width)
    center = smooth(x, CONTRAST_SIGMA)
    found = [(x - center) / _local_rms(x - center, CONTRAST_SIGMA, 0.03)]
    levels = [x, *(smooth(x, sigma) for sigma in BAND_SIGMAS)]
    for number, (fine, coarse) in enumerate(pairwise(levels)):
        band = fine - coarse
        usual = _local_rms(band, CONTRAST_SIGMA, 0.002)
        found.append(band / usual)
        if number < 2:
            near = _local_rms(band, WINDOW * BAND_SIGMAS[number], 0.001)
            found.append((near / usual).log())
    return torch.stack(found, dim=1).view(count, FEATURES * channels, height, width)


def _local_rms(x: Tensor, sigma: float, floor: float) -> Tensor:
    return (smooth(x.square(), sigma).clamp(min=0) + floor**2).sqrt()


class Block(nn.Sequential):
    """Convolutions, each followed by batch normalization and a ReLU.

    ``widths`` contains the number of feature maps before the first and after each convolution.
    """

    def __init__(self, *widths: int) -> None:
        layers: list[nn.Module] = []
        for inputs, after in pairwise(widths):
            layers += [nn.Conv2d(inputs, after, 3, padding=1, bias=False), nn.BatchNorm2d(after)]
            layers.append(nn.ReLU())
        super().__init__(*layers)


class UNet(ScoreNetwork):
    """Network that computes the logit of the probability that a pixel was changed.

    ``size`` is the width of the training images in pixels. Images of any size can be processed;
    they are padded to a multiple of the downsampling factor. ``widths`` contains the number of
    feature maps on each level; each level has half the resolution of the previous one.
    """

    def __init__(self, size: int, channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.size, self.channels, self.widths = size, channels, tuple(widths)
        self.down = nn.ModuleList(
            Block(above, own, own) for above, own in pairwise((FEATURES * channels, *widths))
        )
        steps = list(reversed(list(pairwise(widths))))
        self.narrow = nn.ModuleList(nn.Conv2d(below, own, 1) for own, below in steps)
        self.up = nn.ModuleList(Block(2 * own, own) for own, _ in steps)
        self.head = nn.Conv2d(widths[0], 1, 1)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def shape(self) -> dict[str, Any]:
        """Shape of the network, for the weights file."""
        return {"channels": self.channels, "target_size": self.size, "fmap_sizes": self.widths}

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits for images with shape (N, C, H, W), with shape (N, H, W)."""
        height, width = images.shape[-2:]
        factor = 2 ** (len(self.widths) - 1)
        margins = [0, -width % factor, 0, -height % factor]
        x = normalized_features(images)
        x = functional.pad(x, margins, mode="replicate") if any(margins) else x
        skipped: list[Tensor] = []
        for level, block in enumerate(self.down):
            x = block(functional.max_pool2d(x, 2) if level else x)
            skipped.append(x)
        skipped.pop()
        for narrow, block in zip(self.narrow, self.up, strict=True):
            x = functional.interpolate(narrow(x), scale_factor=2.0, mode="bilinear")
            x = block(torch.cat([x, skipped.pop()], dim=1))
        logits: Tensor = self.head(x)[:, 0, :height, :width]
        return logits

    def scores(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the image scores with shape (N,), and the logits."""
        logits = self(images)
        return image_scores(logits), logits


def image_scores(logits: Tensor) -> Tensor:
    """Return the means of the largest logits, with shape (N,)."""
    return top_mean(logits, TOP_SHARE)
