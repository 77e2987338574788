"""Protocols of the task ``sood``: the images that a model gets, and the methods that it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from astrodome.runs import Run
    from numpy.typing import NDArray


class ImageSet(Protocol):
    """A sequence of images, as float32 arrays of shape (C, H, W) with values in [-1, 1]."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> NDArray[np.float32]: ...

    def batch(self, indices: Sequence[int]) -> NDArray[np.float32]:
        """Return several images as an array of shape (N, C, H, W)."""
        ...

    def describe(self, index: int) -> Mapping[str, Any]:
        """Return ``path``, ``t_obs`` (ISO 8601, UTC) and ``wavelength`` (angstrom) of an image."""
        ...


@runtime_checkable
class AnomalyModel(Protocol):
    """A model that learns from images of the Sun and scores how unusual an image is.

    ``config`` is the validated configuration of the run as nested mappings, for example
    ``config["model"]["z_dim"]``. A model reads only the keys that it needs.
    """

    def train(
        self, train: ImageSet, validation: ImageSet, run: Run, config: Mapping[str, Any]
    ) -> None:
        """Train the model, and write weights and metrics to the run folder.

        If the run folder contains a checkpoint, the training resumes.
        """
        ...

    def load(self, path: Path | None, config: Mapping[str, Any]) -> None:
        """Load the weights from a run folder or a file; a model without weights ignores them."""
        ...

    def score(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return anomaly scores, shape (N,), of a batch of shape (N, C, H, W).

        A larger score means a more unusual image.
        """
        ...

    def score_map(self, batch: NDArray[np.float32], mode: str = "") -> NDArray[np.float32]:
        """Return scores per pixel, shape (N, H, W).

        The scores of an image must not depend on the other images of the batch.
        """
        ...

    def reconstruct(self, batch: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        """Return the reconstruction of a batch; needed for the verb ``reconstruct``.

        The key ``images`` contains the reconstructed images, shape (N, C, H, W). Other keys contain
        latent variables, shape (N, Z); ``mean`` can be passed to :meth:`generate`.
        """
        ...

    def generate(self, latent: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return images (N, C, H, W) for latent vectors (N, Z); needed for the verb ``generate``.

        Z is ``config["model"]["z_dim"]``.
        """
        ...
