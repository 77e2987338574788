"""A plugin with an anomaly model that returns invalid values."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astrodome import ModelSpec, hookimpl
from astrodome.runs import Run
from astrodome_sood.protocols import ImageSet
from numpy.typing import NDArray

WRONG = "ODD_SCORES"
"""Environment variable: the verb and the mistake, for example ``score:nan``."""


class Odd:
    """Model whose score is the mean of an image, and whose map is the image."""

    z_dim = 2

    def train(
        self,
        train: ImageSet,
        validation: ImageSet,
        run: Run,
        config: Mapping[str, Any],
    ) -> None:
        raise AssertionError("not needed")

    def load(self, path: Path | None, config: Mapping[str, Any]) -> None:
        pass

    def score(self, batch: NDArray[np.float32]) -> Any:
        return mistaken("score", batch.mean(axis=(1, 2, 3)))

    def score_map(self, batch: NDArray[np.float32], mode: str = "") -> Any:
        return mistaken("score_map", batch.mean(axis=1))

    def reconstruct(self, batch: NDArray[np.float32]) -> Any:
        if os.environ.get(WRONG) == "reconstruct:list":
            return [batch]
        found = {"images": mistaken("images", batch), "mean": mistaken("mean", batch[:, 0, 0, :2])}
        if os.environ.get(WRONG) == "reconstruct:lacks":
            del found["mean"]
        return found

    def generate(self, latent: NDArray[np.float32]) -> Any:
        images = np.zeros((len(latent), 1, 32, 32), np.float32)
        return mistaken("generate", images)


def mistaken(verb: str, values: NDArray[np.float32]) -> Any:
    """Return the values, or invalid values if the environment variable requests them."""
    wanted, _, how = os.environ.get(WRONG, "").partition(":")
    if wanted != verb:
        return values
    values = values.copy()
    values.flat[1] = {"nan": np.nan, "inf": np.inf}.get(how, values.flat[1])
    return {"short": values[:-1], "extra": values[..., None], "none": None}.get(how, values)


@hookimpl
def register_models() -> Iterator[ModelSpec]:
    verbs = ("predict", "reconstruct", "generate")
    yield ModelSpec("sood", "odd", f"{__name__}:Odd", summary="Returns mistakes.", verbs=verbs)
