"""Folders of images: finding, decoding and splitting."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astrodome import AstrodomeError
from astrodome_sood import open_images
from astrodome_sood.datasets.folder import FolderImages, decode, describe, find
from PIL import Image


def test_images_are_found_in_subfolders_with_any_extension_of_jpeg_and_png(tmp_path: Path):
    for name in ("a.jpeg", "aia/b.JPG", "aia/deep/c.png", "notes.txt", ".hidden.jpeg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [p.name for p in find(tmp_path)] == ["a.jpeg", "b.JPG", "c.png"]


def test_grey_color_and_16_bit_images_of_one_scene_are_equal(sun: Image.Image, tmp_path: Path):
    scene = sun.crop((100, 100, 228, 228))
    scene.save(tmp_path / "grey.png")
    scene.convert("RGB").save(tmp_path / "colour.png")
    Image.fromarray(np.asarray(scene, np.uint16) * 257).save(tmp_path / "deep.png")
    scene.save(tmp_path / "scene.jpeg", quality=100)
    grey = decode(tmp_path / "grey.png", 32).astype(int)
    for name in ("colour.png", "deep.png", "scene.jpeg"):
        assert np.abs(decode(tmp_path / name, 32).astype(int) - grey).mean() < 1.5, name


def test_pixels_span_minus_one_to_one(tmp_path: Path):
    ramp = np.tile(np.linspace(0, 255, 16).astype(np.uint8), (16, 1))
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    images = FolderImages(tmp_path, 16)
    assert images[0].shape == (1, 16, 16) and images[0].dtype == np.float32
    np.testing.assert_allclose(images[0][0], ramp / 127.5 - 1, atol=1e-6)
    np.testing.assert_array_equal(images.batch([0, 0])[1], images[0])


def test_time_and_wavelength_come_from_the_name():
    about = describe(Path("x/2012-03-07T000200__171__3.jpeg"))
    assert (about["t_obs"], about["wavelength"], about["part"]) == (
        "2012-03-07T00:02:00Z",
        171,
        "3",
    )
    assert describe(Path("sun.jpeg"))["t_obs"] is None
    assert describe(Path("2012-13-07T000200__171.jpeg"))["t_obs"] is None


def test_invalid_images_are_named_and_skipped(patches: Path, tmp_path: Path):
    good = sorted(patches.iterdir())[0].read_bytes()
    (tmp_path / "good.jpeg").write_bytes(good)
    (tmp_path / "cut.jpeg").write_bytes(good[: len(good) // 2])
    (tmp_path / "text.png").write_text("not an image")
    images = FolderImages(tmp_path, 32)
    assert [p.name for p in images.paths] == ["good.jpeg"]
    assert [name for name, _ in images.failed] == ["cut.jpeg", "text.png"]
    assert all(why for _, why in images.failed)


def test_a_folder_without_a_readable_image_is_an_error(tmp_path: Path):
    with pytest.raises(AstrodomeError, match="Folder not found"):
        FolderImages(tmp_path / "none", 32)
    with pytest.raises(AstrodomeError, match="No images found"):
        FolderImages(tmp_path, 32)
    (tmp_path / ".zgroup").touch()
    with pytest.raises(AstrodomeError, match="No images found") as store:
        FolderImages(tmp_path, 32)
    assert "data.dataset=SDOMLDatasetV2" in store.value.hint
    (tmp_path / "a.png").touch()
    with pytest.raises(AstrodomeError, match="None of the 1 images"):
        FolderImages(tmp_path, 32)


def test_the_split_is_disjoint_complete_and_follows_the_seed(patches: Path):
    images = FolderImages(patches, 32)
    train, validation = images.split(0.25, seed=4)
    assert len(validation) == 12
    assert sorted(train.paths + validation.paths) == images.paths
    assert images.split(0.25, seed=4)[1].paths == validation.paths
    assert images.split(0.25, seed=5)[1].paths != validation.paths
    index = images.paths.index(validation.paths[3])
    np.testing.assert_array_equal(validation[3], images[index])


def test_patches_of_one_observation_stay_together(patches: Path, tmp_path: Path):
    for number, path in enumerate(sorted(patches.iterdir())):
        name = f"2013-06-{1 + number % 12:02d}T000000__193__{number}.jpeg"
        (tmp_path / name).write_bytes(path.read_bytes())
    train, validation = FolderImages(tmp_path, 32).split(0.25, seed=0)
    days = [{path.name[:10] for path in part.paths} for part in (train, validation)]
    assert not days[0] & days[1] and len(days[1]) == 3


def test_large_image_sets_are_stored_in_a_temporary_file(
    patches: Path, monkeypatch: pytest.MonkeyPatch
):
    in_memory = FolderImages(patches, 32)
    monkeypatch.setattr("astrodome_sood.datasets.arrays.MAX_IN_MEMORY", 1000)
    on_disk = FolderImages(patches, 32)
    np.testing.assert_array_equal(on_disk.batch(range(48)), in_memory.batch(range(48)))


def test_a_warning_is_given_if_images_are_enlarged(patches: Path):
    with Image.open(sorted(patches.iterdir())[0]) as image:
        width = image.width
    assert open_images(str(patches), target_size=width).warnings == []
    (text,) = open_images(str(patches), target_size=2 * width).warnings
    assert f"enlarged to {2 * width} x {2 * width} pixels" in text
    assert f"has {width} x {width} pixels" in text
