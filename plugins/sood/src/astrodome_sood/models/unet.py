"""Segmentation network: a small U-Net (Ronneberger et al. 2015, arXiv:1505.04597)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .detector import ScoreNetwork
from .scores import top_mean


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
    feature maps on each level; each level has half the resolution of the previous one. The decoder
    is narrower than in the publication, which makes the network faster: the feature maps are
    reduced before they are enlarged, and a level has one convolution instead of two.
    """

    def __init__(self, size: int, channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.size, self.channels, self.widths = size, channels, tuple(widths)
        self.down = nn.ModuleList(
            Block(above, own, own) for above, own in pairwise((channels, *widths))
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
        x = functional.pad(images, margins, mode="replicate") if any(margins) else images
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
        """Return the mean of the top 10 % of the logits, and the logits."""
        logits = self(images)
        return top_mean(logits), logits
