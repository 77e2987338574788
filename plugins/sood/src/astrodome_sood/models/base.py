"""What the two networks have in common as models of the task ``sood``."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from astrodome import AstrodomeError
from astrodome.runs import Run
from numpy.typing import NDArray

from ..protocols import ImageSet
from . import weights
from .network import Autoencoder
from .packed import Packed


class Trained:
    """A network that is trained in a run folder and scores with the weights of one."""

    name: ClassVar[str]
    modes: ClassVar[tuple[str, ...]]

    def __init__(self) -> None:
        self._net: Autoencoder | None = None
        self._packed: Packed | None = None
        self._precision = "32"

    def train(
        self,
        train: ImageSet,
        validation: ImageSet,
        run: Run,
        config: Mapping[str, Any],
    ) -> None:
        """Learn, from the weights of ``model.load_path`` if it names some."""
        from .fit import fit  # Lightning takes seconds to import, and only training needs it

        given = config["model"]["load_path"]
        if given:
            net = weights.load(self.name, Path(given), config)
        else:
            with torch.random.fork_rng():
                torch.manual_seed(config["seed"])
                net = weights.network(self.name, config, channels=train[0].shape[0])

        def keep(folder: Path) -> None:
            weights.save(self.name, net, folder / weights.WEIGHTS)

        fit(self.name, net, train, validation, run, config, keep)

    def load(self, path: Path | None, config: Mapping[str, Any]) -> None:
        """Take the weights of a run folder, of a weights file, or of sdo-cli's checkpoint."""
        from .devices import scoring_device, scoring_precision

        if path is None:
            raise AstrodomeError(
                f"{self.name} predicts with trained weights, and none are given.",
                f"Give the run folder that 'sdo sood {self.name} train' wrote: --load-path RUN",
                exit_code=2,
            )
        net = weights.load(self.name, path, config).requires_grad_(False)
        self._net = net.to(scoring_device(config))
        self._precision = scoring_precision(config)
        self._packed = None

    @property
    def net(self) -> Autoencoder:
        """The network; AstrodomeError before ``load``."""
        if self._net is None:
            raise AstrodomeError(f"{self.name} has no weights yet.", "Call load before scoring.")
        return self._net

    @property
    def packed(self) -> Packed:
        """The network, made ready for scoring without gradients."""
        if self._packed is None:
            self._packed = Packed(self.net)
        return self._packed

    @property
    def z_dim(self) -> int:
        """Numbers that an image is decoded from."""
        return self.net.z_dim

    def reconstruct(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """``images`` (N, C, H, W) as the network sees them, and their code ``mean`` (N, Z)."""
        mean = self.packed.encode(self._tensor(batch))[:, : self.net.z_dim]
        return {"images": _array(self.packed.decode(mean)), "mean": _array(mean)}

    def generate(self, latent: NDArray[np.float32]) -> NDArray[np.float32]:
        """Images (N, C, H, W) that vectors (N, Z) stand for."""
        z = torch.from_numpy(np.ascontiguousarray(latent, np.float32))
        return _array(self.packed.decode(z.to(self._device)))

    @property
    def _device(self) -> torch.device:
        return next(self.net.parameters()).device

    def _tensor(self, batch: NDArray[np.float32]) -> torch.Tensor:
        if batch.shape[1] != self.net.channels:
            raise AstrodomeError(
                f"The images have {batch.shape[1]} channels, the weights {self.net.channels}."
            )
        return torch.from_numpy(batch).to(self._device, non_blocking=True)

    def _arithmetic(self) -> AbstractContextManager[Any]:
        """The precision of scoring: 32 bits unless another one was asked for."""
        if self._precision == "32":
            return nullcontext()
        kind = torch.bfloat16 if self._precision == "bf16" else torch.float16
        return torch.autocast(self._device.type, kind)


def _array(tensor: torch.Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(tensor.float().cpu().numpy())
