"""Synthetic anomalies: regions, visibility, versions of the protocol."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astrodome import AstrodomeError
from astrodome_sood.datasets.folder import FolderImages
from astrodome_sood.evaluation.regions import (
    MAX_AREA,
    MIN_AREA,
    SHAPES,
    moved_to_maximum,
    softened,
)
from astrodome_sood.evaluation.synthetic import EDGES, KINDS, MIN_CHANGE, SyntheticAnomalies
from scipy.ndimage import gaussian_filter


class Noise:
    """Four smooth random images at each of two wavelengths, or images without contrast."""

    def __init__(self, contrast: float = 6) -> None:
        random = np.random.default_rng(5)
        images = [gaussian_filter(random.normal(0, contrast, (32, 32)), 1.5) for _ in range(8)]
        self.images = [np.clip(image, -1, 1)[None].astype(np.float32) for image in images]

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> np.ndarray:
        return self.images[index]

    def describe(self, index: int) -> dict[str, object]:
        wavelength = 171 if index < 4 else 193
        return {"path": f"p{index}.png", "wavelength": wavelength, "part": str(index % 4)}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_region_covers_two_to_twelve_percent_and_is_inside_the_image(shape: str):
    random = np.random.default_rng(3)
    for _ in range(60):
        inside = SHAPES[shape]((64, 64), random)
        assert 0.8 * MIN_AREA < inside.mean() < 1.1 * MAX_AREA
        weight = softened(inside, 1.0)
        assert weight.min() >= 0 and weight.max() <= 1 + 1e-6


@pytest.mark.parametrize("shape", SHAPES)
def test_regions_have_all_orientations_and_positions(shape: str):
    random = np.random.default_rng(3)
    y, x = np.mgrid[:48, :48]
    angles, centers = [], []
    for _ in range(200):
        inside = SHAPES[shape]((48, 48), random)
        centers.append((y[inside].mean(), x[inside].mean()))
        (xx, xy), (_, yy) = np.cov(x[inside], y[inside])
        if np.hypot(xx - yy, 2 * xy) > 0.2 * (xx + yy):
            angles.append(np.arctan2(2 * xy, xx - yy) / 2 % np.pi)  # of the major axis
    counts, _ = np.histogram(angles, bins=6, range=(0, np.pi))
    assert len(angles) > 50 and counts.min() > len(angles) / 15
    assert np.ptp(centers, axis=0).min() > 24


def test_the_shapes_differ():
    """An ellipse fills its convex hull, a polygon most of it, and an arc less."""
    from skimage.morphology import convex_hull_image

    random = np.random.default_rng(0)
    filled = {
        shape: np.mean([m.sum() / convex_hull_image(m).sum() for m in masks])
        for shape, masks in ((s, [SHAPES[s]((64, 64), random) for _ in range(20)]) for s in SHAPES)
    }
    assert filled["ellipse"] > 0.95 > filled["polygon"] > filled["arc"] + 0.05


def test_every_image_occurs_unchanged_and_with_each_kind(two_waves: Path):
    images = FolderImages(two_waves, 32)
    protocol = SyntheticAnomalies(images, [1], wavelength=193)
    assert protocol.kinds == list(KINDS) and len(protocol.base) == 16
    cases = list(protocol)
    skipped = protocol.invisible()
    assert len(cases) == len(protocol) == 16 * 6 - sum(skipped.values())
    for kind in KINDS:
        assert sum(case.kind == kind for case in cases) == 16 - skipped.get(kind, 0)
    for case in cases:
        real = images[case.index]
        changed = np.abs(case.image - real).max(axis=0) > 0
        assert case.image.min() >= -1 and case.image.max() <= 1
        if not case.kind:
            assert not changed.any() and not case.mask.any()
            continue
        inside, outside = (
            np.abs(case.image - real)[0][part].mean() for part in (case.mask, ~case.mask)
        )
        assert inside > 2 * outside and case.mask.mean() >= MIN_AREA / 2
        if case.kind in ("brighten", "occult"):
            brighter = (case.image - real)[0][case.mask].mean() > 0
            assert brighter == (case.kind == "brighten")


@pytest.mark.parametrize("seed", range(3))
def test_every_anomaly_is_visible(seed: int):
    images = Noise()
    for case in SyntheticAnomalies(images, [seed], wavelength=171):
        if case.kind:
            change = np.abs(case.image - images[case.index])[:, case.mask].mean() / 2
            assert change >= MIN_CHANGE and case.mask.any()


def test_invisible_anomalies_are_skipped_and_counted():
    images = Noise(contrast=0.1)  # A blurred region differs too little from the original.
    protocol = SyntheticAnomalies(images, [0, 1], wavelength=171)
    assert protocol.invisible()["blur"] == 8 and "occult" not in protocol.invisible()
    assert protocol.about()["invisible"] == protocol.invisible()
    assert "8 of 8 anomalies of the type blur are not visible and were skipped." in (
        protocol.warnings()
    )
    assert protocol.changed(0, "blur", seed=0) is None
    with pytest.raises(AstrodomeError, match="None of the synthetic anomalies is visible"):
        list(SyntheticAnomalies(images, kinds=["blur"], wavelength=171))


def test_a_blurred_region_is_placed_on_the_structure_in_the_image():
    """Only the lower right quarter of the image has contrast, so blurring changes only this."""
    images = Noise()
    for image in images.images:
        image[:, :16] = image[:, :, :16] = 0
    cases = [c for c in SyntheticAnomalies(images, range(6), ["blur"], 171) if c.kind]
    assert len(cases) > 12
    for case in cases:
        y, x = np.nonzero(case.mask)
        assert y.mean() > 13 and x.mean() > 13


@pytest.mark.parametrize("shape", SHAPES)
def test_a_region_is_moved_to_the_largest_mean(shape: str):
    random = np.random.default_rng(1)
    inside = SHAPES[shape]((24, 32), random)
    values = random.random((24, 32))
    moved = moved_to_maximum(inside, values)
    found = []
    y, x = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    for dy in range(-y[0], 24 - y[-1]):
        for dx in range(-x[0], 32 - x[-1]):
            found.append(values[np.roll(inside, (dy, dx), (0, 1))].mean())
    assert moved.sum() == inside.sum()
    assert values[moved].mean() == pytest.approx(max(found))


def test_three_seeds_use_all_edge_widths_for_each_image_and_kind():
    protocol = SyntheticAnomalies(Noise(), [4, 5, 6], ["brighten", "occult"], 171)
    assert not protocol.invisible()
    found: dict[tuple[int, str], list[float]] = {}
    for case in protocol:
        if case.kind:
            found.setdefault((case.index, case.kind), []).append(case.edge)
    assert len(found) == 8 and all(sorted(edges) == list(EDGES) for edges in found.values())


def test_wider_edges_are_softer():
    """The steepest gradient of a brightened flat image decreases with the width of the edge."""
    images = Noise(contrast=0)
    steepest: dict[float, list[float]] = {edge: [] for edge in EDGES}
    for case in SyntheticAnomalies(images, [0, 1, 2], ["occult"], 171):
        if case.kind:
            steps = np.abs(np.diff(case.image[0], axis=0)).max()
            steepest[case.edge].append(steps / np.ptp(case.image))
    means = [np.mean(steepest[edge]) for edge in EDGES]
    assert means[0] > 0.9 and means[0] > 1.5 * means[1] > 2 * means[2]


def test_anomalies_depend_on_the_seed_but_not_on_other_images(two_waves: Path, tmp_path: Path):
    images = FolderImages(two_waves, 32)
    name = "2013-06-24T173130__193__4.jpeg"
    index = [path.name for path in images.paths].index(name)
    (tmp_path / name).write_bytes((two_waves / name).read_bytes())
    alone = FolderImages(tmp_path, 32)
    for version in (1, 2):
        for kind in ("brighten", "occult"):
            one, again, other, single = (
                SyntheticAnomalies(source, version=version).changed(at, kind, seed=seed)
                for source, at, seed in (
                    *((images, index, 1), (images, index, 1), (images, index, 2)),
                    (alone, 0, 1),
                )
            )
            assert np.array_equal(one.image, again.image) and np.array_equal(one.mask, again.mask)
            assert np.array_equal(one.image, single.image)
            assert not np.array_equal(one.mask, other.mask)


def test_images_of_one_wavelength_have_no_swaps_and_an_unknown_kind_is_an_error(patches: Path):
    images = FolderImages(patches, 32)
    assert SyntheticAnomalies(images).kinds == ["paste", "brighten", "blur", "occult"]
    assert SyntheticAnomalies(images, kinds=["blur", "swap"]).kinds == ["blur"]
    with pytest.raises(AstrodomeError, match="Unknown type of anomaly 'melt'"):
        SyntheticAnomalies(images, kinds=["melt"])
    with pytest.raises(AstrodomeError, match="No images found with the wavelength 94"):
        SyntheticAnomalies(images, wavelength=94)
    with pytest.raises(AstrodomeError, match="Unknown version 3"):
        SyntheticAnomalies(images, version=3)


def test_version_1_reproduces_the_results_of_earlier_releases():
    """The values were computed with the code that measured the tables of version 1."""
    cases = SyntheticAnomalies(Noise(), [0], wavelength=171, version=1)
    found = [
        (case.kind, int(case.mask.sum()), float(np.abs(case.image).sum(dtype=float)))
        for case in cases
        if case.index == 2
    ]
    expected = [("", 0, 713.82755), ("paste", 74, 690.30311), ("brighten", 70, 712.80826)]
    expected += [("blur", 52, 689.16771), ("occult", 103, 726.62087), ("swap", 44, 694.77559)]
    assert [case[:2] for case in found] == [case[:2] for case in expected]
    np.testing.assert_allclose(*([case[2] for case in cases] for cases in (found, expected)), 1e-6)
