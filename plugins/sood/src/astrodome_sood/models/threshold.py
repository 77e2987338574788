"""Model ``threshold``: a baseline that does not require training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astrodome import settings
from numpy.typing import NDArray

from ..model_settings import ThresholdSettings

SIGMAS = 2.0


class Threshold:
    """Model whose pixel score is the intensity of unusually bright pixels.

    A pixel is bright if its intensity exceeds the mean of its image by more than 2 standard
    deviations. Other pixels have the score 0. Intensities are scaled to [0, 1]. The image score is
    the mean of the pixel scores. If ``model.options.score`` is ``mean``, the image score is the
    mean intensity, as in sdo-cli.
    """

    def __init__(self) -> None:
        self._mean = False

    def load(self, path: Path | None, config: Mapping[str, Any]) -> None:
        given = config["model"]["options"]
        options = settings.validate(ThresholdSettings, given, "", "model.options")
        self._mean = options.score == "mean"

    def score(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the mean pixel score or the mean intensity for each image, with shape (N,)."""
        maps = _intensity(batch) if self._mean else self.score_map(batch)
        return maps.mean(axis=(1, 2))  # type: ignore[no-any-return]

    def score_map(self, batch: NDArray[np.float32], mode: str = "") -> NDArray[np.float32]:
        """Return the intensity of bright pixels and 0 for other pixels, with shape (N, H, W)."""
        intensity = _intensity(batch)
        mean, std = (f(intensity, axis=(1, 2), keepdims=True) for f in (np.mean, np.std))
        return np.where(intensity > mean + SIGMAS * std, intensity, np.float32(0))


def _intensity(batch: NDArray[np.float32]) -> NDArray[np.float32]:
    return (batch.mean(axis=1) + 1) / 2  # type: ignore[no-any-return]
