"""Generate synthetic anomalies: real images in which one region is changed.

With synthetic anomalies, models can be compared without labels. Each image is used once unchanged
and once with each type of anomaly. The changed region is a rotated ellipse with a soft edge that
covers 2 to 12 % of the image. The random numbers for an image are determined by the seed, the type
of anomaly and the name of the image. They do not depend on the other images.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import numpy as np
from astrodome import AstrodomeError, InvalidInputError
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ..protocols import ImageSet
from .ground_truth import LabeledImage, labeled_image

MIN_AREA, MAX_AREA = 0.02, 0.12
"""Minimum and maximum area of the changed region, as a fraction of the image area."""
EDGE_SIGMA = 1.0
"""Standard deviation of the Gaussian that softens the edge of the region, in pixels."""
MIN_CHANGE = 0.05
"""Minimum mean change of the intensities in the region, as a fraction of the full range."""
MAX_TRIES = 20
CACHED_IMAGES = 64
"""Number of images in the cache. Reading one image from a store decodes a whole chunk."""
Array = NDArray[np.float32]


def random_region(shape: tuple[int, int], random: np.random.Generator) -> Array:
    """Return the mask of a random rotated ellipse inside the image.

    The mask has the given shape (H, W) and values from 0 to 1.
    """
    height, width = shape
    area = random.uniform(MIN_AREA, MAX_AREA) * height * width
    stretch = random.uniform(0.5, 2.0)
    a, b = np.sqrt(area * stretch / np.pi), np.sqrt(area / stretch / np.pi)
    angle = random.uniform(0, np.pi)
    reach_x = np.hypot(a * np.cos(angle), b * np.sin(angle))
    reach_y = np.hypot(a * np.sin(angle), b * np.cos(angle))
    x0 = random.uniform(min(reach_x, width / 2), max(width - reach_x, width / 2))
    y0 = random.uniform(min(reach_y, height / 2), max(height - reach_y, height / 2))
    y, x = np.mgrid[:height, :width] + 0.5
    along = (x - x0) * np.cos(angle) + (y - y0) * np.sin(angle)
    across = (y - y0) * np.cos(angle) - (x - x0) * np.sin(angle)
    inside = (along / a) ** 2 + (across / b) ** 2 <= 1
    return np.asarray(gaussian_filter(inside.astype(np.float32), EDGE_SIGMA), np.float32)


def replace(image: Array, other: Array, random: np.random.Generator) -> Array:
    """Return the image ``other``.

    For the anomaly type ``paste``, ``other`` has the same wavelength as ``image``. For ``swap``, it
    has a different wavelength.
    """
    return other


def brighten(image: Array, other: Array, random: np.random.Generator) -> Array:
    """Brighten the image to simulate a flare.

    The difference between each intensity and the maximum is reduced by 30 to 70 %.
    """
    return image + np.float32(random.uniform(0.3, 0.7)) * (1 - image)


def blur(image: Array, other: Array, random: np.random.Generator) -> Array:
    """Blur the image, similar to condensation or a defocused telescope.

    The standard deviation of the Gaussian kernel is 1/24 to 1/12 of the image width.
    """
    sigma = image.shape[-1] * random.uniform(1 / 24, 1 / 12)
    return np.asarray(gaussian_filter(image, (0, sigma, sigma)), np.float32)


def occult(image: Array, other: Array, random: np.random.Generator) -> Array:
    """Darken the image by 60 to 95 %, similar to an eclipse or missing data."""
    return image - np.float32(random.uniform(0.6, 0.95)) * (image + 1)


KINDS: dict[str, Callable[[Array, Array, np.random.Generator], Array]] = {
    "paste": replace,
    "brighten": brighten,
    "blur": blur,
    "occult": occult,
    "swap": replace,
}
"""Functions that change an image, keyed by anomaly type."""


class SyntheticAnomalies:
    """Ground truth that contains the original images, and anomalies of each type for each seed.

    ``base`` contains the indices of the images that are changed. They have the selected
    wavelength, which is the most frequent wavelength by default. The type ``paste`` requires at
    least two images, and the type ``swap`` requires images at another wavelength. A type is skipped
    if the required images do not exist. For ``swap``, an image of the same patch is used if it
    exists.
    """

    def __init__(
        self,
        images: ImageSet,
        seeds: Sequence[int] = (0,),
        kinds: Sequence[str] = (),
        wavelength: int = 0,
    ) -> None:
        if unknown := sorted(set(kinds) - set(KINDS)):
            raise InvalidInputError(
                f"Unknown type of anomaly '{unknown[0]}'.",
                f"Supported types: {', '.join(KINDS)}.",
            )
        self.images, self.seeds = images, list(seeds)
        self._image = lru_cache(CACHED_IMAGES)(images.__getitem__)
        self._about = [images.describe(index) for index in range(len(images))]
        waves = [about.get("wavelength") for about in self._about]
        impossible = {"swap"} if len(set(waves)) < 2 else set()
        impossible |= {"paste"} if len(images) < 2 else set()
        self.kinds = [
            kind for kind in KINDS if kind not in impossible and (not kinds or kind in kinds)
        ]
        self.wavelength = wavelength or max(dict.fromkeys(waves), key=waves.count)
        self.base = [index for index, wave in enumerate(waves) if wave == self.wavelength]
        if not self.base:
            raise AstrodomeError(
                f"No images found with the wavelength {self.wavelength} Å.",
                f"Available wavelengths: {', '.join(sorted({str(wave) for wave in waves}))}.",
            )

    def __len__(self) -> int:
        return len(self.base) * (1 + len(self.seeds) * len(self.kinds))

    def __iter__(self) -> Iterator[LabeledImage]:
        for number, seed in enumerate(self.seeds):
            for index in self.base:
                if number == 0:
                    image = self._image(index)
                    mask = np.zeros(image.shape[1:], bool)
                    yield labeled_image(self.images, index, "", image, 0, mask)
                for kind in self.kinds:
                    yield self.changed(index, kind, seed)

    def about(self) -> dict[str, Any]:
        """Return a description of the ground truth for the evaluation results."""
        return {
            "reference": "synthetic",
            "kinds": self.kinds,
            "wavelength": self.wavelength,
            "real_images": len(self.base),
            "protocol_seeds": self.seeds,
        }

    def changed(self, index: int, kind: str, seed: int) -> LabeledImage:
        """Return an image with a synthetic anomaly.

        Random anomalies are generated until the mean change is at least ``MIN_CHANGE``. After
        ``MAX_TRIES`` attempts, the image with the largest change is returned.
        """
        image = self._image(index)
        name = str(self._about[index].get("path", index)).rsplit("/", 1)[-1]
        random = np.random.default_rng([seed, zlib.crc32(kind.encode()), zlib.crc32(name.encode())])
        tries: list[tuple[float, Any, Any]] = []
        for _ in range(MAX_TRIES):
            weight = random_region((image.shape[1], image.shape[2]), random)
            other = self._other_image(index, kind, random)
            change = KINDS[kind](image, other, random)
            mixed = np.clip(image + weight * (change - image), -1, 1).astype(np.float32)
            mask = weight > 0.5
            size = float(np.abs(mixed - image)[:, mask].mean()) / 2 if mask.any() else 0.0
            tries.append((size, mixed, mask))
            if size >= MIN_CHANGE:
                break
        _, mixed, mask = max(tries, key=itemgetter(0))
        return labeled_image(self.images, index, kind, mixed, 1, mask)

    def _other_image(self, index: int, kind: str, random: np.random.Generator) -> Array:
        if kind not in ("paste", "swap"):
            return self._image(index)
        if kind == "paste":
            candidates = [other for other in self.base if other != index] or self.base
        else:
            candidates = self._other_wavelengths(index)
        found: Array = self._image(candidates[int(random.integers(len(candidates)))])
        return found

    def _other_wavelengths(self, index: int) -> list[int]:
        wave, part = self._about[index].get("wavelength"), self._about[index].get("part")
        others = [n for n, a in enumerate(self._about) if a.get("wavelength") != wave]
        same = [n for n in others if part is not None and self._about[n].get("part") == part]
        return same or others
