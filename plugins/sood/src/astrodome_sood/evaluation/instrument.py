"""Simulate defects of the instrument, the downlink and the data processing.

Defects of whole images, such as a telescope that is out of focus, are applied to the image before
patches are cut. Local defects are applied to patches. ``DefectKind.flag`` is the FITS keyword or
the bit of the AIA keyword QUALITY that describes the defect in real data (SDO User Guide, table 2
in section 7.7.6). Intensities are scaled to [0, 1].
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
from astrodome import InvalidInputError
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter

from ..datasets.disks import Corner, Disk, DiskPatches
from .ground_truth import LabeledImage, labeled_image

MIN_CHANGE = 0.012
"""Minimum change of an anomalous pixel, as a fraction of the full range: three gray levels."""
MAX_TRIES = 20
Pixels = NDArray[np.floating[Any]]
Random = np.random.Generator


@dataclass(frozen=True)
class DefectKind:
    """Kind of defect.

    ``change`` changes a patch or, if ``whole`` is True, a full-disk image. It takes an array with
    shape (H, W) and values in [0, 1], an array of the same shape from an image at another
    wavelength, and a random number generator.
    """

    change: Callable[[Pixels, Pixels, Random], Pixels]
    flag: str = ""
    whole: bool = False


def hits(image: Pixels, other: Pixels, random: Random, *, share: float) -> Pixels:
    """Add isolated bright pixels, as left by energetic particles."""
    chosen = random.permutation(image.size) < max(1, round(share * image.size))
    bright = random.uniform(0.6, 1.0, image.shape)
    return np.where(chosen.reshape(image.shape), np.maximum(image, bright), image)


def tracks(image: Pixels, other: Pixels, random: Random) -> Pixels:
    """Add two to four short, saturated tracks of particles."""
    changed = image.copy()
    height, width = image.shape
    for _ in range(int(random.integers(2, 5))):
        y, x = random.uniform(0, height), random.uniform(0, width)
        angle, length = random.uniform(0, np.pi), random.uniform(1, 5)
        along = np.arange(0, length, 0.5)
        rows = np.clip((y + along * np.sin(angle)).astype(int), 0, height - 1)
        columns = np.clip((x + along * np.cos(angle)).astype(int), 0, width - 1)
        changed[rows, columns] = 1
    return changed


def stripes(image: Pixels, other: Pixels, random: Random, *, levels: float) -> Pixels:
    """Add a constant of random sign to each column, or to each row, as a read-out would."""
    signs = random.choice([-1.0, 1.0], image.shape[1])
    pattern = np.broadcast_to(signs, image.shape)
    return image + levels / 255 * (pattern if random.random() < 0.5 else pattern.T)


def defocus(image: Pixels, other: Pixels, random: Random, *, sigma: float) -> Pixels:
    """Convolve the image with a Gaussian kernel; ``sigma`` is in pixels."""
    return np.asarray(gaussian_filter(image, sigma))


def compression(image: Pixels, other: Pixels, random: Random, *, ratio: int) -> Pixels:
    """Compress the image with JPEG 2000, with the given ratio of the file sizes."""
    from PIL import Image

    file = io.BytesIO()
    picture = Image.fromarray(np.rint(image * 255).astype(np.uint8))
    picture.save(file, "JPEG2000", quality_mode="rates", quality_layers=[ratio], irreversible=True)
    with Image.open(file) as decoded:
        return np.asarray(decoded, np.float32) / 255


def half_exposure(image: Pixels, other: Pixels, random: Random) -> Pixels:
    """Halve all intensities."""
    return image / 2


def wrong_wavelength(image: Pixels, other: Pixels, random: Random) -> Pixels:
    """Return the image at the other wavelength."""
    return other


def lost_blocks(image: Pixels, other: Pixels, random: Random) -> Pixels:
    """Set one to three square blocks on a grid to 0, as after a loss of telemetry packets."""
    changed = image.copy()
    side = max(2, len(image) // 4)
    count = len(image) // side
    for place in random.choice(count * count, int(random.integers(1, 4)), replace=False):
        y, x = side * (place // count), side * (place % count)
        changed[y : y + side, x : x + side] = 0
    return changed


def lost_rows(image: Pixels, other: Pixels, random: Random) -> Pixels:
    """Fill two to five adjacent rows with the mean of the image."""
    changed = image.copy()
    count = int(random.integers(2, 6))
    start = int(random.integers(0, len(image) - count + 1))
    changed[start : start + count] = image.mean()
    return changed


def saturation(image: Pixels, other: Pixels, random: Random) -> Pixels:
    """Saturate a disk around a bright point, and let the charge bleed along its columns."""
    height, width = image.shape
    smooth = uniform_filter(image, 3) + random.uniform(0, 0.02, image.shape)
    y0, x0 = np.unravel_index(int(smooth.argmax()), image.shape)
    y, x = np.mgrid[:height, :width]
    inside = (y - y0) ** 2 + (x - x0) ** 2 <= random.uniform(1.5, 4) ** 2
    length = random.uniform(0.15, 0.5) * height
    inside |= (abs(x - x0) <= int(random.integers(0, 2))) & (abs(y - y0) <= length)
    return np.where(inside, np.float32(1), image)


def transit(image: Pixels, other: Pixels, random: Random) -> Pixels:
    """Cover a small disk completely, as during a transit of a planet."""
    height, width = image.shape
    radius = random.uniform(0.08, 0.18) * height
    y0, x0 = random.uniform(radius, height - radius), random.uniform(radius, width - radius)
    y, x = np.mgrid[:height, :width] + 0.5
    return np.where((y - y0) ** 2 + (x - x0) ** 2 <= radius**2, np.float32(0), image)


def eclipse(image: Pixels, other: Pixels, random: Random) -> Pixels:
    """Cover 20 to 60 % of the image with the limb of the Moon or the Earth."""
    height, width = image.shape
    angle = random.uniform(0, 2 * np.pi)
    radius = random.uniform(3, 10) * height
    y, x = np.mgrid[:height, :width] + 0.5
    y0, x0 = height / 2 + radius * np.sin(angle), width / 2 + radius * np.cos(angle)
    distance = np.hypot(y - y0, x - x0)
    limit = np.quantile(distance, random.uniform(0.2, 0.6))
    light = 1 / (1 + np.exp(-(distance - limit) / 0.7))  # The edge is about one pixel wide.
    return np.asarray(image * light, np.float32)


def dust(image: Pixels, other: Pixels, random: Random) -> Pixels:
    """Darken a round spot by 35 %, as dust on a filter does."""
    height, width = image.shape
    radius = random.uniform(0.08, 0.2) * height
    y0, x0 = random.uniform(0, height), random.uniform(0, width)
    y, x = np.mgrid[:height, :width] + 0.5
    spot = gaussian_filter(((y - y0) ** 2 + (x - x0) ** 2 <= radius**2).astype(np.float32), 1.0)
    return np.asarray(image * (1 - 0.35 * spot), np.float32)


MISSING = "QUALITY bits 8-11 (MISSVALS)"
FOCUS = "QUALITY bit 20 (focus)"
DEFECTS: dict[str, DefectKind] = {
    "hits": DefectKind(partial(hits, share=0.005), "NSPIKES"),
    "tracks": DefectKind(tracks, "NSPIKES"),
    "snow": DefectKind(partial(hits, share=0.03), "NSPIKES"),
    "weak_stripes": DefectKind(partial(stripes, levels=6)),
    "strong_stripes": DefectKind(partial(stripes, levels=15)),
    "weak_defocus": DefectKind(partial(defocus, sigma=1.5), FOCUS, whole=True),
    "strong_defocus": DefectKind(partial(defocus, sigma=4.0), FOCUS, whole=True),
    "weak_compression": DefectKind(partial(compression, ratio=100), whole=True),
    "strong_compression": DefectKind(partial(compression, ratio=400), whole=True),
    "half_exposure": DefectKind(half_exposure, "EXPTIME", whole=True),
    "wrong_wavelength": DefectKind(wrong_wavelength, "WAVELNTH", whole=True),
    "lost_blocks": DefectKind(lost_blocks, MISSING),
    "lost_rows": DefectKind(lost_rows, MISSING),
    "saturation": DefectKind(saturation, "NSATPIX"),
    "transit": DefectKind(transit),
    "eclipse": DefectKind(eclipse, "QUALITY bit 13 (ACS_ECLP)"),
    "dust": DefectKind(dust),
}
"""Kinds of defects, keyed by name."""


class InstrumentDefects:
    """Ground truth that contains patches of a disk, and each patch with each kind of defect.

    ``other`` is an image at another wavelength with the same size. ``corners`` are the corners of
    the patches, and ``size`` is their width in pixels. All pixels are anomalous if the defect
    affects the whole image. Otherwise, the pixels that change by at least ``MIN_CHANGE`` are
    anomalous. The random numbers depend only on the seed, the kind of defect and the patch number.

    Examples
    --------
    >>> from astrodome_sood import evaluate, load_solar_ood
    >>> data = load_solar_ood("solar_ood", quick=True)
    >>> truth = InstrumentDefects(data.disk, data.other, data.test, 32, ["transit", "dust"])
    >>> result = evaluate("threshold", data.test_images(), against=truth, bootstraps=10)
    >>> result.table["kind"].tolist()
    ['all', 'transit', 'dust']
    """

    def __init__(
        self,
        disk: Disk,
        other: Disk,
        corners: Sequence[Corner],
        size: int,
        kinds: Sequence[str] = (),
        seed: int = 0,
    ) -> None:
        if unknown := sorted(set(kinds) - set(DEFECTS)):
            raise InvalidInputError(
                f"Unknown kind of defect '{unknown[0]}'.",
                f"Supported kinds: {', '.join(DEFECTS)}.",
            )
        self.kinds = [kind for kind in DEFECTS if not kinds or kind in kinds]
        self._disk, self._other, self._seed, self._size = disk, other, seed, size
        self._corners = list(corners)
        self._patches = DiskPatches([(disk, corners)], size)
        self._spoiled = lru_cache(1)(self._spoil)

    def __len__(self) -> int:
        return len(self._corners) * (1 + len(self.kinds))

    def __iter__(self) -> Iterator[LabeledImage]:
        """Yield the patches, ordered by kind, because a defect of the whole image is costly."""
        mask = np.zeros((self._size, self._size), bool)
        for index in range(len(self._corners)):
            yield labeled_image(self._patches, index, "", label=0, mask=mask)
        for kind in self.kinds:
            for index in range(len(self._corners)):
                yield self.defective(index, kind)

    def defective(self, index: int, kind: str) -> LabeledImage:
        """Return a patch with a defect.

        A local defect is drawn again if it changes no pixel, at most ``MAX_TRIES`` times.
        """
        defect = DEFECTS[kind]
        if defect.whole:
            x, y = self._corners[index]
            pixels = self._spoiled(kind)[y : y + self._size, x : x + self._size]
            return self._labeled(index, kind, pixels, np.ones(pixels.shape, bool))
        image = _unit(self._patches[index][0])
        random = np.random.default_rng([self._seed, zlib.crc32(kind.encode()), index])
        for _ in range(MAX_TRIES):
            changed = np.clip(defect.change(image, image, random), 0, 1).astype(np.float32)
            mask = np.abs(changed - image) >= MIN_CHANGE
            if mask.any():
                break
        return self._labeled(index, kind, changed, mask)

    def about(self) -> dict[str, Any]:
        """Return a description of the ground truth for the evaluation results."""
        return {
            "reference": "instrument",
            "kinds": {kind: DEFECTS[kind].flag for kind in self.kinds},
            "real_images": len(self._corners),
            "seed": self._seed,
        }

    def warnings(self) -> list[str]:
        """Return warnings about the ground truth."""
        return []

    def _spoil(self, kind: str) -> Pixels:
        random = np.random.default_rng([self._seed, zlib.crc32(kind.encode())])
        images = _unit(self._disk.pixels), _unit(self._other.pixels)
        return np.clip(DEFECTS[kind].change(*images, random), 0, 1).astype(np.float32)

    def _labeled(
        self, index: int, kind: str, unit: Pixels, mask: NDArray[np.bool_]
    ) -> LabeledImage:
        pixels = (unit * 2 - 1)[None].astype(np.float32)
        return labeled_image(self._patches, index, kind, pixels, 1, mask)


def _unit(pixels: Pixels) -> Pixels:
    """Scale pixels from [-1, 1] to [0, 1]."""
    return (pixels + 1) / 2
