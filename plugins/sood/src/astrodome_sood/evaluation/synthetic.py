"""Synthetic anomalies: real images in which one region is changed.

Models can be compared without labels: each image occurs once unchanged, and once with each kind
of anomaly. The region is a rotated ellipse with a soft edge that covers 2 to 12 % of the image. All
random numbers for an image follow from the seed, the kind and the name of the image, so they do
not depend on the other images.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from astrodome import AstrodomeError
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ..protocols import ImageSet
from .ground_truth import LabeledImage

MIN_AREA, MAX_AREA = 0.02, 0.12
"""Area of the region as a share of the image."""
EDGE_SIGMA = 1.0
"""Standard deviation of the soft edge of the region, in pixels."""
MIN_CHANGE = 0.05
"""Minimum mean change in the region, as a share of the grey scale."""
MAX_TRIES = 20
CACHED_IMAGES = 64
"""Number of images in memory: decoding an image of a store decodes its whole chunk."""
Array = NDArray[np.float32]


def random_region(shape: tuple[int, int], random: np.random.Generator) -> Array:
    """Return the weights (H, W) from 0 to 1 of a rotated ellipse inside the image."""
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
    """Return another image: a different place (paste) or wavelength (swap)."""
    return other


def brighten(image: Array, other: Array, random: np.random.Generator) -> Array:
    """Move the intensities 30 to 70 % of the way to white, similar to a flare."""
    return image + np.float32(random.uniform(0.3, 0.7)) * (1 - image)


def blur(image: Array, other: Array, random: np.random.Generator) -> Array:
    """Blur with a Gaussian of 1/24 to 1/12 of the side, similar to condensation or lost focus."""
    sigma = image.shape[-1] * random.uniform(1 / 24, 1 / 12)
    return np.asarray(gaussian_filter(image, (0, sigma, sigma)), np.float32)


def occult(image: Array, other: Array, random: np.random.Generator) -> Array:
    """Darken by 60 to 95 %, similar to an eclipse or a lost block of data."""
    return image - np.float32(random.uniform(0.6, 0.95)) * (image + 1)


KINDS: dict[str, Callable[[Array, Array, np.random.Generator], Array]] = {
    "paste": replace,
    "brighten": brighten,
    "blur": blur,
    "occult": occult,
    "swap": replace,
}
"""Changes of the region by the name of the kind."""


class SyntheticAnomalies:
    """Ground truth of images that occur unchanged, and with each kind of anomaly for each seed.

    ``base`` contains the indices of the images of the selected wavelength (by default the most
    frequent one), which are changed. Pasting needs two of them. Swapping needs images of another
    wavelength, and prefers those with the same part (patch).
    """

    def __init__(
        self,
        images: ImageSet,
        seeds: Sequence[int] = (0,),
        kinds: Sequence[str] = (),
        wavelength: int = 0,
    ) -> None:
        if unknown := sorted(set(kinds) - set(KINDS)):
            raise AstrodomeError(
                f"The kind of anomaly '{unknown[0]}' does not exist.",
                f"Kinds: {', '.join(KINDS)}.",
                exit_code=2,
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
                f"Wavelengths: {', '.join(sorted({str(wave) for wave in waves}))}.",
            )

    def __len__(self) -> int:
        return len(self.base) * (1 + len(self.seeds) * len(self.kinds))

    def __iter__(self) -> Iterator[LabeledImage]:
        for number, seed in enumerate(self.seeds):
            for index in self.base:
                if number == 0:
                    image = self._image(index)
                    yield self._labeled(index, "", image, np.zeros(image.shape[1:], bool))
                for kind in self.kinds:
                    yield self.changed(index, kind, seed)

    def about(self) -> dict[str, Any]:
        """Return a description for the results."""
        return {
            "reference": "synthetic",
            "kinds": self.kinds,
            "wavelength": self.wavelength,
            "real_images": len(self.base),
            "protocol_seeds": self.seeds,
        }

    def changed(self, index: int, kind: str, seed: int) -> LabeledImage:
        """Return an image with an anomaly: the first visible one, or the best of 20."""
        image = self._image(index)
        name = str(self._about[index].get("path", index)).rsplit("/", 1)[-1]
        random = np.random.default_rng([seed, zlib.crc32(kind.encode()), zlib.crc32(name.encode())])
        best: tuple[float, Any, Any] = (-1.0, None, None)
        for _ in range(MAX_TRIES):
            weight = random_region((image.shape[1], image.shape[2]), random)
            other = self._other_image(index, kind, random)
            change = KINDS[kind](image, other, random)
            mixed = np.clip(image + weight * (change - image), -1, 1).astype(np.float32)
            mask = weight > 0.5
            size = float(np.abs(mixed - image)[:, mask].mean()) / 2 if mask.any() else 0.0
            if size > best[0]:
                best = (size, mixed, mask)
            if size >= MIN_CHANGE:
                break
        return self._labeled(index, kind, best[1], best[2])

    def _labeled(self, index: int, kind: str, image: Array, mask: Any) -> LabeledImage:
        about = self._about[index]
        name = Path(str(about.get("path"))).name
        return LabeledImage(
            index, name, kind, image, int(bool(kind)), mask, about.get("wavelength")
        )

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
