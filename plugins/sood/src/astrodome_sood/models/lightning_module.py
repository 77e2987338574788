"""What is minimised, and by which optimiser, as Lightning wants to have it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from .batches import seeded
from .losses import ErrorLoss, Loss, ce_vae_loss, geco, squared_loss
from .network import Autoencoder, Vae

AnyLoss = Loss | ErrorLoss


class Objective(pl.LightningModule):
    """A network's loss and its optimiser; a batch is (N, C, H, W) in [-1, 1].

    All randomness follows from the seed and the number of the epoch.
    """

    def __init__(self, net: Autoencoder, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.net, self.settings, self.seed = net, config["train"], config["seed"]
        self.training_losses: list[tuple[int, AnyLoss]] = []
        self.validation_losses: list[tuple[int, AnyLoss]] = []
        self.random = seeded(self.seed)

    def loss(self, images: Tensor, random: torch.Generator) -> AnyLoss:
        """The mean squared error of the plain autoencoder."""
        return squared_loss(self.net, images)

    def steered(self) -> dict[str, float]:
        """What training steers beside the weights, by name."""
        return {}

    def epoch_losses(self) -> tuple[dict[str, float], dict[str, float]]:
        """Means over the last epoch, of training and validation; of all processes."""
        found = [averaged(self.training_losses), averaged(self.validation_losses)]
        if self.trainer.world_size > 1:
            found = [{key: self._mean(value) for key, value in terms.items()} for terms in found]
        return found[0], found[1]

    def _mean(self, value: float) -> float:
        found = self.all_gather(torch.tensor(value, device=self.device))
        assert isinstance(found, Tensor)
        return float(found.mean())

    def on_train_epoch_start(self) -> None:
        self.random = seeded(self.seed, self.current_epoch, self.global_rank)
        self.training_losses.clear()

    def training_step(self, images: Tensor, index: int) -> Tensor:
        loss = self.loss(images, self.random)
        kept = type(loss)(*(term.detach() for term in loss))
        self.training_losses.append((len(images), kept))
        return loss.total

    def on_validation_epoch_start(self) -> None:
        self.validation_random = seeded(self.seed)  # alike in every epoch, to be comparable
        self.validation_losses.clear()

    def validation_step(self, images: Tensor, index: int) -> None:
        self.validation_losses.append((len(images), self.loss(images, self.validation_random)))

    def on_validation_epoch_end(self) -> None:
        mean = averaged(self.validation_losses)["total"]
        self.log("val_loss", mean, sync_dist=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.net.parameters(), self.settings["lr"], fused=True)


class CeVaeObjective(Objective):
    """The ceVAE's loss; GECO steers the weight of its reconstruction."""

    average: Tensor

    def __init__(self, net: Vae, config: Mapping[str, Any]) -> None:
        super().__init__(net, config)
        self.ce_factor = config["model"]["ce_factor"]
        self.register_buffer("average", torch.tensor(torch.nan))  # of the error, for GECO

    @property
    def vae(self) -> Vae:
        assert isinstance(self.net, Vae)
        return self.net

    def loss(self, images: Tensor, random: torch.Generator) -> Loss:
        """(1 - ce_factor) · VAE + ce_factor · context encoder."""
        return ce_vae_loss(self.vae, images, self.settings["beta"], self.ce_factor, random)

    def training_step(self, images: Tensor, index: int) -> Tensor:
        total = super().training_step(images, index)
        if self.settings["use_geco"]:
            loss = self.training_losses[-1][1]
            assert isinstance(loss, Loss)
            self.vae.theta, self.average = geco(self.vae.theta, self.average, loss.rec)
        return total

    def steered(self) -> dict[str, float]:
        return {"theta": self.vae.theta.item()}


def objective(net: Autoencoder, config: Mapping[str, Any]) -> Objective:
    """The objective that a network is made for."""
    return CeVaeObjective(net, config) if isinstance(net, Vae) else Objective(net, config)


def averaged(losses: Sequence[tuple[int, AnyLoss]]) -> dict[str, float]:
    """Means over an epoch of batches, each weighed by its size."""
    sizes = torch.tensor([size for size, _ in losses], dtype=torch.float64)
    terms = torch.stack([torch.stack(tuple(loss)) for _, loss in losses]).double().cpu()
    means = (sizes @ terms / sizes.sum()).tolist()
    return dict(zip(type(losses[0][1])._fields, means, strict=True))
