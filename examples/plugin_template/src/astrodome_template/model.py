"""A model for the task ``sood``: the mean and the standard deviation of each pixel."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astrodome import AstrodomeError, errors, files
from astrodome.runs import Run
from numpy.typing import NDArray

if TYPE_CHECKING:
    from astrodome_sood.protocols import ImageSet

WEIGHTS = "weights.npz"
FLOOR = 2 / 255
"""Minimum standard deviation of a pixel, which is one gray level in images scaled to [-1, 1]."""


class PixelGaussian:
    """A model that measures the deviation of each pixel from its mean in the training images.

    Deviations are measured in standard deviations.
    """

    mean: NDArray[np.float32]
    std: NDArray[np.float32]

    def train(
        self, train: ImageSet, validation: ImageSet, run: Run, config: Mapping[str, Any]
    ) -> None:
        """Compute the mean and the standard deviation (Welford 1962, Technometrics 4, 419)."""
        mean = np.zeros_like(train[0], dtype=np.float64)
        squares = np.zeros_like(mean)
        for count, image in enumerate(_each(train), 1):
            delta = image - mean
            mean += delta / count
            squares += delta * (image - mean)
        self.mean = mean.astype(np.float32)
        self.std = np.maximum(np.sqrt(squares / len(train)), FLOOR).astype(np.float32)
        # Pass an open file, because savez would add the extension .npz to a path.
        with files.replacing(run.path / WEIGHTS) as part, part.open("wb") as file:
            np.savez(file, mean=self.mean, std=self.std)
        losses = f"0,{self._mean_score(train)},{self._mean_score(validation)}"
        files.write_text(run.path / "metrics.csv", f"epoch,train_loss,val_loss\n{losses}\n")

    def _mean_score(self, images: ImageSet) -> float:
        return float(np.mean([self.score(image[np.newaxis]) for image in _each(images)]))

    def load(self, path: Path | None, config: Mapping[str, Any]) -> None:
        """Load the weights from a run folder or from a weights file."""
        if path is None:
            raise AstrodomeError("Missing weights for pixel_gaussian.", "Train the model first.")
        path = path / WEIGHTS if path.is_dir() else path
        try:
            with np.load(path, allow_pickle=False) as weights:
                self.mean, self.std = weights["mean"], weights["std"]
        except FileNotFoundError as error:
            raise errors.not_found(path, "Train the model first.", kind="Weights") from error
        except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise AstrodomeError(
                f"{path} does not contain valid weights for pixel_gaussian."
            ) from error

    def score(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the mean squared deviation of the pixels in each image, with shape (N,)."""
        scores: NDArray[np.float32] = self.score_map(batch).mean(axis=(1, 2))
        return scores

    def score_map(self, batch: NDArray[np.float32], mode: str = "") -> NDArray[np.float32]:
        """Return the squared deviation of each pixel, with shape (N, height, width)."""
        if batch.shape[1:] != self.mean.shape:
            raise AstrodomeError(
                f"The images have the shape {batch.shape[1:]}, but the model was trained on images "
                f"with the shape {self.mean.shape} (channels, height, width)."
            )
        squared: NDArray[np.float32] = (((batch - self.mean) / self.std) ** 2).mean(axis=1)
        return squared


def _each(images: ImageSet) -> Iterator[NDArray[np.float32]]:
    return (images[index] for index in range(len(images)))
