"""A plugin with classifiers that need no images or return invalid values."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astrodome import ModelSpec, files, hookimpl
from astrodome.runs import Run
from astrodome_ztf_scope.classifiers.preprocessing.examples import LabelledExamples
from numpy.typing import NDArray

WRONG = "ODD_PROBABILITIES"
"""Environment variable with the name of an invalid result in :func:`mistaken`."""


class Optional:
    """A logistic function of one feature; images are optional."""

    def train(
        self,
        train: LabelledExamples,
        validation: LabelledExamples,
        run: Run,
        config: Mapping[str, Any],
    ) -> None:
        files.write_text(run.path / "weights.txt", str(np.median(train.features[:, 0])))
        files.write_text(run.path / "seen.txt", str(train.dmdt is not None))

    def load(self, path: Path, config: Mapping[str, Any]) -> None:
        self.middle = float((path / "weights.txt").read_text())

    def predict(
        self, features: NDArray[np.float32], dmdt: NDArray[np.float32] | None = None
    ) -> Any:
        scores = 1 / (1 + np.exp(-np.clip(features[:, 0] - self.middle, -50, 50)))
        return mistaken(scores, os.environ.get(WRONG, ""))


class Features(Optional):
    """A classifier that does not use images."""

    @staticmethod
    def uses_dmdt(config: Mapping[str, Any]) -> bool:
        return False


class Images(Optional):
    """A classifier that requires images."""

    @staticmethod
    def uses_dmdt(config: Mapping[str, Any]) -> bool:
        return True


class Large(Optional):
    """A classifier that returns a probability of 1.7."""

    def predict(
        self, features: NDArray[np.float32], dmdt: NDArray[np.float32] | None = None
    ) -> Any:
        return mistaken(super().predict(features), "large")


def mistaken(scores: NDArray[np.float64], how: str) -> Any:
    """Return the scores, or invalid ones."""
    if how == "nan":
        scores[2] = np.nan
    elif how == "large":
        scores[2] = 1.7
    elif how == "negative":
        scores[2] = -0.25
    return {
        "column": scores[:, None],
        "short": scores[:-1],
        "none": None,
        "text": np.array(["a"] * len(scores)),
        "complex": scores * 1j,
        "rounding": np.float32(scores) * 0 + np.float32(1 + 1e-7),
        "list": scores.tolist(),
    }.get(how, scores)


@hookimpl
def register_models() -> Iterator[ModelSpec]:
    for kind in (Optional, Features, Images, Large):
        name = kind.__name__.lower()
        yield ModelSpec("scope", name, f"{__name__}:{kind.__name__}", summary="Of one feature.")
