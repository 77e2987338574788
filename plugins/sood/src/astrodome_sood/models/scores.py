"""Compute the pixel scores of the ceVAE, and image scores from pixel scores.

The scores of an image do not depend on the other images in its batch: the differentiated term is a
sum over the images, and gradients are scaled separately for each image. The noise is the same for
all images and is determined by a seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from .losses import absolute_error, kl_divergence, negative_elbo
from .network import Vae

PIXEL_SCORES = ("rec", "kl_grad", "rec_grad", "elbo_grad", "combi")
NOISY_COPIES, NOISE = 2, 0.1
"""Number of noisy image copies for an averaged gradient, and standard deviation of the noise."""
TOP_SHARE = 0.1
"""Fraction of the pixels with the largest scores whose mean is used as an image score."""
KERNEL_SIDE, KERNEL_SIGMA = 7, 3.0
"""Width and standard deviation, in pixels, of the Gaussian kernel that smooths gradients."""


def squared_error(x: Tensor, reconstruction: Tensor) -> Tensor:
    """Return the squared error for each pixel, averaged over the channels, with shape (N, H, W)."""
    return (reconstruction - x).square().mean(dim=1)


def pixel_scores(net: Vae, x: Tensor, mode: str, beta: float, seed: int = 0) -> Tensor:
    """Return the pixel scores of type ``mode``, one of ``PIXEL_SCORES``, with shape (N, H, W).

    ``rec`` is the squared reconstruction error. ``kl_grad``, ``rec_grad`` and ``elbo_grad`` are the
    smoothed absolute gradients of the KL divergence, the reconstruction error and the ELBO with
    respect to the image, scaled to [0, 1] for each image. ``combi`` is ``kl_grad`` times ``rec``.
    """
    terms: dict[str, Callable[[Tensor], Tensor]] = {
        "kl_grad": lambda x: kl_divergence(*net.encode(x)),
        "rec_grad": lambda x: absolute_error(x, net(x)),
        "elbo_grad": lambda x: negative_elbo(net, x, beta),
    }
    if mode in terms:
        return smoothed_gradient(terms[mode], x, seed)
    with torch.inference_mode():
        rec = squared_error(x, net(x))
    return rec if mode == "rec" else smoothed_gradient(terms["kl_grad"], x, seed) * rec


def smoothed_gradient(term: Callable[[Tensor], Tensor], x: Tensor, seed: int) -> Tensor:
    """Return the smoothed absolute gradient of a term, with shape (N, H, W).

    |∂term/∂x| is averaged over noisy copies of ``x``, scaled to [0, 1] and smoothed.
    """
    random = torch.Generator().manual_seed(seed)
    noise = NOISE * torch.randn(NOISY_COPIES, 1, *x.shape[1:], generator=random).to(x)
    with torch.enable_grad():  # Processing all copies in one batch is faster.
        noisy = (x + noise).flatten(0, 1).requires_grad_()
        gradient = torch.autograd.grad(term(noisy).sum(), noisy)[0]
    copies = gradient.detach().abs().view(NOISY_COPIES, *x.shape)
    return smoothed(scaled(copies.mean(dim=(0, 2))))


def scaled(maps: Tensor) -> Tensor:
    """Scale each map to [0, 1]. A constant map is set to 0."""
    low, high = maps.flatten(1).aminmax(dim=1)
    span = torch.where(high > low, high - low, torch.inf)
    return (maps - low[:, None, None]) / span[:, None, None]


def smoothed(maps: Tensor) -> Tensor:
    """Convolve each map with the Gaussian kernel, using reflection padding."""
    offsets = torch.arange(KERNEL_SIDE, device=maps.device) - KERNEL_SIDE // 2
    weights = (-0.5 * (offsets / KERNEL_SIGMA).square()).exp().to(maps.dtype)
    weights /= weights.sum()
    padded = functional.pad(maps[:, None], [KERNEL_SIDE // 2] * 4, mode="reflect")
    rows = functional.conv2d(padded, weights.view(1, 1, -1, 1))
    return functional.conv2d(rows, weights.view(1, 1, 1, -1))[:, 0]


def top_mean(maps: Tensor, share: float = TOP_SHARE) -> Tensor:
    """Return the mean of the largest values of each map, with shape (N,)."""
    flat = maps.flatten(1)
    count = max(1, math.ceil(share * flat.shape[1]))
    return flat.topk(count, dim=1).values.mean(dim=1)
