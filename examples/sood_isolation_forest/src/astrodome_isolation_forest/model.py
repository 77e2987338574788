"""Isolation forest (Liu et al. 2008, ICDM) of the statistics of small windows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astrodome import AstrodomeError, errors, files
from astrodome.runs import Run
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from .settings import IsolationForestSettings

if TYPE_CHECKING:
    from astrodome_sood.protocols import ImageSet

TRAINING = "windows.npz"
"""The forest is fitted again from the training windows, so that no pickle file is needed."""
MAX_WINDOWS = 20_000


class IsolationForestModel:
    """Model whose pixel score is the isolation of the window that contains the pixel."""

    forest: IsolationForest
    options: IsolationForestSettings

    def train(
        self, train: ImageSet, validation: ImageSet, run: Run, config: Mapping[str, Any]
    ) -> None:
        """Store random windows of the training images, and fit the forest to check them."""
        self.options = IsolationForestSettings(**config["model"]["options"])
        random = np.random.default_rng(config["seed"])
        each = max(1, MAX_WINDOWS // len(train))
        chosen = []
        for index in range(len(train)):
            found = self._windows(train[index][np.newaxis])[0].reshape(-1, 3 * len(train[index]))
            chosen.append(found[random.permutation(len(found))[:each]])
        windows = np.concatenate(chosen)
        self._fit(windows, config["seed"])
        with files.replacing(run.path / TRAINING) as part, part.open("wb") as file:
            np.savez_compressed(file, windows=windows)
        losses = [
            np.mean([self.score(images[n][np.newaxis]) for n in range(min(len(images), 100))])
            for images in (train, validation)
        ]
        text = f"epoch,train_loss,val_loss\n0,{losses[0]},{losses[1]}\n"
        files.write_text(run.path / "metrics.csv", text)

    def load(self, path: Path | None, config: Mapping[str, Any]) -> None:
        """Read the training windows from a run folder, and fit the forest."""
        if path is None:
            raise AstrodomeError("Missing weights for isolation_forest.", "Train the model first.")
        path = path / TRAINING if path.is_dir() else path
        if not path.exists():
            raise errors.not_found(path, "Train the model first.", kind="Training windows")
        self.options = IsolationForestSettings(**config["model"]["options"])
        try:
            with np.load(path, allow_pickle=False) as stored:
                windows = stored["windows"]
        except (OSError, ValueError, KeyError) as error:
            raise AstrodomeError(f"{path} does not contain valid training windows.") from error
        self._fit(windows, config["seed"])

    def score(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the mean or maximum of the window scores of each image, with shape (N,)."""
        combine = np.max if self.options.combine == "max" else np.mean
        return np.asarray(combine(self._scores(batch), axis=(1, 2)), np.float32)

    def score_map(self, batch: NDArray[np.float32], mode: str = "") -> NDArray[np.float32]:
        """Return the score of the window of each pixel, with shape (N, height, width)."""
        scores = self._scores(batch)
        rows, columns = (
            np.minimum(np.arange(size) // self.options.window, count - 1)
            for size, count in zip(batch.shape[2:], scores.shape[1:], strict=True)
        )
        return scores[:, rows[:, np.newaxis], columns]

    def _fit(self, windows: NDArray[np.float32], seed: int) -> None:
        samples = min(self.options.samples, len(windows))
        forest = IsolationForest(
            n_estimators=self.options.trees, max_samples=samples, random_state=seed
        )
        self.forest = forest.fit(windows)

    def _scores(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the score of each window, with shape (N, rows, columns)."""
        windows = self._windows(batch)
        found = -self.forest.score_samples(windows.reshape(-1, windows.shape[3]))
        return found.reshape(windows.shape[:3]).astype(np.float32)

    def _windows(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the mean, the standard deviation and the range of each window and channel.

        The shape is (N, rows, columns, 3 * channels).
        """
        size = min(self.options.window, *batch.shape[2:])
        count, channels = batch.shape[:2]
        rows, columns = batch.shape[2] // size, batch.shape[3] // size
        cut = batch[:, :, : rows * size, : columns * size]
        parts = cut.reshape(count, channels, rows, size, columns, size)
        statistics = [f(parts, axis=(3, 5)) for f in (np.mean, np.std, np.ptp)]
        return np.concatenate(statistics, axis=1).transpose(0, 2, 3, 1).astype(np.float32)
