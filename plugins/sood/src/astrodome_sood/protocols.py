"""Protocols for image data sets and anomaly detection models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from astrodome.runs import Run
    from astrodome.views import Section
    from numpy.typing import NDArray

    from .views.report_content import RunReport as RunReport


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
        ``part`` (the number of a patch, or the name of an observable). Unknown values are None.
        """
        ...


class ImageDataset(ImageSet, Protocol):
    """Images in a folder or store, which can be split into training and validation sets.

    ``location`` is the absolute path or URL. ``failed`` contains a tuple (name, error message) for
    each image that could not be read. ``warnings`` contains warnings about the data set.
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


@dataclass(frozen=True)
class Explanation:
    """Statistic of an image that deviates most from the training images.

    ``deviation`` is in standard deviations of the training images, and is negative if the
    value is lower than usual. ``row`` and ``column`` are the center of the region, in pixels from
    the upper left corner. ``text`` describes the deviation and its region in one sentence.
    """

    statistic: str
    deviation: float
    row: float
    column: float
    text: str


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
        """Compute an anomaly score for each image. Larger scores are more anomalous.

        ``batch`` has the shape (N, C, H, W), and the result has the shape (N,).
        """
        ...

    def score_map(self, batch: NDArray[np.float32], mode: str = "") -> NDArray[np.float32]:
        """Compute an anomaly score for each pixel, as an array with shape (N, H, W).

        ``mode`` is the type of pixel score. Models that have only one type ignore this argument.
        The scores of an image must not depend on the other images in the batch.
        """
        ...

    def reconstruct(self, batch: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        """Return a mapping with the reconstructed images and the latent vectors.

        ``images`` contains the reconstructed images with shape (N, C, H, W), and ``mean`` contains
        latent vectors with shape (N, Z) that can be passed to ``generate``. Further values are
        optional and have the shape (N, Z). This method is required only if the ModelSpec declares
        the verb ``reconstruct``.
        """
        ...

    def generate(self, latent: NDArray[np.float32]) -> NDArray[np.float32]:
        """Decode latent vectors with shape (N, Z) to images with shape (N, C, H, W).

        The attribute ``z_dim`` of the model is the dimension Z.

        This method is required only if the ModelSpec declares the verb ``generate``.
        """
        ...

    def explain(self, batch: NDArray[np.float32]) -> list[Explanation]:
        """Return the most important deviation of each image from the training images.

        ``batch`` has the shape (N, C, H, W), and the result has N elements. This method is required
        only if the ModelSpec declares the verb ``explain``.
        """
        ...


class ReportView(Protocol):
    """View of the subject ``sood-report``: a section of the report, or an exporter.

    Only the method that the role of its ViewSpec requires is needed.
    """

    def section(self, report: RunReport) -> Section | None:
        """Return a section of the HTML page, or None to omit the section."""
        ...

    def export(self, report: RunReport, path: Path) -> None:
        """Write the predictions or other content of the report to a file.

        ``path`` is in a temporary folder. The host moves the file to its final path.
        """
        ...
