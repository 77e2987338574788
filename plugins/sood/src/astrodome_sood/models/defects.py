"""Generate defects in images, with which a segmentation network is trained.

A quarter of the images is not changed. In each other image, a region is changed. The region is one
of the shapes in ``SHAPES``, with an edge that is softened by a random amount. The content of the
region is changed by one of the families in ``CONTENTS``, by one of the families in ``TONES``, or by
both. If the mean change in the region is invisible, the image is not changed. Otherwise, all pixels
in the region are labeled as changed.

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
ITSELF_SHARE = 0.15
"""Fraction of the changes in which only the tone of the image is changed."""
TONE_SHARE = 0.5
"""Fraction of the other changes in which the tone is also changed."""
MATCHED_SHARE = 0.35
"""Fraction of the replaced regions whose content has the mean intensity of the image."""
MIN_CHANGE = 0.04
"""Smallest mean change of the intensity in a region, in images with values in [-1, 1]: 2 % of the
range."""
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
MAX_LINES = 6
"""Maximum number of adjacent rows or columns."""

Change = Callable[[Tensor, Tensor, torch.Generator], Tensor]


def uniform(count: int, low: float, high: float, random: torch.Generator) -> Tensor:
    """Return random numbers with shape (N, 1, 1, 1)."""
    return low + (high - low) * torch.rand(count, 1, 1, 1, generator=random)


def shifted(images: Tensor, others: Tensor, random: torch.Generator) -> Tensor:
    """Add a constant between 2.5 and 50 % of the range, with a random sign."""
    size = uniform(len(images), math.log(0.05), 0, random).exp()
    return images + size * _sign(len(images), random)


def stretched(images: Tensor, others: Tensor, random: torch.Generator) -> Tensor:
    """Multiply the contrast by a factor between 0.15 and 3, and add a constant."""
    mean = _mean(images)
    gain = uniform(len(images), math.log(0.15), math.log(3), random).exp()
    return shifted((images - mean) * gain + mean, others, random)


def gamma(images: Tensor, others: Tensor, random: torch.Generator) -> Tensor:
    """Raise the intensities to a power between 0.3 and 3."""
    power = uniform(len(images), math.log(0.3), math.log(3), random).exp()
    return ((images + 1) / 2).clamp(min=0).pow(power) * 2 - 1


def _sign(count: int, random: torch.Generator) -> Tensor:
    return 1 - 2 * _half(count, random).float()


def constant(images: Tensor, others: Tensor, random: torch.Generator) -> Tensor:
    """Replace the image with its mean intensity."""
    return _mean(images).expand_as(images)


def another(images: Tensor, others: Tensor, random: torch.Generator) -> Tensor:
    """Replace the image with another image."""
    return others


def rotated(images: Tensor, others: Tensor, random: torch.Generator) -> Tensor:
    """Replace the image with another image, rotated by 180° or mirrored."""
    return torch.where(_half(len(images), random), others.flip(-1, -2), others.flip(-1))


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


CONTENTS: dict[str, Change] = {
    "another": another,
    "rotated": rotated,
    "rolled": rolled,
    "noise": noise,
    "smoothed": smoothed,
    "constant": constant,
}
"""Functions that change the content of images, keyed by family. The arguments are the images, other
images, and a random number generator on the CPU."""
TONES: dict[str, Change] = {
    "shifted": shifted,
    "stretched": stretched,
    "gamma": gamma,
}
"""Functions that change the intensity scale of images, keyed by family."""
FAMILIES = CONTENTS | TONES
FREQUENCIES = {"another": 3.0, "rotated": 2.0, "rolled": 2.0, "smoothed": 2.0}
"""How often families are used, relative to those that are not listed."""
REPLACING = ("another", "rotated", "rolled")
"""Families that replace the content with that of another image or position."""


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
    return _largest(smooth(torch.randn(count, *size, generator=random), sigma), random)


def _largest(field: Tensor, random: torch.Generator) -> Tensor:
    """Return the pixels with the largest values, whose number is random, with shape (N, H, W)."""
    flat = field.flatten(1)
    area = uniform(len(flat), math.log(MIN_AREA), math.log(MAX_AREA), random).exp().view(-1, 1)
    order = flat.argsort(dim=1, descending=True).argsort(dim=1)
    return (order < (area * flat.shape[1]).clamp(min=1)).view_as(field)


def blobs(count: int, size: tuple[int, int], random: torch.Generator) -> Tensor:
    """Return compact regions with an irregular outline, with shape (N, H, W)."""
    height, width = size
    sigma = FIELD_SIGMAS[int(torch.randint(1, len(FIELD_SIGMAS), (), generator=random))]
    field = smooth(torch.randn(count, height, width, generator=random), sigma)
    y = torch.arange(height).view(1, -1, 1) - uniform(count, 0, height, random)[:, 0]
    x = torch.arange(width).view(1, 1, -1) - uniform(count, 0, width, random)[:, 0]
    radius = uniform(count, 0.1, 0.4, random)[:, 0] * math.sqrt(height * width)
    scale = field.flatten(1).std(dim=1, correction=0).clamp(min=1e-6)[:, None, None]
    return _largest(field / scale - (y**2 + x**2) / radius**2, random)


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


def lines(count: int, size: tuple[int, int], random: torch.Generator) -> Tensor:
    """Return random rows or columns, or up to ``MAX_LINES`` adjacent ones, with shape (N, H, W)."""
    height, width = size
    share = uniform(count, 0.05, 0.5, random)[..., 0]
    first = uniform(count, 0, 1, random)[..., 0]
    number = uniform(count, 1, MAX_LINES + 1, random)[..., 0].floor()
    are_scattered, are_rows = (uniform(count, 0, 1, random)[..., 0] < 0.5 for _ in range(2))

    def chosen(length: int) -> Tensor:
        position = torch.arange(length).view(1, -1, 1)
        scattered = torch.rand(count, length, 1, generator=random) < share
        start = (first * length).floor()
        adjacent = (position >= start) & (position < start + number)
        return torch.where(are_scattered, scattered, adjacent)

    rows, columns = chosen(height), chosen(width).transpose(1, 2)
    return torch.where(are_rows, rows.expand(-1, -1, width), columns.expand(-1, height, -1))


def _rotated_coordinates(
    count: int, size: tuple[int, int], random: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return the coordinates of the pixels in a rotated frame with a random origin."""
    height, width = size
    angle = uniform(count, 0, math.pi, random)[:, 0]
    y = torch.arange(height).view(1, -1, 1) - uniform(count, 0, height, random)[:, 0]
    x = torch.arange(width).view(1, 1, -1) - uniform(count, 0, width, random)[:, 0]
    return x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()


