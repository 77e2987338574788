"""Generate defects in images, with which a segmentation network is trained.

A quarter of the images is not changed. In each other image, a region is changed. The region is one
of the shapes in ``SHAPES``, with an edge that is softened by a random amount. The change is one of
the families in ``FAMILIES``. A pixel is labeled as changed if it is in the region and its intensity
changed visibly, so that the network is not trained to detect invisible changes.

The shapes and the parameters of the changes were chosen without the synthetic anomalies of
``sdo sood evaluate``; in particular, no shape is an ellipse. Families can be left out, in order to
measure how well the network detects changes of a family that it was not trained with.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from astrodome import InvalidInputError
from torch import Tensor

from .local_statistics import smooth

UNCHANGED_SHARE = 0.25
"""Fraction of the images that is not changed."""
VISIBLE = 0.024
"""Smallest change of the intensity, in images with values in [-1, 1], that is labeled: 1.2 % of
the range."""
EDGE_SIGMAS = (0.3, 0.5, 0.8, 1.3, 2.0)
"""Standard deviations of the Gaussian that softens the edge of a region, in pixels."""
FIELD_SIGMAS = (1.5, 2.5, 4.0, 6.0)
"""Standard deviations of the Gaussian that correlates the pixels of a random field, in pixels."""
BLUR_SIGMAS = (1.0, 1.5, 2.0, 3.0)
"""Standard deviations of the Gaussian that smooths a region, in pixels."""
MIN_AREA, MAX_AREA = 0.01, 0.4
"""Minimum and maximum area of a random region, as a fraction of the image area."""
MAX_DOTS = 24
"""Maximum number of dots in an image."""

Change = Callable[[Tensor, Tensor, torch.Generator], Tensor]


def uniform(count: int, low: float, high: float, random: torch.Generator) -> Tensor:
    """Return random numbers with shape (N, 1, 1, 1)."""
    return low + (high - low) * torch.rand(count, 1, 1, 1, generator=random)


def affine(images: Tensor, others: Tensor, random: torch.Generator) -> Tensor:
    """Change the gain by up to 80 %, and the offset by up to 30 % of the range."""
    gain = uniform(len(images), 0.2, 1.8, random)
    offset = uniform(len(images), -0.6, 0.6, random)
    return (images + 1) * gain - 1 + offset


def gamma(images: Tensor, others: Tensor, random: torch.Generator) -> Tensor:
    """Raise the intensities to a power between 0.4 and 2.7."""
    power = uniform(len(images), -1, 1, random).exp()
    return ((images + 1) / 2).clamp(min=0).pow(power) * 2 - 1


def another(images: Tensor, others: Tensor, random: torch.Generator) -> Tensor:
    """Replace the image with another image."""
    return others


def rotated(images: Tensor, others: Tensor, random: torch.Generator) -> Tensor:
    """Replace the image with another image, rotated by 180° or mirrored."""
    flip = torch.rand(len(images), 1, 1, 1, generator=random) < 0.5
    return torch.where(flip, others.flip(-1, -2), others.flip(-1))


def rolled(images: Tensor, others: Tensor, random: torch.Generator) -> Tensor:
    """Shift the image cyclically by at least an eighth of its size."""
    shifts = [
        int(torch.randint(max(1, side // 8), max(2, side - side // 8), (), generator=random))
        for side in images.shape[-2:]
    ]
    return images.roll(shifts, (-2, -1))


def noise(images: Tensor, others: Tensor, random: torch.Generator) -> Tensor:
    """Add Gaussian noise with a standard deviation from 2 to 20 % of the range."""
    sigma = uniform(len(images), 0.04, 0.4, random)
    return images + sigma * torch.randn(images.shape, generator=random)


def smoothed(images: Tensor, others: Tensor, random: torch.Generator) -> Tensor:
    """Smooth the image with a Gaussian with a standard deviation from 1 to 3 pixels."""
    sigma = BLUR_SIGMAS[int(torch.randint(len(BLUR_SIGMAS), (), generator=random))]
    return smooth(images.flatten(0, 1), sigma).view_as(images)


FAMILIES: dict[str, Change] = {
    "affine": affine,
    "gamma": gamma,
    "another": another,
    "rotated": rotated,
    "rolled": rolled,
    "noise": noise,
    "smoothed": smoothed,
}
"""Functions that change images, keyed by family. The arguments are the images, other images, and a
random number generator on the CPU."""


def check_families(names: Sequence[str]) -> list[str]:
    """Return the families that remain if the families ``names`` are left out.

    Raises InvalidInputError if a name is unknown or no family remains.
    """
    if unknown := sorted(set(names) - set(FAMILIES)):
        raise InvalidInputError(
            f"Unknown family of defects '{unknown[0]}' in 'model.options.leave_out'.",
            f"Families: {', '.join(FAMILIES)}.",
        )
    remaining = [name for name in FAMILIES if name not in names]
    if not remaining:
        raise InvalidInputError("'model.options.leave_out' contains all families of defects.")
    return remaining


def random_field(count: int, size: tuple[int, int], random: torch.Generator) -> Tensor:
    """Return the regions in which Gaussian random fields are largest, with shape (N, H, W)."""
    sigma = FIELD_SIGMAS[int(torch.randint(len(FIELD_SIGMAS), (), generator=random))]
    field = smooth(torch.randn(count, *size, generator=random), sigma).flatten(1)
    area = uniform(count, math.log(MIN_AREA), math.log(MAX_AREA), random).exp().view(-1, 1)
    order = field.argsort(dim=1, descending=True).argsort(dim=1)
    return (order < (area * field.shape[1]).clamp(min=1)).view(count, *size)


def rectangles(count: int, size: tuple[int, int], random: torch.Generator) -> Tensor:
    """Return rotated rectangles with an aspect ratio of up to 8, with shape (N, H, W)."""
    along, across = _rotated_coordinates(count, size, random)
    area = uniform(count, math.log(MIN_AREA), math.log(MAX_AREA), random).exp() * math.prod(size)
    aspect = uniform(count, 0, math.log(8), random).exp()
    return (along.abs() <= (area * aspect).sqrt()[:, 0] / 2) & (
        across.abs() <= (area / aspect).sqrt()[:, 0] / 2
    )


def stripes(count: int, size: tuple[int, int], random: torch.Generator) -> Tensor:
    """Return half planes, and streaks with a width of up to an eighth of the image."""
    along, _ = _rotated_coordinates(count, size, random)
    width = uniform(count, 1, max(2.0, max(size) / 8), random)[:, 0]
    is_plane = torch.rand(count, 1, 1, generator=random) < 0.5
    return torch.where(is_plane, along > 0, along.abs() <= width / 2)


def dots(count: int, size: tuple[int, int], random: torch.Generator) -> Tensor:
    """Return up to ``MAX_DOTS`` pixels or groups of 2 × 2 pixels, with shape (N, H, W)."""
    height, width = size
    region = torch.zeros(count, height, width, dtype=torch.bool)
    number = torch.randint(1, MAX_DOTS + 1, (count, 1), generator=random)
    used = torch.arange(MAX_DOTS) < number
    y, x = (torch.randint(side, (count, MAX_DOTS), generator=random) for side in size)
    image = torch.arange(count)[:, None].expand_as(used)
    region[image[used], y[used], x[used]] = True
    large = torch.rand(count, 1, 1, generator=random) < 0.5
    wider = region | region.roll(1, -1) | region.roll(1, -2) | region.roll((1, 1), (-1, -2))
    return torch.where(large, wider, region)


def _rotated_coordinates(
    count: int, size: tuple[int, int], random: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return the coordinates of the pixels in a rotated frame with a random origin."""
    height, width = size
    angle = uniform(count, 0, math.pi, random)[:, 0]
    y = torch.arange(height).view(1, -1, 1) - uniform(count, 0, height, random)[:, 0]
    x = torch.arange(width).view(1, 1, -1) - uniform(count, 0, width, random)[:, 0]
    return x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()


