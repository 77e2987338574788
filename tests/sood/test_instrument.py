"""Defects of the instrument, spoiled frames, and false-alarm rates."""

from __future__ import annotations

import numpy as np
import pytest
from astrodome import AstrodomeError
from astrodome_sood.datasets.disks import Disk, DiskPatches, read_disk
from astrodome_sood.evaluation import sanity, shift
from astrodome_sood.evaluation.instrument import DEFECTS, MIN_CHANGE, InstrumentDefects
from PIL import Image, features
from scipy.ndimage import gaussian_filter
from sunpy.data.test import get_test_filepath

SIZE = 32
AIA_193 = "2013_06_24__17_31_30_84__SDO_AIA_AIA_193.jp2"


@pytest.fixture(scope="module")
def disk(sun: Image.Image) -> Disk:
    """Return AIA 193 Å with 256 x 256 pixels."""
    levels = np.asarray(sun.resize((256, 256)), np.float32)
    return Disk("aia_193", levels * 2 / 255 - 1, 98.3, "2013-06-24T17:31:30Z", 193)


@pytest.fixture(scope="module")
def other(disk: Disk) -> Disk:
    """Return a mirrored copy that serves as the image at another wavelength."""
    pixels = np.ascontiguousarray(disk.pixels[:, ::-1])
    return Disk("mirrored", pixels, disk.radius, disk.t_obs, 171)


@pytest.fixture(scope="module")
def defects(disk: Disk, other: Disk) -> InstrumentDefects:
    return InstrumentDefects(disk, other, disk.grid(SIZE), SIZE)


def unit(defects: InstrumentDefects, kind: str, index: int) -> tuple[np.ndarray, ...]:
    """Return a patch, the patch with a defect, and the mask; intensities are from 0 to 1."""
    case = defects.defective(index, kind)
    original = (defects._patches[index][0] + 1) / 2
    return original, (case.image[0] + 1) / 2, case.mask


def test_a_disk_is_read_from_a_file_and_centered(sun: Image.Image) -> None:
    disk = read_disk(get_test_filepath(AIA_193), "aia", 256, 98.3)
    assert disk.pixels.shape == (256, 256) and disk.pixels.dtype == np.float32
    assert disk.radius == pytest.approx(98.3) and disk.wavelength == 193
    assert disk.t_obs == "2013-06-24T17:31:30Z"
    assert -1 <= disk.pixels.min() < disk.pixels.max() <= 1
    bright = disk.pixels > -0.9
    y, x = np.nonzero(bright & disk.on_disk)
    assert abs(y.mean() - 128) < 6 and abs(x.mean() - 128) < 6
    size = read_disk(get_test_filepath(AIA_193), "aia", 256, 300)
    assert size.radius == pytest.approx(157.5, abs=1)  # A smaller disk is not enlarged.
    larger = read_disk(get_test_filepath(AIA_193), "aia", 640, 300, enlarge=True)
    assert larger.radius == pytest.approx(300) and larger.side == 640


def test_patches_are_on_the_disk_and_have_the_pixels_of_the_image(disk: Disk) -> None:
    corners = disk.grid(SIZE)
    patches = DiskPatches([(disk, corners)], SIZE)
    assert len(patches) == len(corners) > 10
    for index, (x, y) in enumerate(corners):
        assert np.array_equal(patches[index][0], disk.pixels[y : y + SIZE, x : x + SIZE])
        assert disk.on_disk[y : y + SIZE, x : x + SIZE].all()
    west = disk.grid(SIZE, left=128)
    assert west and all(x >= 128 for x, _ in west)
    random = disk.random_corners(50, SIZE, 128, seed=1)
    assert len(random) == 50 and all(x + SIZE <= 128 for x, _ in random)
    assert random == disk.random_corners(50, SIZE, 128, seed=1)
    assert random != disk.random_corners(50, SIZE, 128, seed=2)


def test_a_split_is_disjoint_complete_and_reproducible(disk: Disk) -> None:
    patches = DiskPatches([(disk, disk.grid(SIZE))], SIZE)
    train, held = patches.split(0.25, seed=3)
    names = [part.describe(n)["path"] for part in (train, held) for n in range(len(part))]
    assert sorted(names) == sorted(patches.describe(n)["path"] for n in range(len(patches)))
    assert len(held) == round(0.25 * len(patches))
    assert patches.split(0.25, seed=3)[1].digest() == held.digest() != train.digest()
    with pytest.raises(AstrodomeError, match="at least two images"):
        DiskPatches([(disk, disk.grid(SIZE)[:1])], SIZE).split(0.5, 0)


