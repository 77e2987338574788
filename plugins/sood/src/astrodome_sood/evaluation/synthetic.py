"""Generate synthetic anomalies: real images in which one region is changed.

With synthetic anomalies, models can be compared without labels. Each image is used once unchanged
and once with each type of anomaly. Two versions of the protocol exist:

- Version 2, the default: the region is an ellipse, a polygon or an arc that covers 2 to 12 % of the
  image. The width of its edge is one of ``EDGES``; three consecutive seeds use all of them for each
  image and type. Only visible anomalies are used: the mean change in the region is at least
  ``MIN_CHANGE``, and the region still covers 1 % of the image after its edge was softened. If
  ``MAX_TRIES`` attempts are not visible, the anomaly is skipped and counted. A blurred region is
  placed where blurring changes the image most, and the second half of the attempts uses a stronger
  blur, because most regions at random positions would not change visibly.
- Version 1, for comparison with earlier results: the region is an ellipse with an edge of
  ``EDGE_SIGMA``. If no attempt is visible, the attempt with the largest change is used. Most
  anomalies of the type ``blur`` are not visible in this version.

The random numbers for an image are determined by the seed, the type of anomaly and the name of the
image. They do not depend on the other images.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from operator import itemgetter
from typing import Any

import numpy as np
from astrodome import AstrodomeError, InvalidInputError
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from .. import progress
from ..protocols import ImageSet
from .ground_truth import LabeledImage, labeled_image
from .regions import MIN_AREA, SHAPES, ellipse, moved_to_maximum, softened

VERSIONS = (1, 2)
"""Versions of the protocol."""
EDGE_SIGMA = 1.0
"""Width of the edge in version 1: standard deviation of a Gaussian, in pixels."""
EDGES = (0.3, 1.0, 2.5)
"""Widths of the edges in version 2: standard deviations of a Gaussian, in pixels."""
MIN_CHANGE = 0.05
"""Minimum mean change of the intensities in the region, as a fraction of the full range."""
MAX_TRIES = 20
BLURS = ((1 / 24, 1 / 12), (1 / 4, 1 / 2))
"""Ranges of the standard deviation of the Gaussian kernel for ``blur``, as fractions of the image
width, in the first and in the second half of the attempts."""
CACHED_IMAGES = 64
"""Number of images in the cache. Reading one image from a store decodes a whole chunk."""
Array = NDArray[np.float32]


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


def blur(
    image: Array,
    other: Array,
    random: np.random.Generator,
    widths: tuple[float, float] = BLURS[0],
) -> Array:
    """Blur the image, similar to condensation or a defocused telescope.

    The standard deviation of the Gaussian kernel is a fraction ``widths`` of the image width.
    """
    sigma = image.shape[-1] * random.uniform(*widths)
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


@dataclass(frozen=True)
class SyntheticCase:
    """A synthetic anomaly: index of the image, type of anomaly, seed, and number of the attempt.

    For an unchanged image, ``kind`` is an empty string.
    """

    index: int
    kind: str = ""
    seed: int = 0
    attempt: int = 0


class SyntheticAnomalies:
    """Ground truth that contains the original images, and anomalies of each type for each seed.

    ``base`` contains the indices of the images that are changed. They have the selected
    wavelength, which is the most frequent wavelength by default. The type ``paste`` requires at
    least two images, and the type ``swap`` requires images at another wavelength. A type is skipped
    if the required images do not exist. For ``swap``, an image of the same patch is used if it
    exists. ``version`` is the version of the protocol.

    Examples
    --------
    >>> from astrodome_sood import open_images
    >>> truth = SyntheticAnomalies(open_images("patches", target_size=32), [0], ["brighten"])
    >>> image = truth.changed(3, "brighten", seed=0)
    >>> image.label, image.image.shape, image.mask.shape, image.edge in EDGES
    (1, (1, 32, 32), (32, 32), True)
    """

    def __init__(
        self,
        images: ImageSet,
        seeds: Sequence[int] = (0,),
        kinds: Sequence[str] = (),
        wavelength: int = 0,
        version: int = VERSIONS[-1],
    ) -> None:
        if unknown := sorted(set(kinds) - set(KINDS)):
            raise InvalidInputError(
                f"Unknown type of anomaly '{unknown[0]}'.",
                f"Supported types: {', '.join(KINDS)}.",
            )
        if version not in VERSIONS:
            raise InvalidInputError(
                f"Unknown version {version} of the synthetic anomalies: expected 1 or 2."
            )
        self.images, self.seeds, self.version = images, list(seeds), version
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
        return len(self.cases)

    def __iter__(self) -> Iterator[LabeledImage]:
        for case in self.cases:
            yield self._labeled(case)

    @cached_property
    def cases(self) -> list[SyntheticCase]:
        """The unchanged images and the visible anomalies, in the order of the iteration."""
        found = []
        total = len(self.base) * len(self.seeds)
        with progress.task("Generating anomalies", total, resumes=False) as task:
            for number, seed in enumerate(self.seeds):
                for index in self.base:
                    found += [SyntheticCase(index)] if number == 0 else []
                    anomalies = (self._visible(index, kind, seed) for kind in self.kinds)
                    found += [case for case in anomalies if case]
                    task.advance()
        if not any(case.kind for case in found):
            raise AstrodomeError(
                "None of the synthetic anomalies is visible.",
                f"The mean change in a region must be at least {MIN_CHANGE:.0%} of the range of "
                "intensities. Use images with more contrast, or other types of anomalies.",
            )
        return found

    def invisible(self) -> dict[str, int]:
        """Return the number of anomalies that were skipped because they are not visible.

        The keys are the types of anomalies. Types without such anomalies are omitted.
        """
        wanted = len(self.base) * len(self.seeds)
        counts = Counter(case.kind for case in self.cases)
        return {kind: wanted - counts[kind] for kind in self.kinds if counts[kind] < wanted}

    def about(self) -> dict[str, Any]:
        """Return a description of the ground truth for the evaluation results."""
        return {
            "reference": "synthetic",
            "protocol": self.version,
            "kinds": self.kinds,
            "wavelength": self.wavelength,
            "real_images": len(self.base),
            "protocol_seeds": self.seeds,
            "invisible": self.invisible(),
        }

    def warnings(self) -> list[str]:
        """Return warnings about the ground truth."""
        wanted = len(self.base) * len(self.seeds)
        return [
            f"{count} of {wanted} anomalies of the type {kind} are not visible and were skipped."
            for kind, count in self.invisible().items()
        ]

    def changed(self, index: int, kind: str, seed: int) -> LabeledImage | None:
        """Return an image with a synthetic anomaly, or None if no attempt is visible."""
        case = self._visible(index, kind, seed)
        return self._labeled(case) if case else None

    def _visible(self, index: int, kind: str, seed: int) -> SyntheticCase | None:
        """Return the first visible attempt; in version 1, all attempts belong to one case."""
        for attempt in range(MAX_TRIES if self.version > 1 else 1):
            case = SyntheticCase(index, kind, seed, attempt)
            if self.version == 1 or self._attempt(case)[0] >= MIN_CHANGE:
                return case
        return None

    def _labeled(self, case: SyntheticCase) -> LabeledImage:
        if not case.kind:
            image = self._image(case.index)
            mask = np.zeros(image.shape[1:], bool)
            return labeled_image(self.images, case.index, "", image, 0, mask)
        if self.version == 1:
            pixels, mask = self._largest_change(case)
            return labeled_image(self.images, case.index, case.kind, pixels, 1, mask)
        _, pixels, mask = self._attempt(case)
        edge = self._edge(case)
        return labeled_image(self.images, case.index, case.kind, pixels, 1, mask, edge)

    def _attempt(self, case: SyntheticCase) -> tuple[float, Array, NDArray[np.bool_]]:
        """Return the mean change in the region, the changed image and the mask (version 2)."""
        random = self._random(case, case.attempt)
        image = self._image(case.index)
        draw = SHAPES[list(SHAPES)[int(random.integers(len(SHAPES)))]]
        region = draw((image.shape[1], image.shape[2]), random)
        if case.kind == "blur":
            change = blur(image, image, random, BLURS[case.attempt >= MAX_TRIES // 2])
            region = moved_to_maximum(region, np.abs(change - image).mean(axis=0))
        else:
            other = self._other_image(case.index, case.kind, random)
            change = KINDS[case.kind](image, other, random)
        size, pixels, mask = _mixed(image, change, softened(region, self._edge(case)))
        # A wide edge can leave little of a thin region.
        return size if mask.mean() >= MIN_AREA / 2 else 0.0, pixels, mask

    def _largest_change(self, case: SyntheticCase) -> tuple[Array, NDArray[np.bool_]]:
        """Return the first visible attempt, or the attempt with the largest change (version 1)."""
        random = self._random(case)
        image = self._image(case.index)
        tries = []
        for _ in range(MAX_TRIES):
            weight = softened(ellipse((image.shape[1], image.shape[2]), random), EDGE_SIGMA)
            other = self._other_image(case.index, case.kind, random)
            tries.append(_mixed(image, KINDS[case.kind](image, other, random), weight))
            if tries[-1][0] >= MIN_CHANGE:
                break
        _, pixels, mask = max(tries, key=itemgetter(0))
        return pixels, mask

    def _random(self, case: SyntheticCase, *more: int) -> np.random.Generator:
        keys = (case.kind, self._name(case.index))
        return np.random.default_rng([case.seed, *(zlib.crc32(k.encode()) for k in keys), *more])

    def _edge(self, case: SyntheticCase) -> float:
        first = zlib.crc32(f"{case.kind} {self._name(case.index)}".encode())
        return EDGES[(first + case.seed) % len(EDGES)]

    def _name(self, index: int) -> str:
        return str(self._about[index].get("path", index)).rsplit("/", 1)[-1]

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


def _mixed(image: Array, change: Array, weight: Array) -> tuple[float, Array, NDArray[np.bool_]]:
    """Return the mean change in the region, the changed image and the mask."""
    mixed = np.clip(image + weight * (change - image), -1, 1).astype(np.float32)
    mask = weight > 0.5
    size = float(np.abs(mixed - image)[:, mask].mean()) / 2 if mask.any() else 0.0
    return size, mixed, mask
