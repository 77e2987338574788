"""The HTML report about a run."""

from __future__ import annotations

import base64
import io
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from astrodome.testing import Result
from PIL import Image


@pytest.fixture
def scored(trained: Path, sood: Callable[..., Result], tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    shutil.copytree(trained, folder)
    for mode in ("sample", "pixel"):
        sood("ce_vae", "predict", "-l", folder, "-m", mode).succeeded()
    return folder


def pictures(page: str, kind: str) -> list[Image.Image]:
    found = re.findall(rf'class="{kind}" src="data:image/png;base64,([^"]+)"', page)
    return [Image.open(io.BytesIO(base64.b64decode(data))) for data in found]


def test_the_page_shows_losses_images_beside_their_maps_settings_and_versions(
    scored: Path, sood: Callable[..., Result]
):
    sood("report", scored, "--count", 4).succeeded()
    page = (scored / "report.html").read_text()
    images, maps = pictures(page, "image"), pictures(page, "map")
    assert len(images) == len(maps) == 8
    assert {image.size for image in images + maps} == {(32, 32)}
    assert len({image.tobytes() for image in images}) == 8
    red, _, blue = images[0].convert("RGB").resize((1, 1)).getpixel((0, 0))
    assert red > blue, "AIA 193 is drawn in its own brown"
    assert page.count("<svg") == 2 and "Most anomalous" in page and "Least anomalous" in page
    for text in ("model.z_dim", "train.lr", "torch", "data digest", "2013-06-24T17:31:30Z"):
        assert text in page


def test_the_page_is_self_contained(scored: Path, sood: Callable[..., Result]):
    sood("report", scored).succeeded()
    page = (scored / "report.html").read_text()
    assert "<script" not in page
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert all(source.startswith(("data:", "#")) for source in sources)


def test_several_predictions_are_on_one_page(
    scored: Path, sun, sood: Callable[..., Result], tmp_path: Path
):
    disk = tmp_path / "whole_disk"
    disk.mkdir()
    sun.save(disk / "2013-06-24T173130__193.jpeg")
    out = scored / "predictions/disk"
    sood("ce_vae", "predict", "-l", scored, "-m", "pixel", "--data-dir", disk, "--pred-dir", out)
    page = tmp_path / "page.html"
    sood("report", scored, "--out", page).succeeded()
    text = page.read_text()
    assert "Whole disk" in text
    assert [image.size for image in pictures(text, "image")].count((256, 256)) == 1


def test_deleted_images_are_marked(
    scored: Path, patches: Path, sood: Callable[..., Result], tmp_path: Path
):
    moved = tmp_path / "moved"
    shutil.copytree(patches, moved)
    sood("ce_vae", "predict", "-l", scored, "--data-dir", moved, "--pred-dir", tmp_path / "p")
    shutil.rmtree(moved)
    sood("report", scored, "--pred-dir", tmp_path / "p").succeeded()
    assert "no longer exists" in (scored / "report.html").read_text()


def test_a_folder_without_a_run_is_an_error(sood: Callable[..., Result], tmp_path: Path):
    empty = sood("report", tmp_path)
    assert empty.code == 1 and "contains neither a run nor predictions" in empty.err
    gone = sood("report", tmp_path / "none")
    assert gone.code == 1 and "Run folder not found" in gone.err
