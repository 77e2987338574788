"""``sdo data resize``: smaller images with the same names."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astrodome.testing import Result
from astrodome_sdo_data.processing.resizing import resize
from PIL import Image

Data = Callable[..., Result]


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_images_of_one_wavelength_are_resized_with_the_same_names(
    data: Data, archive: Path, tmp_path: Path
) -> None:
    out = tmp_path / "small"
    result = data("resize", f"--path={archive}", f"--targetpath={out}", "--wavelength=193")
    assert result.succeeded().err == "12 images resized.\n"
    assert sorted(p.name for p in out.iterdir()) == sorted(p.name for p in archive.glob("*__193.*"))
    for path in out.iterdir():
        with Image.open(path) as image:
            assert (image.size, image.mode, image.format) == ((32, 32), "L", "JPEG")


def test_scaling_by_the_codec_differs_by_less_than_one_level(
    data: Data, archive: Path, tmp_path: Path
) -> None:
    for folder, options in (("fast", ()), ("exact", ("--exact",))):
        target = ("--targetpath", tmp_path / folder, "--size", 128)
        data("resize", "--path", archive, *target, *options).succeeded()
    fast, exact = contents(tmp_path / "fast"), contents(tmp_path / "exact")
    assert fast != exact
    for name in fast:
        pair = [np.asarray(Image.open(tmp_path / f / name), float) for f in ("fast", "exact")]
        assert np.sqrt(((pair[0] - pair[1]) ** 2).mean()) < 1.5


def test_exact_applies_a_lanczos_filter_to_all_pixels(
    data: Data, archive: Path, tmp_path: Path
) -> None:
    data("resize", "--path", archive, "--targetpath", tmp_path / "out", "--size", 64, "--exact")
    name = "2013-06-24T170500__193.jpeg"
    expected = io.BytesIO()
    with Image.open(archive / name) as image:
        image.resize((64, 64), Image.Resampling.LANCZOS).save(expected, "JPEG", quality=95)
    with Image.open(tmp_path / "out" / name) as image:
        assert np.array_equal(np.asarray(image), np.asarray(Image.open(expected)))


@pytest.mark.parametrize("name", ["a__171.jpg", "a__171.png", "a__171.jp2", "a__171.JPEG"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_grey_and_rgb_are_read_and_written_in_every_format(
    data: Data, corona: Image.Image, tmp_path: Path, name: str, mode: str
) -> None:
    (tmp_path / "in").mkdir()
    corona.convert(mode).save(tmp_path / "in" / name)
    command = ("resize", "--path", tmp_path / "in", "--targetpath", tmp_path / "out", "--size", 50)
    data(*command).succeeded()
    with Image.open(tmp_path / "in" / name) as source, Image.open(tmp_path / "out" / name) as small:
        assert (small.size, small.mode, small.format) == ((50, 50), mode, source.format)
        expected = np.asarray(source.resize((50, 50), Image.Resampling.LANCZOS), float)
        assert np.abs(np.asarray(small, float) - expected).mean() < 2
    assert "1 skipped" in data(*command).succeeded().err


def test_sixteen_bits_and_transparency_become_eight_bits(
    data: Data, corona: Image.Image, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    deep = Image.fromarray(np.asarray(corona, np.uint16) * 257)
    deep.save(tmp_path / "in" / "deep__171.png")
    corona.convert("LA").save(tmp_path / "in" / "alpha__171.png")
    data("resize", "--path", tmp_path / "in", "--targetpath", tmp_path, "--size", 410).succeeded()
    for name in ("deep__171.png", "alpha__171.png"):
        with Image.open(tmp_path / name) as image:
            assert image.mode == "L"
            assert np.abs(np.asarray(image, float) - np.asarray(corona, float)).max() <= 1


def test_equal_names_in_different_folders_do_not_overwrite_each_other(
    data: Data, archive: Path, tmp_path: Path
) -> None:
    shutil.copytree(archive, archive / "2013" / "june")
    (archive / "2013" / "june" / "2013-06-24T180000__171.jpeg").write_bytes(
        (archive / "2013-06-24T170000__193.jpeg").read_bytes()
    )
    out = tmp_path / "out"
    options = ("--wavelength", 171)
    data("resize", "--path", archive, "--targetpath", out, *options).succeeded()
    made = contents(out)
    assert sorted(made) == ["2013-06-24T180000__171.jpeg", "2013/june/2013-06-24T180000__171.jpeg"]
    assert len(set(made.values())) == 2


def test_a_damaged_image_is_reported_and_the_others_are_resized(
    data: Data, archive: Path, tmp_path: Path
) -> None:
    cut, empty, text = (archive / f"{name}__193.jpeg" for name in ("cut", "empty", "text"))
    cut.write_bytes((archive / "2013-06-24T170000__193.jpeg").read_bytes()[:20_000])
    empty.touch()
    text.write_text("not an image")
    result = data("resize", "--path", archive, "--targetpath", tmp_path / "out")
    assert result.code == 1
    assert "13 images resized, 3 failed." in result.err
    assert "failed  cut__193.jpeg: The image is damaged" in result.err
    assert "failed  empty__193.jpeg: The file is empty." in result.err
    assert not list((tmp_path / "out").glob("cut*"))


def test_json_output_is_one_object(data: Data, archive: Path, tmp_path: Path) -> None:
    (archive / "bad__193.png").write_text("bad")
    result = data("resize", "--path", archive, "--targetpath", tmp_path / "out", "--json")
    assert result.code == 1
    assert result.json["done"] == 13
    assert [failed["name"] for failed in result.json["failed"]] == ["bad__193.png"]


def test_existing_images_are_kept_unless_source_or_settings_changed(
    data: Data, archive: Path, tmp_path: Path
) -> None:
    command = ("resize", "--path", archive, "--targetpath", tmp_path / "out", "--json")
    assert data(*command).json["done"] == 13
    assert data(*command).json["skipped"] == 13
    later = (tmp_path / "out" / "2013-06-24T180000__171.jpeg").stat().st_mtime + 10
    os.utime(archive / "2013-06-24T180000__171.jpeg", (later, later))
    assert data(*command).json["done"] == 1
    assert data(*command, "--exact").json["done"] == 13
    assert data(*command, "--exact", "--size", 48).json["done"] == 13
    assert data(*command, "--exact", "--size", 48, "--overwrite").json["done"] == 13


def test_a_target_inside_the_folder_is_not_read_again(
    data: Data, archive: Path, tmp_path: Path
) -> None:
    command = ("resize", "--path", archive, "--targetpath", archive / "small", "--json")
    assert data(*command).json["done"] == 13
    assert data(*command).json == {"done": 0, "skipped": 13, "failed": []}


def test_originals_are_never_overwritten(data: Data, archive: Path) -> None:
    before = contents(archive)
    result = data("resize", "--path", archive, "--targetpath", archive / ".." / archive.name)
    assert result.code == 2 and "must not be the input folder" in result.err
    assert contents(archive) == before


@pytest.mark.parametrize("command", ["resize", "patch"])
def test_a_folder_without_images_is_an_error(
    data: Data, archive: Path, tmp_path: Path, command: str
) -> None:
    absent = data(command, "--path", tmp_path / "absent", "--targetpath", tmp_path / "out")
    assert absent.code == 1 and f"Folder not found: {tmp_path / 'absent'}" in absent.err
    other = data(command, "--path", archive, "--targetpath", tmp_path / "out", "--wavelength", 94)
    assert other.code == 1 and "No image with a name such as *__94.jpeg" in other.err
    assert not (tmp_path / "out").exists()
    assert data(command, "--path", archive, "--size", 0).code == 2


def test_resize_works_from_python_and_on_a_dask_cluster(archive: Path, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    assert resize(archive, tmp_path / "here", 32, jobs=1).done == 13
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0"
    ) as cluster:
        there = resize(archive, tmp_path / "there", 32, scheduler=cluster.scheduler_address)
    assert there.done == 13
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
