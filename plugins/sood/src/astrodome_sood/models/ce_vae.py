"""The context-encoding variational autoencoder as a model of the task ``sood``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .base import Trained
from .network import Vae
from .scores import PIXEL_SCORES, pixel_scores, sample_scores


class CeVae(Trained):
    """Zimmerer et al. 2018 (arXiv:1812.05941)."""

    name = "ce_vae"
    modes = PIXEL_SCORES

    def load(self, path: Path | None, config: Mapping[str, Any]) -> None:
        super().load(path, config)
        self._beta, self._seed = config["train"]["beta"], config["seed"]

    def score(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """beta · KL + theta · mean absolute error of each image, shape (N,)."""
        images = self._tensor(batch)
        with self._arithmetic():
            scores = sample_scores(self._vae, self.packed, images, self._beta)
        return scores.float().cpu().numpy()

    def score_map(self, batch: NDArray[np.float32], mode: str = "") -> NDArray[np.float32]:
        """One of ``modes`` (``combi``) of each pixel, shape (N, H, W)."""
        images = self._tensor(batch)
        with self._arithmetic():
            maps = pixel_scores(
                self._vae, self.packed, images, mode or "combi", self._beta, self._seed
            )
        return maps.float().cpu().numpy()

    def reconstruct(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """As every network, and ``std`` (N, Z): how sure the encoder is of the code."""
        codes = self.packed.encode(self._tensor(batch))
        mean, log_std = codes.chunk(2, dim=1)
        found = {"images": self.packed.decode(mean), "mean": mean, "std": log_std.exp()}
        return {key: np.ascontiguousarray(value.cpu().numpy()) for key, value in found.items()}

    @property
    def _vae(self) -> Vae:
        net = self.net
        assert isinstance(net, Vae)
        return net
