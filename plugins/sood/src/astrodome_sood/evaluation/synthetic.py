"""The synthetic-anomaly protocol: real images with one region changed, fixed by a seed.

Every image appears once as it is and once with each kind of anomaly, so that models can be
compared without labels. The region is a rotated ellipse of 2 to 12 % of the image with a soft
edge. What is drawn for an image follows from the seed, the kind and the image's name alone, so
that adding images changes nothing for the others.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from astrodome import AstrodomeError
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ..protocols import ImageSet

SMALLEST, LARGEST = 0.02, 0.12
"""Share of an image that its region covers."""
EDGE = 1.0
"""Standard deviation of the region's soft edge, px."""
VISIBLE = 0.05
"""Least mean change within a region, in units of the grey scale from 0 to 1."""
TRIES = 20
RECENT = 64
"""Images that are kept at hand: decoding one of a store takes its whole chunk."""
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Altered:
    """An image with an anomaly: ``image`` (C, H, W) in [-1, 1], and the ``mask`` (H, W) of it.

    ``index`` is the place of the real image in its set; an empty ``kind`` is the image itself.
    """

    index: int
    kind: str
    image: Array
    mask: NDArray[np.bool_]


def region(side: tuple[int, int], random: np.random.Generator) -> Array:
    """Weights (H, W) from 0 to 1 of a rotated ellipse wholly inside, its edge smoothed."""
    height, width = side
    area = random.uniform(SMALLEST, LARGEST) * height * width
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
    return np.asarray(gaussian_filter(inside.astype(np.float32), EDGE), np.float32)


def paste(image: Array, other: Array, random: np.random.Generator) -> Array:
    """Another place of the Sun, of another image."""
    return other


def brighten(image: Array, other: Array, random: np.random.Generator) -> Array:
    """30 to 70 % of the way to white, as a flare is."""
    return image + np.float32(random.uniform(0.3, 0.7)) * (1 - image)


def blur(image: Array, other: Array, random: np.random.Generator) -> Array:
    """A Gaussian of 1/24 to 1/12 of the side, as condensation or lost focus does."""
    sigma = image.shape[-1] * random.uniform(1 / 24, 1 / 12)
    return np.asarray(gaussian_filter(image, (0, sigma, sigma)), np.float32)


def occult(image: Array, other: Array, random: np.random.Generator) -> Array:
    """60 to 95 % of the light gone, as behind the Moon, the Earth or a lost block of data."""
    return image - np.float32(random.uniform(0.6, 0.95)) * (image + 1)


def swap(image: Array, other: Array, random: np.random.Generator) -> Array:
    """The Sun in another wavelength."""
    return other


KINDS: dict[str, Callable[[Array, Array, np.random.Generator], Array]] = {
    "paste": paste,
    "brighten": brighten,
    "blur": blur,
    "occult": occult,
    "swap": swap,
}
"""What is done within the region, by the name of the kind."""


def possible(images: ImageSet) -> list[str]:
    """The kinds that a set allows: swapping needs two wavelengths, pasting two images."""
    waves = {images.describe(index).get("wavelength") for index in range(len(images))}
    lacking = {"swap"} if len(waves) < 2 else set()
    return [
        kind for kind in KINDS if kind not in lacking | ({"paste"} if len(images) < 2 else set())
    ]


class Protocol:
    """The images of a set, each as it is and with every kind of anomaly.

    ``base`` are the indices of the images that are altered, others only lend their pixels:
    for swaps, images of other wavelengths, of the same time if there are some.
    """

    def __init__(
        self, images: ImageSet, seed: int = 0, kinds: Sequence[str] = (), wavelength: int = 0
    ) -> None:
        unknown = set(kinds) - set(KINDS)
        if unknown:
            raise AstrodomeError(
                f"There is no kind of anomaly '{sorted(unknown)[0]}'.",
                f"Known: {', '.join(KINDS)}.",
                exit_code=2,
            )
        self.images, self.seed = images, seed
        self._image = lru_cache(RECENT)(images.__getitem__)
        self._about = [images.describe(index) for index in range(len(images))]
        self.kinds = [kind for kind in possible(images) if not kinds or kind in kinds]
        waves = [about.get("wavelength") for about in self._about]
        self.wavelength = wavelength or max(dict.fromkeys(waves), key=waves.count)
        self.base = [index for index, wave in enumerate(waves) if wave == self.wavelength]
        if not self.base:
            raise AstrodomeError(
                f"No image has the wavelength {self.wavelength} Å.",
                f"There are: {', '.join(sorted({str(wave) for wave in waves}))}.",
            )

    def __len__(self) -> int:
        return len(self.base) * (1 + len(self.kinds))

    def __iter__(self) -> Iterator[Altered]:
        for index in self.base:
            image = self._image(index)
            yield Altered(index, "", image, np.zeros(image.shape[1:], bool))
            for kind in self.kinds:
                yield self.altered(index, kind)

    def altered(self, index: int, kind: str) -> Altered:
        """An image of the set with one kind of anomaly that can be seen (or the best of 20)."""
        image = self._image(index)
        name = str(self._about[index].get("path", index)).rsplit("/", 1)[-1]
        random = np.random.default_rng(
            [self.seed, zlib.crc32(kind.encode()), zlib.crc32(name.encode())]
        )
        best: tuple[float, Any, Any] = (-1.0, None, None)
        for _ in range(TRIES):
            weight = region((image.shape[1], image.shape[2]), random)
            other = self._other(index, kind, random)
            changed = KINDS[kind](image, other, random)
            mixed = np.clip(image + weight * (changed - image), -1, 1).astype(np.float32)
            mask = weight > 0.5
            change = float(np.abs(mixed - image)[:, mask].mean()) / 2 if mask.any() else 0.0
            if change > best[0]:
                best = (change, mixed, mask)
            if change >= VISIBLE:
                break
        return Altered(index, kind, best[1], best[2])

    def _other(self, index: int, kind: str, random: np.random.Generator) -> Array:
        if kind not in ("paste", "swap"):
            return self._image(index)
        if kind == "paste":
            donors = [other for other in self.base if other != index] or self.base
        else:
            donors = self._other_waves(index)
        found: Array = self._image(donors[int(random.integers(len(donors)))])
        return found

    def _other_waves(self, index: int) -> list[int]:
        wave, part = self._about[index].get("wavelength"), self._about[index].get("part")
        others = [n for n, a in enumerate(self._about) if a.get("wavelength") != wave]
        same = [n for n in others if part is not None and self._about[n].get("part") == part]
        return same or others
