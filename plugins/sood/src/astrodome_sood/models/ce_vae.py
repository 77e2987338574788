"""Model ``ce_vae``: a context-encoding variational autoencoder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .base import NetworkModel
from .losses import negative_elbo
from .network import Vae
from .scores import PIXEL_SCORES, pixel_scores


class CeVae(NetworkModel):
    """Context-encoding variational autoencoder (Zimmerer et al. 2018, arXiv:1812.05941)."""

    name = "ce_vae"
    modes = PIXEL_SCORES

    def load(self, path: Path | None, config: Mapping[str, Any]) -> None:
        super().load(path, config)
        self._beta, self._seed = config["train"]["beta"], config["seed"]

    @torch.inference_mode()
    def score(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the image scores beta · KL + theta · mean absolute error, with shape (N,)."""
        images = self._tensor(batch)
        with self._autocast():
            scores = negative_elbo(self._vae, images, self._beta)
        return scores.float().cpu().numpy()

    def score_map(self, batch: NDArray[np.float32], mode: str = "") -> NDArray[np.float32]:
        """Return the pixel scores of type ``mode`` with shape (N, H, W).

        ``mode`` is one of ``modes``; an empty string selects ``combi``.
        """
        images = self._tensor(batch)
        with self._autocast():
            maps = pixel_scores(self._vae, images, mode or "combi", self._beta, self._seed)
        return maps.float().cpu().numpy()

    @property
    def _vae(self) -> Vae:
        net = self.net
        assert isinstance(net, Vae)
        return net
