"""Ground truth for an evaluation, and image labels from a file or from the GOES flux.

A ground truth yields images with a label, a mask of the anomalous pixels, or both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from astrodome import AstrodomeError, arrow, sources
from astrodome_solar.flare_classes import flux_of_class
from numpy.typing import NDArray

from ..protocols import ImageSet


@dataclass(frozen=True)
class LabeledImage:
    """An image with its ground truth.

    ``index`` is the index, in the data set, of the image from which this image was derived.
    ``image`` is a float32 array with shape (C, H, W) and values in [-1, 1]. ``kind`` is the type of
    anomaly, or an empty string for a normal image. ``label`` is 1 for an anomalous image, 0 for a
    normal image, and None if the label is unknown. ``mask`` has the shape (H, W) and is True for
    anomalous pixels; it is None if the anomalous pixels are unknown. ``wavelength`` is in
    angstroms. ``edge`` is the width of the edge of a synthetic anomaly, in pixels.
    """

    index: int
    name: str
    kind: str
    image: NDArray[np.float32]
    label: int | None = None
    mask: NDArray[np.bool_] | None = None
    wavelength: int | None = None
    edge: float | None = None


def labeled_image(
    images: ImageSet,
    index: int,
    kind: str,
    pixels: NDArray[np.float32] | None = None,
    label: int | None = None,
    mask: NDArray[np.bool_] | None = None,
    edge: float | None = None,
) -> LabeledImage:
    """Return the image with the given index in a data set, and its ground truth.

    If ``pixels`` is passed, it replaces the pixels of the image.
    """
    about = images.describe(index)
    name = Path(str(about.get("path"))).name
    pixels = images[index] if pixels is None else pixels
    return LabeledImage(index, name, kind, pixels, label, mask, about.get("wavelength"), edge)


class GroundTruth(Protocol):
    """Iterable of images with known anomalies."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[LabeledImage]: ...

    def about(self) -> dict[str, Any]:
        """Return a description of the ground truth for the evaluation results."""
        ...

    def warnings(self) -> list[str]:
        """Return warnings about the ground truth."""
        ...


class LoadedTruth:
    """Ground truth whose images are in memory, for repeated iteration."""

    def __init__(self, truth: GroundTruth) -> None:
        self.images = list(truth)
        self._about, self._warnings = truth.about(), truth.warnings()

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[LabeledImage]:
        return iter(self.images)

    def about(self) -> dict[str, Any]:
        """Return a description of the ground truth for the evaluation results."""
        return self._about

    def warnings(self) -> list[str]:
        """Return warnings about the ground truth."""
        return self._warnings


class ImageLabels:
    """Ground truth that labels each image as 1 (anomalous) or 0 (normal).

    ``labels`` contains the labels, keyed by the index of the image in the data set. Images without
    a label are skipped. ``hint`` is part of the error message if there are no labels.

    Examples
    --------
    >>> from astrodome_sood import evaluate, open_images
    >>> images = open_images("patches", target_size=32)
    >>> truth = ImageLabels(images, {0: 0, 1: 1, 2: 0, 3: 1}, "Add labels.")
    >>> evaluate("threshold", images, against=truth, bootstraps=10).table["kind"].tolist()
    ['all']
    """

    def __init__(self, images: ImageSet, labels: dict[int, int], hint: str, **about: Any) -> None:
        self._images, self._labels, self._about = images, labels, about
        if not labels:
            raise AstrodomeError("No labels found for the images.", hint)
        if len(set(labels.values())) < 2:
            only = "anomalous" if 1 in labels.values() else "normal"
            raise AstrodomeError(
                f"The evaluation requires anomalous and normal images, but all {len(labels)} "
                f"labeled images are {only}.",
                "Use other labels or another GOES class, or add images.",
            )

    def __len__(self) -> int:
        return len(self._labels)

    def __iter__(self) -> Iterator[LabeledImage]:
        for index, label in self._labels.items():
            yield labeled_image(self._images, index, "anomalous" if label else "", label=label)

    def about(self) -> dict[str, Any]:
        """Return a description of the ground truth for the evaluation results."""
        left_out = len(self._images) - len(self._labels)
        return {"reference": "labels", "left_out": left_out, **self._about}

    def warnings(self) -> list[str]:
        """Return warnings about the ground truth."""
        return []


def labels_from_flux(images: ImageSet, goes_class: str, source: str = "") -> ImageLabels:
    """Label each image as anomalous if the GOES flux reached ``goes_class`` at the image time.

    ``source`` is the name of a registered source of the kind ``flux``. Images without a time, and
    images for which the flux is unknown, are skipped.
    """
    limit = flux_of_class(goes_class)
    found = [images.describe(index).get("t_obs") for index in range(len(images))]
    times = {index: str(time).removesuffix("Z") for index, time in enumerate(found) if time}
    labels = {}
    if times:
        moments = np.array(list(times.values()), "datetime64[us]")
        flux = sources.get("flux", source).flux_at(moments).tolist()
        known = zip(times, flux, strict=True)
        labels = {index: int(value >= limit) for index, value in known if np.isfinite(value)}
    hint = (
        "File names must contain the time, and the store of the flux source must contain the flux "
        "at these times."
    )
    return ImageLabels(images, labels, hint, reference="flux", goes_class=goes_class, flux=limit)


def labels_from_file(images: ImageSet, path: Path) -> ImageLabels:
    """Read labels from a CSV or Parquet file with the columns ``path`` (or ``name``) and ``label``.

    Only the file names are compared, not the folders. Raises AstrodomeError if the file or a
    label is invalid.
    """
    import pandas as pd

    try:
        table = arrow.read_frame(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except (
        OSError,
        ValueError,
    ) as error:  # Includes pandas and pyarrow exceptions.
        raise AstrodomeError(f"Cannot read {path} as a table: {error}.") from error
    key = next((name for name in ("path", "name") if name in table.columns), "")
    if not key or "label" not in table.columns:
        raise AstrodomeError(
            f"Invalid columns in {path}: expected 'path' (or 'name') and 'label'.",
            f"The file contains the columns {', '.join(map(str, table.columns))}.",
        )
    given: dict[str, int] = {}
    for row, (name, label) in enumerate(zip(table[key], table["label"], strict=True), 2):
        if label not in (0, 1):
            raise AstrodomeError(
                f"Invalid label in {path}, line {row}: expected 0 or 1, got {label}."
            )
        given[Path(str(name)).name] = int(label)
    names = [Path(str(images.describe(index).get("path"))).name for index in range(len(images))]
    labels = {index: given[name] for index, name in enumerate(names) if name in given}
    hint = f"The file names in {path} must match the file names of the images."
    return ImageLabels(images, labels, hint, reference="labels", file=str(path))
