"""The network, the loss and the scores, compared with an implementation in plain NumPy.

Gradients are compared with finite differences.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from astrodome_sood.models import losses, scores
from astrodome_sood.models.network import Vae
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch.nn import functional

BETA = 0.01


def conv(x: NDArray, weight: NDArray, stride: int, padding: int) -> NDArray:
    """Return the cross-correlation of one image (C, H, W)."""
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    out, _, k, _ = weight.shape
    side = (x.shape[1] - k) // stride + 1
    result = np.zeros((out, side, side))
    for i in range(side):
        for j in range(side):
            window = x[:, i * stride : i * stride + k, j * stride : j * stride + k]
            result[:, i, j] = (weight * window).sum(axis=(1, 2, 3))
    return result


def transposed(x: NDArray, weight: NDArray, stride: int, padding: int) -> NDArray:
    """Return the transposed convolution of one image (C, H, W)."""
    _, out, k, _ = weight.shape
    side = (x.shape[1] - 1) * stride + k
    result = np.zeros((out, side, side))
    for i in range(x.shape[1]):
        for j in range(x.shape[2]):
            spread = np.tensordot(x[:, i, j], weight, 1)
            result[:, i * stride : i * stride + k, j * stride : j * stride + k] += spread
    return result[:, padding : side - padding, padding : side - padding]


def leaky(x: NDArray) -> NDArray:
    return np.where(x > 0, x, 0.01 * x)


def weights(net: Vae, part: str) -> list[NDArray]:
    return [p.detach().numpy() for n, p in net.named_parameters() if n.startswith(part)]


def encode(net: Vae, x: NDArray) -> tuple[NDArray, NDArray]:
    *layers, last = weights(net, "encoder")
    for weight in layers:
        x = leaky(conv(x, weight, 2, 1))
    z = conv(x, last, 1, 0).ravel()
    return z[: len(z) // 2], z[len(z) // 2 :]


def decode(net: Vae, z: NDArray) -> NDArray:
    first, *layers = weights(net, "decoder")
    x = transposed(z[:, None, None], first, 1, 0)
    for weight in layers:
        x = transposed(leaky(x), weight, 2, 1)
    return x


def kl(net: Vae, x: NDArray) -> float:
    mean, log_std = encode(net, x)
    std = np.exp(log_std)
    terms = [(m * m + s * s - 1) / 2 - math.log(s) for m, s in zip(mean, std, strict=True)]
    return sum(terms) / len(terms)


def rec(net: Vae, x: NDArray) -> float:
    return float(np.abs(decode(net, encode(net, x)[0]) - x).mean())


def elbo(net: Vae, x: NDArray) -> float:
    return BETA * kl(net, x) + float(net.theta) * rec(net, x)


def test_the_network_has_the_32_16_million_parameters_of_its_description():
    net = Vae(128, 1, 128, (16, 64, 256, 1024))
    assert sum(p.numel() for p in net.parameters()) == 32_155_024


def test_reconstructions_follow_the_layers_of_the_description(net, images):
    expected = np.stack([decode(net, encode(net, x)[0]) for x in images.numpy()])
    np.testing.assert_allclose(net(images).detach(), expected, rtol=1e-9, atol=1e-12)


def test_sample_score_is_beta_kl_plus_theta_mean_absolute_error(net, images):
    net.theta.fill_(1.7)
    expected = [elbo(net, x) for x in images.numpy()]
    np.testing.assert_allclose(
        losses.negative_elbo(net, images, BETA).detach(), expected, rtol=1e-9
    )


@pytest.mark.parametrize("ce_factor", [0, 0.3, 1])
def test_the_loss_is_the_weighted_sum_of_its_two_parts(net, images, ce_factor):
    net.theta.fill_(1.7)
    state = torch.Generator().manual_seed(5)
    hidden = losses.mask_squares(images, state).numpy()
    noise = torch.randn(len(images), net.z_dim, generator=state).numpy()
    vae, context = [], []
    for x, holes, eps in zip(images.numpy(), hidden, noise, strict=True):
        mean, log_std = encode(net, x)
        sampled = decode(net, mean + np.exp(log_std) * eps)
        vae.append(BETA * kl(net, x) + 1.7 * np.abs(sampled - x).mean())
        context.append(np.abs(decode(net, encode(net, holes)[0]) - x).mean())
    expected = (1 - ce_factor) * np.mean(vae) + ce_factor * np.mean(context)
    random = torch.Generator().manual_seed(5)
    loss = losses.ce_vae_losses(net, images, BETA, ce_factor, random)
    assert loss["loss"].item() == pytest.approx(expected, rel=1e-9)


def finite_differences(term, net: Vae, x: NDArray) -> NDArray:
    step = 1e-6
    gradient = np.zeros_like(x)
    for at in np.ndindex(x.shape):
        shift = np.zeros_like(x)
        shift[at] = step
        gradient[at] = (term(net, x + shift) - term(net, x - shift)) / (2 * step)
    return gradient


def smoothed(term, net: Vae, x: NDArray, seed: int) -> NDArray:
    """Return |gradient| averaged over two noisy copies, scaled to 0 … 1 and smoothed."""
    noise = torch.randn(2, 1, *x.shape, generator=torch.Generator().manual_seed(seed))
    copies = [np.abs(finite_differences(term, net, x + 0.1 * n[0].numpy())) for n in noise]
    mean = np.mean(copies, axis=0)[0]
    scaled = (mean - mean.min()) / (mean.max() - mean.min())
    return gaussian_filter(scaled, sigma=3, radius=3, mode="mirror")


@pytest.mark.parametrize("mode", ["rec", "kl_grad", "rec_grad", "elbo_grad", "combi"])
def test_pixel_scores_follow_their_formulas(net, images, mode):
    net.theta.fill_(1.7)
    x = images[0].numpy()
    squared = ((decode(net, encode(net, x)[0]) - x) ** 2)[0]
    terms = {"kl_grad": kl, "rec_grad": rec, "elbo_grad": elbo}
    if mode == "rec":
        expected = squared
    elif mode == "combi":
        expected = smoothed(kl, net, x, 9) * squared
    else:
        expected = smoothed(terms[mode], net, x, 9)
    found = scores.pixel_scores(net, images[:1], mode, BETA, seed=9)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * expected.max())


def test_geco_increases_the_weight_twice_as_fast_as_it_decreases_it():
    theta, average = torch.tensor(1.0), torch.tensor(math.nan)
    error = 0.6
    weight, moving = 1.0, None
    for _ in range(50):
        theta, average = losses.geco_step(theta, average, torch.tensor(error, requires_grad=True))
        moving = error if moving is None else 0.9 * moving + 0.1 * error
        weight *= math.exp((2e-4 if moving > 0.1 else 1e-4) * (moving - 0.1))
        error *= 0.85
    assert float(theta) == pytest.approx(weight, rel=1e-5)
    assert not theta.requires_grad and not average.requires_grad


def test_up_to_three_squares_are_masked_each_with_one_value_of_the_image_range():
    random = torch.Generator().manual_seed(0)
    x = torch.rand(400, 1, 24, 24, generator=random, dtype=torch.float64) - 0.3
    before = x.clone()
    hidden = losses.mask_squares(x, random)
    assert torch.equal(x, before)
    values_of = [torch.unique(h[h != o]) for h, o in zip(hidden, x, strict=True)]
    counts = np.bincount([len(values) for values in values_of], minlength=4)
    assert len(counts) == 4 and (counts > 40).all()
    for values, holes, original in zip(values_of, hidden, x, strict=True):
        for value in values:
            assert original.min() <= value <= original.max()
            rows, columns = torch.nonzero(holes[0] == value, as_tuple=True)
            assert max(rows.max() - rows.min(), columns.max() - columns.min()) < 12


def test_scores_of_an_image_do_not_depend_on_its_batch(net, images):
    contrast = torch.cat([images[:1] * 0.1, images[1:], -images])
    for mode in scores.PIXEL_SCORES:
        together = scores.pixel_scores(net, contrast, mode, BETA)
        for number in range(len(contrast)):
            alone = scores.pixel_scores(net, contrast[number : number + 1], mode, BETA)[0]
            torch.testing.assert_close(alone, together[number], rtol=1e-9, atol=1e-12)


def test_maps_depend_on_the_seed(net, images):
    first, again, other = (scores.pixel_scores(net, images, "combi", BETA, s) for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_a_constant_map_becomes_zero_and_inputs_are_not_modified(net, images):
    constant = torch.full((2, 8, 8), 0.3)
    assert torch.equal(scores.scaled(constant), torch.zeros(2, 8, 8))
    assert torch.equal(constant, torch.full((2, 8, 8), 0.3))
    before = images.clone()
    for mode in scores.PIXEL_SCORES:
        scores.pixel_scores(net, images, mode, BETA)
    assert torch.equal(images, before)


def test_matrix_products_equal_the_convolutions(net, images):
    features = net.encoder[:-1](images)
    expected = functional.conv2d(features, net.encoder[-1].weight).flatten(1)
    torch.testing.assert_close(net.encoder[-1](features), expected)
