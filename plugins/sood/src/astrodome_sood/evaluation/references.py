"""What models are held against: made anomalies, labels in a file, flares, events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astrodome import AstrodomeError, sources

from ..protocols import ImageSet
from .compare import Case
from .synthetic import Protocol

CLASSES = {"A": 1e-8, "B": 1e-7, "C": 1e-6, "M": 1e-5, "X": 1e-4}
"""Least 1-8 angstrom flux of a GOES class, W/m2."""


class Synthetic:
    """The synthetic-anomaly protocol, once for each seed."""

    def __init__(
        self,
        images: ImageSet,
        seeds: Sequence[int],
        kinds: Sequence[str] = (),
        wavelength: int = 0,
    ) -> None:
        self._protocols = [Protocol(images, seed, kinds, wavelength) for seed in seeds]
        self._images = images

    def __len__(self) -> int:
        return sum(map(len, self._protocols)) - self._repeated

    @property
    def _repeated(self) -> int:
        """The images as they are come once, not with every seed."""
        return (len(self._protocols) - 1) * len(self._protocols[0].base)

    def __iter__(self) -> Iterator[Case]:
        for number, protocol in enumerate(self._protocols):
            for altered in protocol:
                if number and not altered.kind:
                    continue
                about = self._images.describe(altered.index)
                yield Case(
                    altered.index,
                    Path(str(about.get("path"))).name,
                    altered.kind,
                    altered.image,
                    int(bool(altered.kind)),
                    altered.mask,
                    about.get("wavelength"),
                )

    def about(self) -> dict[str, Any]:
        first = self._protocols[0]
        return {
            "reference": "synthetic",
            "kinds": first.kinds,
            "wavelength": first.wavelength,
            "real_images": len(first.base),
            "protocol_seeds": [protocol.seed for protocol in self._protocols],
        }


class Labels:
    """Labels of whole images: 1 for anomalous, 0 for usual; images without one are left out."""

    def __init__(self, images: ImageSet, labels: dict[int, int], **about: Any) -> None:
        self._images, self._labels, self._about = images, labels, about
        if not labels:
            raise AstrodomeError("None of the images has a label.", str(about.get("hint", "")))
        if len(set(labels.values())) < 2:
            only = "anomalous" if 1 in labels.values() else "usual"
            raise AstrodomeError(
                f"All {len(labels)} labelled images are {only}: nothing can be told apart.",
                "Choose another limit, or more images.",
            )

    def __len__(self) -> int:
        return len(self._labels)

    def __iter__(self) -> Iterator[Case]:
        for index, label in self._labels.items():
            about = self._images.describe(index)
            yield Case(
                index,
                Path(str(about.get("path"))).name,
                "anomalous" if label else "",
                self._images[index],
                label,
                wavelength=about.get("wavelength"),
            )

    def about(self) -> dict[str, Any]:
        left_out = len(self._images) - len(self._labels)
        return {"reference": "labels", "left_out": left_out, **self._about}


def flares(images: ImageSet, limit: str, source: str = "") -> Labels:
    """Images are anomalous when the Sun's flux then was of a GOES class or above (``"M1.0"``).

    The flux comes from the registered source of kind ``flux``; images without a time or
    without a good sample are left out.
    """
    least = flux_of_class(limit)
    times = [images.describe(index).get("t_obs") for index in range(len(images))]
    known = [index for index, time in enumerate(times) if time]
    wanted = np.array([str(times[index]).removesuffix("Z") for index in known], "datetime64[us]")
    labels = {}
    if known:
        flux = sources.get("flux", source).flux_at(wanted)
        labels = {
            index: int(value >= least)
            for index, value in zip(known, flux.tolist(), strict=True)
            if np.isfinite(value)
        }
    hint = "They need times in their names, and GOES flux of those: sdo goes download"
    return Labels(images, labels, reference="flux", goes_class=limit, flux=least, hint=hint)


def flux_of_class(text: str) -> float:
    """The flux (W/m2) of a GOES class such as ``M1.0``, ``X`` or ``C5``."""
    letter, number = text[:1].upper(), text[1:] or "1"
    try:
        return CLASSES[letter] * float(number)
    except (KeyError, ValueError) as error:
        raise AstrodomeError(
            f"'{text}' is no GOES class.", "Write it as C5, M1.0 or X.", exit_code=2
        ) from error


def from_file(images: ImageSet, path: Path) -> Labels:
    """Labels of a CSV or Parquet file: columns ``path`` (or ``name``) and ``label`` (0 or 1).

    Raises AstrodomeError that names the file and what is wrong with it.
    """
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path) if path.suffix == ".parquet" else pyarrow.csv.read_csv(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise AstrodomeError(f"{path} cannot be read as a table: {error}.") from error
    key = next((name for name in ("path", "name") if name in table.column_names), "")
    if not key or "label" not in table.column_names:
        raise AstrodomeError(
            f"{path} has the columns {', '.join(table.column_names)}.",
            "It needs 'path' (or 'name') and 'label', 1 for anomalous and 0 for usual.",
        )
    given: dict[str, int] = {}
    for row, (name, label) in enumerate(
        zip(table[key].to_pylist(), table["label"].to_pylist(), strict=True), 2
    ):
        if label not in (0, 1):
            raise AstrodomeError(f"{path}, line {row}: the label is {label}, not 0 or 1.")
        given[Path(str(name)).name] = int(label)
    labels = {}
    for index in range(len(images)):
        name = Path(str(images.describe(index).get("path"))).name
        if name in given:
            labels[index] = given[name]
    hint = f"{path} names other images; only the file names count, not their folders."
    return Labels(images, labels, reference="labels", file=str(path), hint=hint)
