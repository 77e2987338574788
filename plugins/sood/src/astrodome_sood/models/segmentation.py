"""Model ``segmentation``: a U-Net that is trained to find generated defects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from astrodome.runs import Run
from numpy.typing import NDArray
from torch import nn

from ..protocols import ImageSet
from .defects import check_families
from .detector import DetectorModel
from .unet import UNet

EPOCH_IMAGES = 1280
"""Default number of images in a training epoch."""
VALIDATION_IMAGES = 160
"""Maximum number of images with which the validation loss is computed."""


class EpochImages:
    """Image set from which a fixed number of images is drawn in each epoch.

    Therefore, the number of training steps does not depend on the number of images. If ``images``
    contains fewer images, they are used several times, with different defects.
    """

    def __init__(self, images: ImageSet, count: int) -> None:
        self._images, self._count = images, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        return self._images[index]

    def batch(self, indices: Sequence[int]) -> NDArray[np.float32]:
        """Return images as an array with shape (N, C, H, W)."""
        return self._images.batch(indices)

    def describe(self, index: int) -> Mapping[str, Any]:
        """Return the metadata of an image."""
        return self._images.describe(index)

    def order(self, random: torch.Generator) -> list[int]:
        """Return the indices of the images in an epoch."""
        own = getattr(self._images, "order", None)
        found: list[int] = []
        while len(found) < self._count:
            size = len(self._images)
            found += own(random) if own else torch.randperm(size, generator=random).tolist()
        return found[: self._count]


class SegmentationModel(DetectorModel[UNet]):
    """Network that is trained to find defects, which are generated in the training images.

    The pixel score is the logit of the probability that the pixel was changed. The image score is
    the mean of the top 3 % of the pixel scores.

    ``model.fmap_sizes`` contains the number of feature maps on each level of the network.
    ``model.options.epoch_images`` is the number of images in an epoch, and
    ``model.options.leave_out`` is a list of families of defects that are not used for training.
    """

    name = "segmentation"
    modes = ("logit",)

    @staticmethod
    def new_network(shape: Mapping[str, Any]) -> UNet:
        return UNet(shape["target_size"], shape["channels"], shape["fmap_sizes"])

    def train(
        self, train: ImageSet, validation: ImageSet, run: Run, config: Mapping[str, Any]
    ) -> None:
        """Train the network. If ``model.load_path`` is set, training starts from these weights."""
        if load_path := config["model"]["load_path"]:
            net = self.read(Path(load_path))
        else:
            net = random_network(train, config)
        train_segmentation(self.name, net, net, train, validation, run, config)


def random_network(images: ImageSet, config: Mapping[str, Any]) -> UNet:
    """Return a network with random weights for the images."""
    shape = config["model"]
    with torch.random.fork_rng():
        torch.manual_seed(config["seed"])
        return UNet(shape["target_size"], images[0].shape[0], shape["fmap_sizes"])


def train_segmentation(
    model: str,
    net: nn.Module,
    unet: UNet,
    train: ImageSet,
    validation: ImageSet,
    run: Run,
    config: Mapping[str, Any],
) -> None:
    """Train ``unet``, which is ``net`` or a part of ``net``, and save the weights of ``net``."""
    from .fit import fit  # Importing Lightning takes several seconds.
    from .lightning_module import SegmentationModule

    options = config["model"]["options"]
    module = SegmentationModule(net, unet, config, check_families(options.get("leave_out", [])))
    images = EpochImages(train, int(options.get("epoch_images", EPOCH_IMAGES)))
    held = EpochImages(validation, min(len(validation), VALIDATION_IMAGES))
    fit(model, module, images, held, run, config)
