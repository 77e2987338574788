"""The plain convolutional autoencoder as a model of the task ``sood``."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from .base import Trained
from .scores import squared_error


class Ae(Trained):
    """Reconstructs images; what it reconstructs badly, is unusual.

    The network is the ceVAE's with a plain code of ``model.z_dim`` numbers, trained for the
    least mean squared error.
    """

    name = "ae"
    modes = ("rec",)

    def score(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mean squared error of each image, shape (N,)."""
        return self._errors(batch).mean(dim=(1, 2)).cpu().numpy()

    def score_map(self, batch: NDArray[np.float32], mode: str = "") -> NDArray[np.float32]:
        """Squared error of each pixel, shape (N, H, W)."""
        return self._errors(batch).cpu().numpy()

    def _errors(self, batch: NDArray[np.float32]) -> torch.Tensor:
        images = self._tensor(batch)
        with self._arithmetic():
            return squared_error(images, self.packed.decode(self.packed.encode(images)).float())
