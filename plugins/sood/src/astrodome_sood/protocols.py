"""Protocols of the task ``sood``: images, and models that score them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from astrodome.runs import Run
    from numpy.typing import NDArray


class ImageSet(Protocol):
    """Sequence of images, float32 arrays (C, H, W) in [-1, 1] with row 0 in the north."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> NDArray[np.float32]: ...

    def batch(self, indices: Sequence[int]) -> NDArray[np.float32]:
        """Return several images as one array (N, C, H, W)."""
        ...

    def describe(self, index: int) -> Mapping[str, Any]:
        """Return the metadata of an image.

        ``path``, ``t_obs`` (ISO 8601, UTC), ``wavelength`` (angstrom) and ``part`` (name of a
        patch or observable); None where unknown.
        """
        ...


class ImageDataset(ImageSet, Protocol):
    """Images of a folder or store, which can be split into two parts.

    ``location`` is the absolute path or address. ``failed`` contains the name and the reason of
    each image that could not be read, and ``warnings`` texts about the data set.
    """

    location: str
    failed: list[tuple[str, str]]
    warnings: list[str]

    def split(self, share: float, seed: int) -> tuple[ImageDataset, ImageDataset]:
        """Return disjoint parts for training and validation; ``share`` is that of the second."""
        ...

    def digest(self) -> str:
        """Return a SHA-256 digest that identifies the images."""
        ...


@runtime_checkable
class AnomalyModel(Protocol):
    """Model that learns from images of the Sun and scores how anomalous an image is.

    ``config`` is the validated configuration of the run as nested mappings, for example
    ``config["model"]["z_dim"]``.
    """

    def train(
        self, train: ImageSet, validation: ImageSet, run: Run, config: Mapping[str, Any]
    ) -> None:
        """Train, and write weights and metrics to the run folder; resume if it has a checkpoint."""
        ...

    def load(self, path: Path | None, config: Mapping[str, Any]) -> None:
        """Load the weights of a run folder or weights file; models without weights get None."""
        ...

    def score(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return anomaly scores (N,) of images (N, C, H, W); larger is more anomalous."""
        ...

    def score_map(self, batch: NDArray[np.float32], mode: str = "") -> NDArray[np.float32]:
        """Return pixel scores (N, H, W); those of an image must not depend on its batch."""
        ...

    def reconstruct(self, batch: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        """Return ``images`` (N, C, H, W) and arrays (N, Z) by name, including ``mean``.

        Only for models with the verb ``reconstruct``. ``generate`` takes the array ``mean``.
        """
        ...

    def generate(self, latent: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the images (N, C, H, W) of latent vectors (N, ``z_dim``).

        Only for models with the verb ``generate``.
        """
        ...