SHAPES = (random_field, rectangles, stripes, dots)
"""Functions that return random regions. The arguments are the number of images, the image size, and
a random number generator on the CPU."""


def add_defects(
    images: Tensor, random: torch.Generator, families: Sequence[str] = tuple(FAMILIES)
) -> tuple[Tensor, Tensor]:
    """Change a random region in each image.

    ``images`` is on the CPU, and has the shape (N, C, H, W) and values in [-1, 1]. Return the
    changed images with the same shape, and the labels with shape (N, H, W), which are 1 for changed
    pixels and 0 for the other pixels. ``random`` determines all random numbers.
    """
    count, size = len(images), (images.shape[-2], images.shape[-1])
    weight = _softened(_choose(SHAPES, count, random, size), random)
    weight *= torch.rand(count, 1, 1, generator=random) >= UNCHANGED_SHARE
    others = images.roll(1, 0) if count > 1 else images.flip(-1, -2)
    changes = torch.empty_like(images)
    kinds = torch.randint(len(families), (count,), generator=random)
    for number, family in enumerate(families):
        chosen = kinds == number
        if chosen.any():
            changes[chosen] = FAMILIES[family](images[chosen], others[chosen], random)
    changed = (images + weight[:, None] * (changes - images)).clamp(-1, 1)
    visible = (changed - images).abs().amax(dim=1) > VISIBLE
    return changed, (visible & (weight > 0.5)).to(images.dtype)


def _choose(
    shapes: Sequence[Callable[..., Tensor]],
    count: int,
    random: torch.Generator,
    size: tuple[int, int],
) -> Tensor:
    """Return a region of a random shape for each image, with shape (N, H, W)."""
    regions = torch.zeros(count, *size)
    kinds = torch.randint(len(shapes), (count,), generator=random)
    for number, shape in enumerate(shapes):
        chosen = kinds == number
        if chosen.any():
            regions[chosen] = shape(int(chosen.sum()), size, random).float()
    return regions


def _softened(regions: Tensor, random: torch.Generator) -> Tensor:
    """Smooth the edges of the regions with a random width for each image.

    The largest value in each image is 1, so that small regions do not disappear.
    """
    kinds = torch.randint(len(EDGE_SIGMAS), (len(regions),), generator=random)
    for number, sigma in enumerate(EDGE_SIGMAS):
        chosen = kinds == number
        if chosen.any():
            regions[chosen] = smooth(regions[chosen], sigma)
    return regions / regions.flatten(1).amax(dim=1).clamp(min=1e-6)[:, None, None]


def random_crops(images: Tensor, size: int, random: torch.Generator) -> Tensor:
    """Crop each image to at most ``size`` × ``size`` pixels at a random position."""
    height, width = (min(side, size) for side in images.shape[-2:])
    if (height, width) == tuple(images.shape[-2:]):
        return images
    corners = [
        torch.randint(side - kept + 1, (len(images),), generator=random).tolist()
        for side, kept in zip(images.shape[-2:], (height, width), strict=True)
    ]
    return torch.stack(
        [
            image[:, y : y + height, x : x + width]
            for image, y, x in zip(images, *corners, strict=True)
        ]
    )
