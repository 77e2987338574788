"""What the networks minimise.

Every term is one number an image, so that nothing depends on what else is in a batch.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .network import Autoencoder, Vae

SQUARES = 3
"""Most squares that are hidden from the context encoder."""
GOAL = 0.1
"""Reconstruction error that GECO steers to."""
STEP, SPEED_UP, DECAY = 1e-4, 2.0, 0.9
LOWEST, HIGHEST = 1e-10, 1e4


class Loss(NamedTuple):
    """Means over a batch: the ceVAE's objective and its terms."""

    total: Tensor
    kl: Tensor
    rec: Tensor
    context: Tensor


class ErrorLoss(NamedTuple):
    """Mean over a batch: the autoencoder's objective."""

    total: Tensor


def squared_loss(net: Autoencoder, x: Tensor) -> ErrorLoss:
    """What the plain autoencoder minimises: the mean squared error."""
    return ErrorLoss((net(x) - x).square().mean())


def divergence(mean: Tensor, log_std: Tensor) -> Tensor:
    """KL(q ‖ N(0, 1)), the mean over the latent dimensions, shape (N,)."""
    each = 0.5 * (mean.square() + (2 * log_std).exp() - 1) - log_std
    return each.mean(dim=1)


def error(x: Tensor, reconstruction: Tensor) -> Tensor:
    """Mean absolute difference of each image, shape (N,)."""
    return (reconstruction - x).abs().flatten(1).mean(dim=1)


def negative_elbo(net: Vae, x: Tensor, beta: float) -> Tensor:
    """beta · KL + theta · error through the mean of the latent distribution, shape (N,)."""
    mean, log_std = net.encode(x)
    return beta * divergence(mean, log_std) + net.theta * error(x, net.decode(mean))


def ce_vae_loss(
    net: Vae, x: Tensor, beta: float, ce_factor: float, random: torch.Generator
) -> Loss:
    """(1 - ce_factor) · VAE + ce_factor · context encoder, averaged over a batch.

    Both parts go through the network as one batch, which reads its weights once.
    """
    count = len(x)
    mean, log_std = net.encode(torch.cat([x, hide_squares(x, random)]))
    noise = torch.randn(count, net.z_dim, generator=random).to(x)
    z = torch.cat([mean[:count] + log_std[:count].exp() * noise, mean[count:]])
    errors = error(torch.cat([x, x]), net.decode(z))
    kl = divergence(mean[:count], log_std[:count]).mean()
    rec, context = errors[:count].mean(), errors[count:].mean()
    vae = beta * kl + net.theta * rec
    return Loss((1 - ce_factor) * vae + ce_factor * context, kl, rec, context)


def hide_squares(x: Tensor, random: torch.Generator) -> Tensor:
    """A copy of each image with 0 to 3 squares, each filled with one value of the image's range.

    Sides are 0 … half the image; squares lie wholly inside and may overlap.
    """
    count, _, height, width = x.shape
    low, high = x.flatten(1).aminmax(dim=1)
    squares = torch.randint(SQUARES + 1, (count,), generator=random)
    rows, columns = torch.arange(height), torch.arange(width)
    for number in range(SQUARES):
        side = torch.randint(min(height, width) // 2 + 1, (count, 1), generator=random)
        side *= (number < squares)[:, None]
        top, left, value = torch.rand(3, count, 1, generator=random)
        top, left = (top * (height - side + 1)).floor(), (left * (width - side + 1)).floor()
        inside = ((rows >= top) & (rows < top + side))[:, :, None] & (
            (columns >= left) & (columns < left + side)
        )[:, None, :]
        fill = low + value[:, 0].to(x) * (high - low)
        x = torch.where(inside[:, None].to(x.device), fill[:, None, None, None], x)
    return x


@torch.no_grad()
def geco(theta: Tensor, average: Tensor, rec: Tensor) -> tuple[Tensor, Tensor]:
    """The next weight of the reconstruction and the next moving average of its error.

    Rezende & Viola 2018 (arXiv:1810.00597): the weight grows while the error is above
    its goal, at double speed, and shrinks below. A NaN average starts with ``rec``.
    """
    average = torch.where(average.isnan(), rec, DECAY * average + (1 - DECAY) * rec)
    excess = average - GOAL
    speed = torch.where(excess > 0, SPEED_UP * STEP, STEP)
    return (theta * (speed * excess).exp()).clamp(LOWEST, HIGHEST), average