def test_intensities_are_matched_to_another_disk(disk: Disk) -> None:
    dark = Disk("dark", disk.pixels * 0.3 - 0.6, disk.radius, disk.t_obs, 171)
    np.testing.assert_allclose(dark.matched_to(disk).pixels, disk.pixels, atol=0.02)


def test_there_are_17_kinds_and_every_patch_has_each_defect(defects: InstrumentDefects) -> None:
    assert len(DEFECTS) == 17 and defects.kinds == list(DEFECTS)
    cases = list(defects)
    count = len(cases) // 18
    assert len(cases) == len(defects) == 18 * count
    for case in cases:
        assert case.image.shape == (1, SIZE, SIZE) and case.image.dtype == np.float32
        assert case.image.min() >= -1 and case.image.max() <= 1
        assert case.label == int(bool(case.kind))
        assert case.mask.any() == bool(case.kind), case.kind
    assert {case.kind for case in cases} == {"", *DEFECTS}


@pytest.mark.parametrize("kind", [kind for kind, defect in DEFECTS.items() if not defect.whole])
def test_a_local_defect_changes_only_the_pixels_in_its_mask(
    defects: InstrumentDefects, kind: str
) -> None:
    for index in range(6):
        original, changed, mask = unit(defects, kind, index)
        change = np.abs(changed - original)
        assert change[mask].min() >= MIN_CHANGE - 1e-6
        assert change[~mask].max(initial=0) < MIN_CHANGE


def test_particles_are_bright_and_have_the_specified_density(defects: InstrumentDefects) -> None:
    for kind, low, high in (("hits", 1, 5), ("snow", 15, 31), ("tracks", 2, 40)):
        for index in range(6):
            original, changed, mask = unit(defects, kind, index)
            assert low <= mask.sum() <= high, kind
            assert (changed >= original - 1e-6).all() and changed[mask].min() >= 0.6


def test_stripes_are_constant_along_columns_or_rows(defects: InstrumentDefects) -> None:
    for kind, levels in (("weak_stripes", 6), ("strong_stripes", 15)):
        directions = set()
        for index in range(8):
            original, changed, _ = unit(defects, kind, index)
            change = (changed - original) * 255
            kept = (changed > 0) & (changed < 1)
            np.testing.assert_allclose(np.abs(change[kept]), levels, atol=1e-3)
            by_column = np.ma.masked_array(change, ~kept).std(axis=0).max() < 1e-2
            directions.add(bool(by_column))
        assert directions == {True, False}


def test_defocus_and_compression_remove_fine_structure(
    disk: Disk, defects: InstrumentDefects
) -> None:
    def detail(image: np.ndarray) -> float:
        return float((image - gaussian_filter(image, 1)).std())

    corners = disk.grid(SIZE)
    middle = len(corners) // 2
    x, y = corners[middle]
    strong = (gaussian_filter((disk.pixels + 1) / 2, 4.0))[y : y + SIZE, x : x + SIZE]
    _, changed, mask = unit(defects, "strong_defocus", middle)
    np.testing.assert_allclose(changed, strong, atol=1e-5)  # Pixels outside the patch contribute.
    assert mask.all()
    for name in ("defocus", "compression"):
        if name == "compression" and not features.check("jpg_2000"):
            continue
        weak, hard = (
            np.mean([detail(unit(defects, f"{strength}_{name}", n)[1]) for n in range(6)])
            for strength in ("weak", "strong")
        )
        plain = np.mean([detail(unit(defects, "hits", n)[0]) for n in range(6)])
        assert hard < weak < plain, name
        assert hard < 0.6 * plain


def test_a_compressed_image_has_the_specified_size() -> None:
    random = np.random.default_rng(0)
    image = np.clip(random.normal(0.5, 0.2, (256, 256)), 0, 1).astype(np.float32)
    weak = DEFECTS["weak_compression"].change(image, image, random)
    hard = DEFECTS["strong_compression"].change(image, image, random)
    assert 0 < np.abs(weak - image).mean() < np.abs(hard - image).mean() < 0.5


def test_exposure_and_wavelength_change_the_whole_image(
    disk: Disk, other: Disk, defects: InstrumentDefects
) -> None:
    for index, (x, y) in enumerate(disk.grid(SIZE)[:4]):
        original, changed, mask = unit(defects, "half_exposure", index)
        np.testing.assert_allclose(changed, original / 2, atol=1e-6)
        assert mask.all()
        case = defects.defective(index, "wrong_wavelength")
        np.testing.assert_allclose(
            case.image[0], other.pixels[y : y + SIZE, x : x + SIZE], atol=1e-6
        )