SHAPES: dict[Callable[[int, tuple[int, int], torch.Generator], Tensor], float] = {
    blobs: 4,
    random_field: 1,
    rectangles: 1,
    stripes: 1,
    dots: 1,
    lines: 1,
}
"""Functions that return random regions, and how often they are used. The arguments are the number
of images, the image size, and a random number generator on the CPU."""


def add_defects(
    images: Tensor, random: torch.Generator, families: Sequence[str] = tuple(FAMILIES)
) -> tuple[Tensor, Tensor]:
    """Change a random region in each image.

    ``images`` is on the CPU, and has the shape (N, C, H, W) and values in [-1, 1]. Return the
    changed images with the same shape, and the labels with shape (N, H, W), which are 1 for changed
    pixels and 0 for the other pixels. ``random`` determines all random numbers.
    """
    count, size = len(images), (images.shape[-2], images.shape[-1])
    weight = _softened(_regions(count, size, random), random)
    weight *= torch.rand(count, 1, 1, generator=random) >= UNCHANGED_SHARE
    changes = _changed(images, families, random)
    changed = (images + weight[:, None] * (changes - images)).clamp(-1, 1)
    region = weight > 0.5
    difference = (changed - images).abs().amax(dim=1)
    mean = (difference * region).sum(dim=(1, 2)) / region.sum(dim=(1, 2)).clamp(min=1)
    visible = (mean > MIN_CHANGE)[:, None, None]
    return torch.where(visible[:, None], changed, images), (region & visible).to(images.dtype)


def _changed(images: Tensor, families: Sequence[str], random: torch.Generator) -> Tensor:
    """Change the content and the tone of whole images."""
    count = len(images)
    others = images.roll(1, 0) if count > 1 else images.flip(-1, -2)
    contents, tones = ([n for n in kind if n in families] for kind in (CONTENTS, TONES))
    is_itself = torch.rand(count, generator=random) < (ITSELF_SHARE if contents else 1)
    has_tone = is_itself | (torch.rand(count, generator=random) < TONE_SHARE)
    for names, chosen in ((contents, ~is_itself), (tones, has_tone)):
        if names:
            images = _applied(images, others, names, chosen, random)
    return images


def _applied(
    images: Tensor, others: Tensor, names: Sequence[str], chosen: Tensor, random: torch.Generator
) -> Tensor:
    """Apply one of the families ``names`` to each chosen image."""
    count = len(images)
    shares = torch.tensor([FREQUENCIES.get(name, 1.0) for name in names])
    kinds = torch.multinomial(shares, count, replacement=True, generator=random)
    is_matched = torch.rand(count, 1, 1, 1, generator=random) < MATCHED_SHARE
    changed = images.clone()
    for number, name in enumerate(names):
        own = chosen & (kinds == number)
        if not own.any():
            continue
        found = FAMILIES[name](images[own], others[own], random)
        if name in REPLACING:
            difference = _mean(images[own]) - _mean(found)
            found = torch.where(is_matched[own], found + difference, found)
        changed[own] = found
    return changed


def _mean(images: Tensor) -> Tensor:
    """Return the mean intensities with shape (N, C, 1, 1)."""
    return images.mean(dim=(-1, -2), keepdim=True)


def _regions(count: int, size: tuple[int, int], random: torch.Generator) -> Tensor:
    """Return a region of a random shape for each image, with shape (N, H, W)."""
    regions = torch.zeros(count, *size)
    shares = torch.tensor(list(SHAPES.values()))
    kinds = torch.multinomial(shares.float(), count, replacement=True, generator=random)
    for number, shape in enumerate(SHAPES):
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


def random_orientations(images: Tensor, random: torch.Generator) -> Tensor:
    """Mirror each image at random; square images are also rotated by 90° at random."""
    for axis in (-1, -2):
        images = torch.where(_half(len(images), random), images.flip(axis), images)
    if images.shape[-1] == images.shape[-2]:
        images = torch.where(_half(len(images), random), images.transpose(-1, -2), images)
    return images


def _half(count: int, random: torch.Generator) -> Tensor:
    """Return True with a probability of one half, with shape (N, 1, 1, 1)."""
    return torch.rand(count, 1, 1, 1, generator=random) < 0.5
