"""Model ``ae``: a plain convolutional autoencoder."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from .base import NetworkModel
from .scores import squared_error


class Ae(NetworkModel):
    """Autoencoder whose anomaly score is the squared reconstruction error."""

    name = "ae"
    modes = ("rec",)

    def score(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the mean squared error for each image, as an array with shape (N,)."""
        return self._errors(batch).mean(dim=(1, 2)).cpu().numpy()

    def score_map(self, batch: NDArray[np.float32], mode: str = "") -> NDArray[np.float32]:
        """Return the squared error for each pixel, as an array with shape (N, H, W)."""
        return self._errors(batch).cpu().numpy()

    @torch.inference_mode()
    def _errors(self, batch: NDArray[np.float32]) -> torch.Tensor:
        images = self._tensor(batch)
        with self._autocast():
            return squared_error(images, self.net(images).float())
