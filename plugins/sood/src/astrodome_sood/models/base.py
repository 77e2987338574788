"""Base class for the models that are neural networks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from astrodome.runs import Run
from numpy.typing import NDArray

from ..protocols import ImageSet
from . import weights
from .devices import autocast, image_tensor, scoring_device, scoring_precision
from .network import Autoencoder, Vae


class NetworkModel:
    """Base class for models that train a network and score images with the trained network."""

    name: ClassVar[str]
    modes: ClassVar[tuple[str, ...]]
    net: Autoencoder
    """Network that was loaded with :meth:`load`."""

    def train(
        self,
        train: ImageSet,
        validation: ImageSet,
        run: Run,
        config: Mapping[str, Any],
    ) -> None:
        """Train the network. If ``model.load_path`` is set, training starts from these weights."""
        from .fit import fit  # Importing Lightning takes several seconds.
        from .lightning_module import training_module

        if load_path := config["model"]["load_path"]:
            net = weights.load(self.name, Path(load_path), config)
        else:
            with torch.random.fork_rng():
                torch.manual_seed(config["seed"])
                net = weights.new_network(self.name, config, channels=train[0].shape[0])
        fit(self.name, training_module(net, config), train, validation, run, config)

    def load(self, path: Path | None, config: Mapping[str, Any]) -> None:
        """Load the weights from a run folder, a weights file or an sdo-cli checkpoint."""
        net = weights.load(self.name, weights.required(self.name, path), config).requires_grad_(
            False
        )
        self.net = net.to(scoring_device(config))
        self._precision = scoring_precision(config)

    @property
    def z_dim(self) -> int:
        """Dimension of the latent vectors that are passed to ``generate``."""
        return self.net.z_dim

    @torch.inference_mode()
    def reconstruct(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return the reconstructed images and the latent vectors.

        The key ``images`` has the shape (N, C, H, W), and the key ``mean`` has the shape (N, Z).
        For a variational autoencoder, the key ``std`` contains the standard deviations of the
        latent distributions with shape (N, Z).
        """
        net, images = self.net, self._tensor(batch)
        found = {"mean": net.latent(images)}
        if isinstance(net, Vae):
            found["mean"], log_std = net.encode(images)
            found["std"] = log_std.exp()
        found["images"] = net.decode(found["mean"])
        return {key: _array(value) for key, value in found.items()}

    @torch.inference_mode()
    def generate(self, latent: NDArray[np.float32]) -> NDArray[np.float32]:
        """Decode latent vectors with shape (N, Z) to images with shape (N, C, H, W)."""
        z = torch.from_numpy(np.ascontiguousarray(latent, np.float32))
        return _array(self.net.decode(z.to(self._device)))

    @property
    def _device(self) -> torch.device:
        return next(self.net.parameters()).device

    def _tensor(self, batch: NDArray[np.float32]) -> torch.Tensor:
        images = image_tensor(batch, self.net.channels, self._device)
        return images.contiguous(memory_format=torch.channels_last)

    def _autocast(self) -> torch.autocast:
        return autocast(self._device.type, self._precision)


def _array(tensor: torch.Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(tensor.float().cpu().numpy())
