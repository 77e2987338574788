"""Images of the benchmark SolarOOD: patches of full-disk images that Python packages contain.

The content of a version never changes. Version 1 uses these images:

- training and test: AIA 171 Å, 2014-01-01T00:00:11 (glymur). Models are trained with random patches
  from the eastern half of the disk, and tested with a grid of patches from the western half.
- other wavelength: AIA 193 Å, 2013-06-24T17:31:30 (sunpy), enlarged from 410 px.
- other dates and instruments: PROBA2/SWAP 174 Å, 2013-06-01T00:00:34 (glymur), and Solar Orbiter
  EUI/FSI 174 Å, 2022-04-01T00:00:45 (sunpy). Their intensity scale is matched to the AIA image.

The solar disk has a radius of 406.65 px (2.4 arcsec/px for AIA); SWAP images are not enlarged.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from astrodome import AstrodomeError, files

from .. import progress
from ..datasets.disks import Corner, Disk, DiskPatches, read_disk
from .instrument import InstrumentDefects
from .synthetic import SyntheticAnomalies

VERSION = 1
SIDE, RADIUS = 1024, 406.65
"""Width of the images and radius of the solar disk, in pixels."""
PATCH, GAP = 32, 8
"""Width of a patch, and half the distance between training and test patches, in pixels."""
TRAINING = 1500
"""Number of training patches."""
SEEDS = (0, 1, 2)
"""Seeds of the synthetic anomalies; with three seeds, all edge widths are used."""
QUICK_TRAINING, QUICK_TEST = 64, 20
CACHE = f"solar_ood-{VERSION}.npz"
"""Name of the file that contains the prepared images."""


@dataclass(frozen=True)
class SolarOod:
    """Images of the benchmark.

    ``disk`` contains the training and test patches with the corners ``train`` and ``test``.
    ``other`` is an image at another wavelength. ``shifted`` contains images of other instruments.
    ``quick`` is True for the reduced data set of a quick check.
    """

    disk: Disk
    other: Disk
    shifted: tuple[Disk, ...]
    train: list[Corner]
    test: list[Corner]
    quick: bool = False

    @classmethod
    def from_disks(
        cls, disk: Disk, other: Disk, shifted: tuple[Disk, ...], quick: bool = False
    ) -> SolarOod:
        """Select training patches from the left half of ``disk``, and test patches from the right.

        The data set of a quick check has fewer patches.
        """
        middle = disk.side // 2
        count = QUICK_TRAINING if quick else TRAINING
        train = disk.random_corners(count, PATCH, middle - GAP, seed=0)
        test = disk.grid(PATCH, middle + GAP)
        return cls(disk, other, shifted, train, _thinned(test, quick), quick)

    @property
    def size(self) -> int:
        """Width of the patches in pixels."""
        return PATCH

    def training_images(self) -> DiskPatches:
        """Return the training patches; they contain no known anomalies."""
        return DiskPatches([(self.disk, self.train)], PATCH)

    def test_images(self) -> DiskPatches:
        """Return the unchanged test patches."""
        return DiskPatches([(self.disk, self.test)], PATCH)

    def synthetic(self) -> SyntheticAnomalies:
        """Return the test patches with synthetic anomalies."""
        images = DiskPatches([(self.disk, self.test), (self.other, self.test)], PATCH)
        return SyntheticAnomalies(images, SEEDS, wavelength=self.disk.wavelength)

    def instrument(self) -> InstrumentDefects:
        """Return the test patches with instrument defects."""
        return InstrumentDefects(self.disk, self.other, self.test, PATCH)

    def shift(self, disk: Disk) -> SyntheticAnomalies:
        """Return patches of another image with synthetic anomalies."""
        corners = _thinned(disk.grid(PATCH), self.quick)
        return SyntheticAnomalies(DiskPatches([(disk, corners)], PATCH), SEEDS[:1])

    def about(self) -> dict[str, Any]:
        """Return a description of the data set, with a digest of all pixels and patches."""
        disks = [self.disk, self.other, *self.shifted]
        found = hashlib.sha256(repr((self.train, self.test)).encode())
        for disk in disks:
            found.update(np.ascontiguousarray(disk.pixels).tobytes())
        return {
            "benchmark": "SolarOOD",
            "version": VERSION,
            "quick": self.quick,
            "images": {disk.name: f"{disk.wavelength} Å, {disk.t_obs}" for disk in disks},
            "training_patches": len(self.train),
            "test_patches": len(self.test),
            "target_size": PATCH,
            "data_digest": found.hexdigest(),
        }


def load_solar_ood(folder: str | os.PathLike[str] | None = None, quick: bool = False) -> SolarOod:
    """Read the images of the benchmark SolarOOD.

    Parameters
    ----------
    folder : str or path, optional
        Folder in which the prepared images are saved. If it already contains them, the image files
        are not decoded again.
    quick : bool
        Whether to select fewer patches, for a quick check.

    Returns
    -------
    SolarOod
        Images and patches. ``training_images()`` contains the training patches, and
        ``synthetic()``, ``instrument()`` and ``shift(disk)`` return ground truths for
        :func:`astrodome_sood.evaluate`.

    Raises
    ------
    AstrodomeError
        If the package glymur, which contains the images, is not installed.

    Examples
    --------
    >>> data = load_solar_ood("solar_ood", quick=True)
    >>> len(data.training_images()), len(data.instrument().kinds)
    (64, 17)
    """
    cache = Path(folder).expanduser() / CACHE if folder is not None else None
    disks = saved_disks(cache) if cache and cache.is_file() else _decoded()
    if cache and not cache.is_file():
        save_disks(cache, disks)
    disk, other, *shifted = disks
    return SolarOod.from_disks(disk, other, tuple(shifted), quick)


def _decoded() -> list[Disk]:
    from sunpy.data.test import get_test_filepath

    spec = find_spec("glymur")
    if spec is None or not spec.submodule_search_locations:
        raise AstrodomeError(
            "The benchmark requires images of the package glymur, which is not installed.",
            "pip install 'astrodome-sood[benchmark]'",
        )
    glymur = Path(spec.submodule_search_locations[0]) / "data" / "heliov.jpx"
    aia = get_test_filepath("2013_06_24__17_31_30_84__SDO_AIA_AIA_193.jp2")
    fsi = get_test_filepath("2022_04_01__00_00_45__SOLO-EUI-FSI_EUI_FSI_174.jp2")
    sources: list[tuple[Any, ...]] = [
        (glymur, "aia_171_2014", 2, False),
        (aia, "aia_193_2013", None, True),
        (glymur, "swap_174_2013", 0, False),
        (fsi, "fsi_174_2022", None, False),
    ]
    disks: list[Disk] = []
    with progress.task("Reading images", len(sources), resumes=False) as task:
        for path, name, plane, enlarge in sources:
            disks.append(read_disk(path, name, SIDE, RADIUS, plane, enlarge))
            task.advance()
    return disks[:2] + [disk.matched_to(disks[0]) for disk in disks[2:]]


def save_disks(path: Path, disks: Sequence[Disk]) -> None:
    """Save prepared images to a compressed NumPy file."""
    keys = [key.name for key in fields(Disk)]
    arrays = {f"{n}.{key}": getattr(disk, key) for n, disk in enumerate(disks) for key in keys}
    with files.replacing(path) as new, new.open("wb") as file:
        np.savez_compressed(file, **arrays)


def saved_disks(path: Path) -> list[Disk]:
    """Read prepared images. Raises AstrodomeError if the file is damaged."""
    keys = [key.name for key in fields(Disk)]
    try:
        with np.load(path) as saved:
            count = len(saved.files) // len(keys)
            rows = [[saved[f"{n}.{key}"] for key in keys] for n in range(count)]
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise AstrodomeError(
            f"Cannot read {path}: {error}.", "Delete the file, and run the benchmark again."
        ) from error
    return [Disk(str(n), p, float(r), str(t), int(w)) for n, p, r, t, w in rows]


def _thinned(corners: list[Corner], quick: bool) -> list[Corner]:
    """Return evenly spaced patches for a quick check, or all patches."""
    return corners[:: max(1, len(corners) // QUICK_TEST)][:QUICK_TEST] if quick else corners
