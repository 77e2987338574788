"""Protocols for image data sets and anomaly detection models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from astrodome.runs import Run
    from numpy.typing import NDArray


class ImageSet(Protocol):
    """Sequence of images.

    Each image is a float32 array with shape (C, H, W) and values in [-1, 1]. Row 0 is the
    northernmost row.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> NDArray[np.float32]: ...

    def batch(self, indices: Sequence[int]) -> NDArray[np.float32]:
        """Return images as an array with shape (N, C, H, W)."""
        ...

    def describe(self, index: int) -> Mapping[str, Any]:
        """Return the metadata of an image.

        The keys are ``path``, ``t_obs`` (ISO 8601, UTC), ``wavelength`` (in angstroms) and
        ``part`` (name of a patch or observable). Unknown values are None.
        """
        ...


class ImageDataset(ImageSet, Protocol):
    """Images in a folder or store, which can be split into training and validation sets.

    ``location`` is the absolute path or URL. ``failed`` contains the name of each image that could
    not be read, and the reason for the failure. ``warnings`` contains warnings about the data set.
    """

    location: str
    failed: list[tuple[str, str]]
    warnings: list[str]

    def split(self, share: float, seed: int) -> tuple[ImageDataset, ImageDataset]:
        """Split the images into a training set and a validation set.

        ``share`` is the fraction of the images in the validation set.
        """
        ...

    def digest(self) -> str:
        """Return a SHA-256 digest that identifies the images."""
        ...


@runtime_checkable
class AnomalyModel(Protocol):
    """Model that learns from solar images and computes anomaly scores.

    ``config`` is the validated configuration of the run as nested mappings; for example,
    ``config["model"]["z_dim"]`` is the dimension of the latent space.
    """

    def train(
        self, train: ImageSet, validation: ImageSet, run: Run, config: Mapping[str, Any]
    ) -> None:
        """Train the model, and write weights and metrics to the run folder.

        If the run folder contains a checkpoint, resume training from it.
        """
        ...

    def load(self, path: Path | None, config: Mapping[str, Any]) -> None:
        """Load the weights from a run folder or a weights file.

        ``path`` is None for models without weights.
        """
        ...

    def score(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return an anomaly score for each image; larger scores are more anomalous.

        Images have the shape (N, C, H, W), and the result has the shape (N,).
        """
        ...

    def score_map(self, batch: NDArray[np.float32], mode: str = "") -> NDArray[np.float32]:
        """Return an anomaly score for each pixel, as an array with shape (N, H, W).

        The scores of an image must not depend on the other images in the batch.
        """
        ...

    def reconstruct(self, batch: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        """Return the reconstructed images and the latent vectors.

        The key ``images`` has the shape (N, C, H, W). All other values have the shape (N, Z). The
        key ``mean`` is required; it contains vectors that can be passed to ``generate``. This
        method is required only for models that declare the verb ``reconstruct``.
        """
        ...

    def generate(self, latent: NDArray[np.float32]) -> NDArray[np.float32]:
        """Decode latent vectors with shape (N, ``z_dim``) to images with shape (N, C, H, W).

        This method is required only for models that declare the verb ``generate``.
        """
        ...
