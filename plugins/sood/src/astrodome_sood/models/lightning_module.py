"""Lightning modules that compute the loss and configure the optimizer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.nn import functional

from .batches import seeded_generator
from .defects import add_defects, random_crops, random_orientations
from .losses import ce_vae_losses, geco_step, reconstruction_loss
from .network import Autoencoder, Vae
from .unet import UNet

CROP = 64
"""Maximum width and height of the images with which a segmentation network is trained."""


class TrainingModule(pl.LightningModule):
    """Lightning module that trains a network.

    Batches have the shape (N, C, H, W) and values in [-1, 1]. All random numbers are determined by
    the seed and the epoch number. Lightning averages the logged losses over each epoch and over all
    processes.
    """

    net: nn.Module

    def __init__(self, net: nn.Module, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.net, self.settings, self.seed = net, config["train"], config["seed"]
        self.random = seeded_generator(self.seed)

    def losses(self, images: Tensor, random: torch.Generator) -> dict[str, Tensor]:
        """Return the total loss for a batch (``loss``) and the terms of the loss."""
        raise NotImplementedError

    def on_train_epoch_start(self) -> None:
        self.random = seeded_generator(self.seed, self.current_epoch, self.global_rank)

    def training_step(self, images: Tensor, index: int) -> dict[str, Tensor]:
        losses = self.losses(images, self.random)
        self.log("step_loss", losses["loss"])
        self._log_means(losses, len(images))
        return losses

    def on_validation_epoch_start(self) -> None:
        # Use the same random numbers in all epochs, so that validation losses are comparable.
        self.validation_random = seeded_generator(self.seed)

    def validation_step(self, images: Tensor, index: int) -> None:
        losses = self.losses(images, self.validation_random)
        self._log_means({f"val_{term}": value for term, value in losses.items()}, len(images))

    def _log_means(self, losses: dict[str, Tensor], count: int) -> None:
        self.log_dict(losses, on_step=False, on_epoch=True, sync_dist=True, batch_size=count)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.net.parameters(), self.settings["lr"], fused=True)


class AutoencoderModule(TrainingModule):
    """Lightning module that trains an autoencoder to minimize the reconstruction error."""

    net: Autoencoder

    def losses(self, images: Tensor, random: torch.Generator) -> dict[str, Tensor]:
        return {"loss": reconstruction_loss(self.net, images)}


class CeVaeModule(TrainingModule):
    """Lightning module that trains a ceVAE.

    If ``train.use_geco`` is True, it also adjusts the weight of the reconstruction error.
    """

    net: Vae
    average_error: Tensor

    def __init__(self, net: Vae, config: Mapping[str, Any]) -> None:
        super().__init__(net, config)
        self.ce_factor = config["model"]["ce_factor"]
        self.register_buffer("average_error", torch.tensor(torch.nan))

    def losses(self, images: Tensor, random: torch.Generator) -> dict[str, Tensor]:
        return ce_vae_losses(self.net, images, self.settings["beta"], self.ce_factor, random)

    def on_train_batch_end(self, outputs: Any, batch: Tensor, batch_idx: int) -> None:
        if self.settings["use_geco"]:
            state = geco_step(self.net.theta, self.average_error, outputs["rec"])
            self.net.theta, self.average_error = state

    def on_validation_epoch_end(self) -> None:
        self.log("theta", self.net.theta)


class SegmentationModule(TrainingModule):
    """Lightning module that trains a U-Net, a part of ``net``, to find defects in images.

    The loss is the binary cross-entropy between the logits and the labels of the pixels. The
    learning rate decreases to 0 with the cosine of the epoch number. Images that are larger than
    ``CROP`` pixels are cropped at a random position.
    """

    def __init__(
        self, net: nn.Module, unet: UNet, config: Mapping[str, Any], families: Sequence[str]
    ) -> None:
        super().__init__(net, config)
        self.unet, self.families = unet, families

    def losses(self, images: Tensor, random: torch.Generator) -> dict[str, Tensor]:
        cropped = random_orientations(random_crops(images.cpu(), CROP, random), random)
        changed, labels = (
            each.to(images.device) for each in add_defects(cropped, random, self.families)
        )
        logits = self.unet(changed.contiguous(memory_format=torch.channels_last))
        return {"loss": functional.binary_cross_entropy_with_logits(logits.float(), labels)}

    def on_train_epoch_start(self) -> None:
        super().on_train_epoch_start()
        progress = min(self.current_epoch / self.settings["n_epochs"], 1)
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = self.settings["lr"] * (0.5 + 0.5 * math.cos(math.pi * progress))


def training_module(net: Autoencoder, config: Mapping[str, Any]) -> TrainingModule:
    """Return the Lightning module for an autoencoder."""
    return CeVaeModule(net, config) if isinstance(net, Vae) else AutoencoderModule(net, config)