def test_lost_data_are_blocks_or_rows(defects: InstrumentDefects) -> None:
    for index in range(6):
        original, changed, mask = unit(defects, "lost_blocks", index)
        lost = (changed == 0) & (original > 0)
        assert 1 <= lost.sum() <= 3 * 64 and not changed[mask].any()
        original, changed, mask = unit(defects, "lost_rows", index)
        rows = np.flatnonzero(np.abs(changed - original).max(axis=1) > 1e-6)
        assert 2 <= len(rows) <= 5 and np.ptp(rows) == len(rows) - 1
        np.testing.assert_allclose(changed[rows], original.mean(), atol=1e-5)


def test_covered_and_saturated_pixels(defects: InstrumentDefects) -> None:
    for index in range(6):
        original, changed, mask = unit(defects, "saturation", index)
        assert (changed[mask] == 1).all() and 5 <= (changed == 1).sum() < 200
        original, changed, mask = unit(defects, "transit", index)
        assert not changed[mask].any() and 0.015 < (changed == 0).mean() < 0.13
        original, changed, _ = unit(defects, "eclipse", index)
        light = changed / np.maximum(original, 1e-3)
        assert 0.15 < (light < 0.5).mean() < 0.65
        original, changed, mask = unit(defects, "dust", index)
        ratio = changed[original > 0.1] / original[original > 0.1]
        assert 0.64 < ratio.min() < 0.9 and ratio.max() <= 1.0001


def test_defects_depend_on_the_seed_but_not_on_other_patches(disk: Disk, other: Disk) -> None:
    corners = disk.grid(SIZE)
    make = [InstrumentDefects(disk, other, c, SIZE, seed=s) for c, s in
            ((corners, 0), (corners[:2], 0), (corners, 1))]  # fmt: skip
    for kind in ("hits", "dust", "transit", "weak_stripes"):
        one, short, seeded = (each.defective(1, kind).image for each in make)
        assert np.array_equal(one, short) and not np.array_equal(one, seeded)
    with pytest.raises(AstrodomeError, match="Unknown kind of defect 'rust'"):
        InstrumentDefects(disk, other, corners, SIZE, ["rust"])


def test_sanity_frames_are_black_white_flat_under_exposed_and_defocused(disk: Disk) -> None:
    corners = disk.grid(SIZE)
    frames = sanity.sanity_frames(disk, corners, SIZE)
    assert list(frames) == ["black", "white", "flat", "under_exposed", "defocused"]
    assert (frames["black"] == -1).all() and (frames["white"] == 1).all()
    assert np.ptp(frames["flat"]) == 0
    assert frames["flat"].mean() == pytest.approx(disk.pixels[disk.on_disk].mean(), abs=1e-6)
    normal = np.stack([disk.pixels[y : y + SIZE, x : x + SIZE] for x, y in corners])[:, None]
    assert frames["under_exposed"].shape == frames["defocused"].shape == normal.shape
    np.testing.assert_allclose(frames["under_exposed"] + 1, (normal + 1) / 10, atol=1e-6)
    assert frames["defocused"].std() < normal.std()


def test_the_rank_of_a_frame_is_the_share_of_normal_patches_below_it() -> None:
    normal = np.arange(100.0)
    assert sanity.rank(normal, np.array([1000.0])) == 1
    assert sanity.rank(normal, np.array([-1.0])) == 0
    assert sanity.rank(normal, np.array([10.0, 95.5, 2000.0])) == pytest.approx(0.96)
    assert sanity.rank(np.zeros(10), np.zeros(3)) == 0.5


def test_a_conformal_threshold_has_at_most_the_nominal_false_alarm_rate() -> None:
    random = np.random.default_rng(0)
    rates = []
    for _ in range(200):
        threshold = shift.conformal_threshold(random.normal(size=299), 0.01)
        rates.append((random.normal(size=2000) > threshold).mean())
    assert 0.006 < np.mean(rates) < 0.0115
    assert shift.conformal_threshold(np.arange(99.0), 0.01) == 98
    assert shift.conformal_threshold(np.arange(98.0), 0.01) == np.inf
    with pytest.raises(AstrodomeError, match="Invalid false-alarm rate 0"):
        shift.conformal_threshold(np.arange(9.0), 0)


def test_a_false_alarm_rate_has_a_confidence_interval() -> None:
    estimate = shift.false_alarm_rate(np.arange(100.0), 89.5)
    low, high = estimate.interval
    assert estimate.value == pytest.approx(0.1) and 0.03 < low < 0.1 < high < 0.18
