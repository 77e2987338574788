"""Base class for the models whose networks compute image scores and pixel scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from . import weights
from .devices import autocast, image_tensor, scoring_device, scoring_precision
from .local_statistics import CHUNK_PIXELS


class ScoreNetwork(nn.Module):
    """Network that scores images and pixels."""

    size: int
    """Width and height of the training images, in pixels."""
    channels: int
    """Number of image channels."""

    @property
    def shape(self) -> dict[str, Any]:
        """Shape of the network as a JSON-serializable dict, for the weights file."""
        raise NotImplementedError

    def scores(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the image scores with shape (N,) and the pixel scores with shape (N, H, W)."""
        raise NotImplementedError


Network = TypeVar("Network", bound=ScoreNetwork)


class DetectorModel(ABC, Generic[Network]):
    """Model with a network that computes image scores and pixel scores for images of any size."""

    name: ClassVar[str]
    modes: ClassVar[tuple[str, ...]]
    net: Network
    """Network that was loaded with :meth:`load`."""

    @staticmethod
    @abstractmethod
    def new_network(shape: Mapping[str, Any]) -> Network:
        """Return a network with the shape that the metadata of a weights file describes."""

    @classmethod
    def read(cls, path: Path) -> Network:
        """Read a network from a run folder or a weights file.

        Raises AstrodomeError if the file is not a valid weights file of the model.
        """
        shape, tensors = weights.read_model(cls.name, path)
        net = cls.new_network(shape)
        net.load_state_dict(tensors)
        return net

    def load(self, path: Path | None, config: Mapping[str, Any]) -> None:
        """Load the weights from a run folder or a weights file."""
        net = self.read(weights.required(self.name, path)).eval().requires_grad_(False)
        self._device = scoring_device(config)
        self._precision = scoring_precision(config)
        self.net = net.to(self._device)

    def score(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the image scores with shape (N,)."""
        return self._scores(batch)[0]

    def score_map(self, batch: NDArray[np.float32], mode: str = "") -> NDArray[np.float32]:
        """Return the pixel scores with shape (N, H, W)."""
        return self._scores(batch)[1]

    @torch.inference_mode()
    def _scores(
        self, batch: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        with autocast(torch.device(self._device).type, self._precision):
            parts = [self.net.scores(images) for images in self._chunks(batch)]
        scores, maps = (torch.cat(part).float().cpu().numpy() for part in zip(*parts, strict=True))
        return scores, maps

    def _chunks(self, batch: NDArray[np.float32]) -> tuple[Tensor, ...]:
        """Split a batch into chunks, so that the memory does not depend on the batch size."""
        images = image_tensor(batch, self.net.channels, self._device)
        size = max(1, CHUNK_PIXELS // images[0].numel())
        chunks: tuple[Tensor, ...] = images.split(size)
        return chunks
