"""Loss functions for training the networks.

Each loss term is computed separately for each image, so it does not depend on the other images in
the batch.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .network import Autoencoder, Vae

MAX_SQUARES = 3
"""Maximum number of masked squares in an image that is passed to the context encoder."""
GECO_GOAL = 0.1
"""Target value of GECO for the mean absolute reconstruction error."""
GECO_STEP, GECO_SPEED_UP, GECO_DECAY = 1e-4, 2.0, 0.9
THETA_RANGE = (1e-10, 1e4)


def reconstruction_loss(net: Autoencoder, x: Tensor) -> Tensor:
    """Return the mean squared reconstruction error."""
    return functional.mse_loss(net(x), x)


def kl_divergence(mean: Tensor, log_std: Tensor) -> Tensor:
    """Return the Kullback-Leibler divergence KL(q ‖ N(0, 1)) for each image, with shape (N,).

    The divergence is averaged over the latent dimensions.
    """
    each = 0.5 * (mean.square() + (2 * log_std).exp() - 1) - log_std
    return each.mean(dim=1)


def absolute_error(x: Tensor, reconstruction: Tensor) -> Tensor:
    """Return the mean absolute error for each image, with shape (N,)."""
    return (reconstruction - x).abs().flatten(1).mean(dim=1)


def negative_elbo(net: Vae, x: Tensor, beta: float) -> Tensor:
    """Return beta · KL + theta · mean absolute error for each image, with shape (N,).

    The mean of the latent distribution is decoded instead of a random sample.
    """
    mean, log_std = net.encode(x)
    return beta * kl_divergence(mean, log_std) + net.theta * absolute_error(x, net.decode(mean))


def ce_vae_losses(
    net: Vae, x: Tensor, beta: float, ce_factor: float, random: torch.Generator
) -> dict[str, Tensor]:
    """Return the total loss of the ceVAE and its terms, averaged over a batch.

    ``loss`` is (1 - ce_factor) · VAE loss + ce_factor · context encoder loss. The VAE loss is
    beta · ``kl`` + theta · ``rec``, and ``context`` is the context encoder loss.

    The unmasked and the masked images pass through the network in one batch, so that its weights
    are read from memory only once.
    """
    count = len(x)
    mean, log_std = net.encode(torch.cat([x, mask_squares(x, random)]))
    noise = torch.randn(count, net.z_dim, generator=random).to(x)
    z = torch.cat([mean[:count] + log_std[:count].exp() * noise, mean[count:]])
    errors = absolute_error(torch.cat([x, x]), net.decode(z))
    kl = kl_divergence(mean[:count], log_std[:count]).mean()
    rec, context = errors[:count].mean(), errors[count:].mean()
    loss = (1 - ce_factor) * (beta * kl + net.theta * rec) + ce_factor * context
    return {"loss": loss, "kl": kl, "rec": rec, "context": context}


def mask_squares(x: Tensor, random: torch.Generator) -> Tensor:
    """Return a copy of the images in which up to ``MAX_SQUARES`` squares are masked.

    The side length of a square is between 0 and half of the image width. Squares lie inside the
    image and may overlap. Each square is filled with a random value from the range of the image.
    """
    count, _, height, width = x.shape
    low, high = x.flatten(1).aminmax(dim=1)
    squares = torch.randint(MAX_SQUARES + 1, (count,), generator=random)
    rows, columns = torch.arange(height), torch.arange(width)
    for number in range(MAX_SQUARES):
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
def geco_step(theta: Tensor, average: Tensor, rec: Tensor) -> tuple[Tensor, Tensor]:
    """Return updated values for the weight and for the moving average of the reconstruction error.

    GECO (Rezende & Viola 2018, arXiv:1810.00597) increases the weight while the error is above
    ``GECO_GOAL``, and decreases it at half that rate while the error is below. If the moving
    average is NaN, it is set to ``rec``.
    """
    average = torch.where(average.isnan(), rec, GECO_DECAY * average + (1 - GECO_DECAY) * rec)
    excess = average - GECO_GOAL
    speed = torch.where(excess > 0, GECO_SPEED_UP * GECO_STEP, GECO_STEP)
    return (theta * (speed * excess).exp()).clamp(*THETA_RANGE), average
