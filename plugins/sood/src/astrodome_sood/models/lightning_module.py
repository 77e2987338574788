"""Lightning modules that compute the loss and configure the optimizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from .batches import seeded_generator
from .losses import CeVaeLoss, Loss, ce_vae_loss, geco_step, reconstruction_loss
from .network import Autoencoder, Vae


class AutoencoderModule(pl.LightningModule):
    """Lightning module that trains an autoencoder.

    Batches have the shape (N, C, H, W) and values in [-1, 1]. All random numbers are determined by
    the seed and the epoch number.
    """

    def __init__(self, net: Autoencoder, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.net, self.settings, self.seed = net, config["train"], config["seed"]
        self.training_losses: list[tuple[int, Loss]] = []
        self.validation_losses: list[tuple[int, Loss]] = []
        self.random = seeded_generator(self.seed)

    def loss(self, images: Tensor, random: torch.Generator) -> Loss:
        """Compute the loss for a batch of images."""
        return reconstruction_loss(self.net, images)

    def adapted(self) -> dict[str, float]:
        """Return the current values of adjustable parameters that are not weights."""
        return {}

    def epoch_losses(self) -> tuple[dict[str, float], dict[str, float]]:
        """Return the mean training and validation losses of the epoch over all processes."""
        train, validation = (
            {key: self._over_processes(value) for key, value in mean_losses(losses).items()}
            for losses in (self.training_losses, self.validation_losses)
        )
        return train, validation

    def _over_processes(self, value: float) -> float:
        tensor = torch.tensor(value, dtype=torch.float64, device=self.device)
        return float(self.trainer.strategy.reduce(tensor, reduce_op="mean"))

    def on_train_epoch_start(self) -> None:
        self.random = seeded_generator(self.seed, self.current_epoch, self.global_rank)
        self.training_losses.clear()

    def training_step(self, images: Tensor, index: int) -> Tensor:
        loss = self.loss(images, self.random)
        self.training_losses.append((len(images), type(loss)(*(term.detach() for term in loss))))
        return loss.total

    def on_validation_epoch_start(self) -> None:
        # Use the same random numbers in all epochs, so that validation losses are comparable.
        self.validation_random = seeded_generator(self.seed)
        self.validation_losses.clear()

    def validation_step(self, images: Tensor, index: int) -> None:
        self.validation_losses.append((len(images), self.loss(images, self.validation_random)))

    def on_validation_epoch_end(self) -> None:
        self.log("val_loss", mean_losses(self.validation_losses)["loss"], sync_dist=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.net.parameters(), self.settings["lr"], fused=True)


class CeVaeModule(AutoencoderModule):
    """Lightning module that trains a ceVAE.

    If ``train.use_geco`` is True, it also adjusts the weight of the reconstruction error.
    """

    net: Vae
    average_error: Tensor

    def __init__(self, net: Vae, config: Mapping[str, Any]) -> None:
        super().__init__(net, config)
        self.ce_factor = config["model"]["ce_factor"]
        self.register_buffer("average_error", torch.tensor(torch.nan))

    def loss(self, images: Tensor, random: torch.Generator) -> CeVaeLoss:
        return ce_vae_loss(self.net, images, self.settings["beta"], self.ce_factor, random)

    def training_step(self, images: Tensor, index: int) -> Tensor:
        total = super().training_step(images, index)
        if self.settings["use_geco"]:
            loss = self.training_losses[-1][1]
            assert isinstance(loss, CeVaeLoss)
            state = geco_step(self.net.theta, self.average_error, loss.rec)
            self.net.theta, self.average_error = state
        return total

    def adapted(self) -> dict[str, float]:
        return {"theta": self.net.theta.item()}


def training_module(net: Autoencoder, config: Mapping[str, Any]) -> AutoencoderModule:
    """Return the Lightning module for a network."""
    return CeVaeModule(net, config) if isinstance(net, Vae) else AutoencoderModule(net, config)


def mean_losses(losses: Sequence[tuple[int, Loss]]) -> dict[str, float]:
    """Return the mean loss and the mean of each loss term, weighted by the batch size."""
    sizes = torch.tensor([size for size, _ in losses], dtype=torch.float64)
    terms = torch.stack([torch.stack(tuple(loss)) for _, loss in losses]).double().cpu()
    means = (sizes @ terms / sizes.sum()).tolist()
    terms_of_loss = type(losses[0][1])._fields[1:]
    return dict(zip(("loss", *terms_of_loss), means, strict=True))
