"""Select the anomalies with the highest and the lowest scores as examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .compare import EvaluationScores
from .ground_truth import LabeledImage

EXAMPLES = 4
"""Number of examples of detected anomalies, and of missed anomalies."""


@dataclass(frozen=True)
class Example:
    """Image with an anomaly, and the map of its pixel scores.

    ``image`` and ``scores`` have the shape (H, W). ``low`` and ``high`` are the limits of the color
    scale of the map, and are the same for all examples of a run. ``percentile`` is the percentage
    of the normal images that have lower scores.
    """

    kind: str
    wavelength: int | None
    image: NDArray[np.float32]
    scores: NDArray[np.float32]
    low: float
    high: float
    percentile: float


def best_and_worst(
    scores: EvaluationScores, label: str, images: Sequence[LabeledImage]
) -> dict[str, list[Example]]:
    """Return anomalies of different kinds with the highest scores, and with the lowest scores.

    The anomaly with the highest score of each kind is compared, and the one with the lowest score.
    """
    values, maps = scores.scores[label], scores.maps[label]
    kinds: dict[str, list[int]] = {}
    for number, image in enumerate(images):
        if image.kind:
            kinds.setdefault(image.kind, []).append(number)
    best = [max(numbers, key=lambda n: values[n]) for numbers in kinds.values()]
    worst = [min(numbers, key=lambda n: values[n]) for numbers in kinds.values()]
    best.sort(key=lambda n: -values[n])
    worst.sort(key=lambda n: values[n])
    low = float(maps.min())
    high = float(np.quantile(maps[:: max(1, len(maps) // 64)], 0.999))
    normal = values[[number for number, image in enumerate(images) if not image.kind]]

    def example(number: int) -> Example:
        image = images[number]
        below = 100 * float((normal < values[number]).mean())
        pixels = image.image.mean(axis=0)
        return Example(
            image.kind, image.wavelength, pixels, np.array(maps[number]), low, high, below
        )

    chosen = {"detected": best[:EXAMPLES], "missed": worst[:EXAMPLES]}
    return {title: [example(n) for n in numbers] for title, numbers in chosen.items()}
