"""How unusual an image is, and each of its pixels.

Gradients are taken of a sum over images and scaled image by image, so that an image
has the same scores alone and in any batch. The noise is the same for every image and
follows from a seed.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from .losses import divergence, error, negative_elbo
from .network import Vae
from .packed import Packed

PIXEL_SCORES = ("rec", "kl_grad", "rec_grad", "elbo_grad", "combi")
COPIES, NOISE = 2, 0.1
"""Noisy copies that a gradient is averaged over, and the standard deviation of the noise."""
KERNEL, SIGMA = 7, 3.0
"""Side and standard deviation of the Gaussian that smooths a gradient, px."""


def sample_scores(net: Vae, ready: Packed, x: Tensor, beta: float) -> Tensor:
    """beta · KL + theta · mean absolute error of each image, shape (N,).

    ``ready`` is the same network made ready for scoring.
    """
    mean, log_std = ready.encode(x).chunk(2, dim=1)
    with torch.inference_mode():
        return beta * divergence(mean, log_std) + net.theta * error(x, ready.decode(mean))


def squared_error(x: Tensor, reconstruction: Tensor) -> Tensor:
    """Squared error of each pixel, the mean over channels, shape (N, H, W)."""
    return (reconstruction - x).square().mean(dim=1)


def pixel_scores(
    net: Vae, ready: Packed, x: Tensor, mode: str, beta: float, seed: int = 0
) -> Tensor:
    """One of the ``PIXEL_SCORES`` of each pixel, shape (N, H, W).

    ``rec`` is the squared error of the reconstruction; ``kl_grad``, ``rec_grad`` and
    ``elbo_grad`` are the smoothed gradient of that term with respect to the image,
    from 0 to 1 in each image; ``combi`` is ``kl_grad`` times ``rec``.
    """
    terms: dict[str, Callable[[Tensor], Tensor]] = {
        "kl_grad": lambda x: divergence(*net.encode(x)),
        "rec_grad": lambda x: error(x, net(x)),
        "elbo_grad": lambda x: negative_elbo(net, x, beta),
    }
    if mode in terms:
        return smoothed_gradient(terms[mode], x, seed)
    mean = ready.encode(x)[:, : net.z_dim]
    with torch.inference_mode():
        rec = squared_error(x, ready.decode(mean))
    return rec if mode == "rec" else smoothed_gradient(terms["kl_grad"], x, seed) * rec


def smoothed_gradient(term: Callable[[Tensor], Tensor], x: Tensor, seed: int) -> Tensor:
    """Mean |∂term/∂x| over noisy copies, scaled to 0 … 1 and smoothed, shape (N, H, W)."""
    random = torch.Generator().manual_seed(seed)
    noise = NOISE * torch.randn(COPIES, 1, *x.shape[1:], generator=random).to(x)
    with torch.enable_grad():  # all copies in one pass, which reads the weights once
        noisy = (x + noise).flatten(0, 1).requires_grad_()
        gradient = torch.autograd.grad(term(noisy).sum(), noisy)[0]
    copies = gradient.detach().abs().view(COPIES, *x.shape)
    return blurred(scaled(copies.mean(dim=(0, 2))))


def scaled(maps: Tensor) -> Tensor:
    """Each map from 0 to 1; a constant one becomes 0."""
    low, high = maps.flatten(1).aminmax(dim=1)
    span = torch.where(high > low, high - low, torch.inf)
    return (maps - low[:, None, None]) / span[:, None, None]


def blurred(maps: Tensor) -> Tensor:
    """Each map smoothed by the Gaussian; the border is mirrored."""
    reach = torch.arange(KERNEL, device=maps.device) - KERNEL // 2
    weights = (-0.5 * (reach / SIGMA).square()).exp().to(maps.dtype)
    weights /= weights.sum()
    padded = functional.pad(maps[:, None], [KERNEL // 2] * 4, mode="reflect")
    rows = functional.conv2d(padded, weights.view(1, 1, -1, 1))
    return functional.conv2d(rows, weights.view(1, 1, 1, -1))[:, 0]
