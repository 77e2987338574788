"""The model ``detect``: changed regions, spoiled frames, and one score for both."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astrodome.testing import Result, run
from astrodome_sood import config
from astrodome_sood.models.detect import DetectModel
from astrodome_sood.models.detect_network import GUARD_MARGIN, GUARD_WEIGHT
from astrodome_sood.models.explanations import changed_region, explain_region
from PIL import Image
from safetensors.torch import load_file
from scipy.ndimage import gaussian_filter

ARGS = ("--target-size", 32, "-fm", "4,8,16", "--devices", "cpu", "--epochs", 2, "--set")
ARGS += ("model.options.epoch_images=96", "--batch-size", 16)


@pytest.fixture(scope="module")
def folder(patches: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a small network for two epochs."""
    path = tmp_path_factory.mktemp("runs") / "detect"
    args = ("detect", "train", "-d", patches, "-o", path, *ARGS)
    run("sdo", "sood", *args, plugin="astrodome_sood.plugin").succeeded()
    return path


@pytest.fixture(scope="module")
def model(folder: Path) -> DetectModel:
    given = {"model.load_path": str(folder), "devices.gpus": 0}
    model = DetectModel()
    model.load(folder, config.load(None, given, from_run=True, model="detect").plain())
    return model


@pytest.fixture(scope="module")
def normal(sun: Image.Image) -> np.ndarray:
    whole = np.asarray(sun, np.float32) / 127.5 - 1
    corners = np.random.default_rng(9).integers(60, 330 - 32, (60, 2))
    return np.stack([whole[None, y : y + 32, x : x + 32] for x, y in corners])


def test_the_score_combines_both_standardized_scores(
    model: DetectModel, normal: np.ndarray
) -> None:
    import torch

    images = np.concatenate([normal[:6], np.full((1, 1, 32, 32), -1, np.float32)])
    with torch.inference_mode():
        parts = model.net.parts(torch.from_numpy(images)).numpy()
    low, span = model.net.limits.numpy()
    regions, guard = ((parts - low) / span).T
    scores, maps = model.score(images), model.score_map(images)
    expected = np.maximum(regions + GUARD_WEIGHT * np.arcsinh(guard), guard - GUARD_MARGIN)
    np.testing.assert_allclose(scores, expected, rtol=1e-3, atol=1e-3)
    assert scores[6] >= guard[6] - GUARD_MARGIN - 1e-3, "a black image is found by the statistics"
    top = np.sort(maps.reshape(len(maps), -1), axis=1)[:, -31:].mean(axis=1)
    np.testing.assert_allclose(top, regions, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("defect", ["black", "white", "flat", "underexposed", "defocused"])
def test_a_spoiled_frame_is_in_the_top_five_percent(
    model: DetectModel, normal: np.ndarray, defect: str
) -> None:
    gray = (normal[0] + 1) / 2
    frame = {
        "black": np.zeros_like(gray),
        "white": np.ones_like(gray),
        "flat": np.full_like(gray, gray.mean()),
        "underexposed": gray * 0.1,
        "defocused": gaussian_filter(gray, (0, 4, 4)),
    }[defect]
    score = model.score((frame[None] * 2 - 1).astype(np.float32))[0]
    assert (model.score(normal) >= score).sum() <= 0.05 * len(normal)


def test_the_scores_of_an_image_do_not_depend_on_the_batch(
    model: DetectModel, normal: np.ndarray
) -> None:
    scores = model.score(normal[:10])
    alone = np.concatenate([model.score(each[None]) for each in normal[:10]])
    np.testing.assert_allclose(alone, scores, rtol=1e-3, atol=1e-3)


def test_a_spoiled_image_is_found_and_explained(
    folder: Path, patches: Path, sood: Callable[..., Result], tmp_path: Path
) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for path in sorted(patches.iterdir())[:12]:
        (images / path.name).write_bytes(path.read_bytes())
    Image.new("L", (32, 32)).save(images / "2013-06-24T173130__193__black.png")
    args = ("-l", folder, "-d", images, "-p", tmp_path / "out", "--json")
    rows = sood("detect", "predict", *args).succeeded().json
    assert "black" in rows[0]["path"] and "σ below the training images" in rows[0]["explanation"]


def test_a_changed_region_is_explained_with_its_position_and_its_statistic(
    model: DetectModel, normal: np.ndarray
) -> None:
    """The U-Net finds the region, and the statistic is the one that deviates most in it."""
    import torch

    image = torch.from_numpy(normal[0].copy())
    image[:, 4:10, 20:28] = 1
    logits = torch.full((32, 32), -5.0)
    logits[4:10, 20:28] = 3
    logits[30, 2] = 6
    found = explain_region(model.net.statistics, image, logits)
    assert (found.row, found.column) == (6.5, 23.5)
    assert found.deviation > 3 and "σ above the training images" in found.text
    assert "in a changed region of 48 pixels near row 6, column 24" in found.text


@pytest.mark.parametrize("is_found", [True, False], ids=["unet", "statistics"])
def test_the_explanation_is_that_of_the_part_that_determines_the_score(
    model: DetectModel, normal: np.ndarray, is_found: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    images = normal[:3].copy()
    images[:, :, 10:14, 10:14] = 1
    scores = (torch.ones(3), torch.zeros(3)) if is_found else (torch.zeros(3), torch.ones(3))
    monkeypatch.setattr(model.net, "standardized", lambda logits, guard: scores)
    logits = torch.full((3, 32, 32), -5.0)
    logits[:, 10:14, 10:14] = 5
    monkeypatch.setattr(model.net.unet, "forward", lambda images: logits)
    for each in model.explain(images):
        assert ("changed region" in each.text) == is_found


def test_a_larger_deviation_of_the_whole_image_is_explained(
    model: DetectModel, normal: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from astrodome_sood.models.local_statistics import smooth

    defocused = smooth(torch.from_numpy(normal[:3, 0]), 4.0).numpy()[:, None]
    equal = (torch.zeros(3), torch.zeros(3))
    monkeypatch.setattr(model.net, "standardized", lambda logits, guard: equal)
    for each in model.explain(defocused):
        assert "below the training images" in each.text and "defocus" in each.text


def test_the_changed_region_is_connected_and_has_the_largest_probability() -> None:
    logits = np.full((8, 8), -9.0, np.float32)
    assert changed_region(logits).all(), "no pixel is more probable than the others"
    logits[1, 1], logits[5:7, 5:7] = 4, 1
    expected = np.zeros((8, 8), bool)
    expected[5:7, 5:7] = True
    np.testing.assert_array_equal(changed_region(logits), expected)
    logits[1, 1] = -9
    np.testing.assert_array_equal(changed_region(logits - 6), expected)


def test_a_spoiled_full_disk_is_found_with_any_batch_size(
    sun: Image.Image, sood: Callable[..., Result], tmp_path: Path
) -> None:
    folder = tmp_path / "disks"
    folder.mkdir()
    for number in range(24):
        disk = sun.rotate(15 * number, Image.Resampling.BILINEAR).resize((48, 48))
        disk.save(folder / f"2013-06-{number + 1:02}T000000__193.png")
    run = tmp_path / "run"
    sood("detect", "train", "-d", folder, "-o", run, *ARGS, "--target-size", 48).succeeded()
    Image.new("L", (48, 48)).save(folder / "2013-07-01T000000__193.png")
    tables = []
    for size in (2, 25):
        args = ("-l", run, "-d", folder, "-p", tmp_path / str(size), "--batch-size", size)
        shown = sood("detect", "predict", *args, "--top", 0, "--json").succeeded().json
        tables.append({row["t_obs"]: row["score"] for row in shown})
        assert shown[0]["t_obs"] == "2013-07-01T00:00:00Z" and len(shown) == 25
    assert tables[0] == pytest.approx(tables[1], rel=1e-3, abs=1e-3)


def test_an_interrupted_run_resumes_with_the_same_result(
    folder: Path, patches: Path, sood: Callable[..., Result], tmp_path: Path
) -> None:
    """The run is interrupted after the training, before both scores are standardized."""
    from astrodome import AstrodomeError
    from astrodome_sood.models.detect_network import DetectNetwork

    args = ("detect", "train", "-d", patches, "-o", tmp_path / "run", *ARGS)

    def stop(*_: object) -> None:
        raise AstrodomeError("stopped")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DetectNetwork, "set_limits", stop)
        assert "stopped" in sood(*args).err
    assert json.loads((tmp_path / "run/run.json").read_text())["status"] == "running"
    sood(*args).succeeded()
    paths = (folder, tmp_path / "run")
    straight, resumed = (load_file(path / "weights.safetensors") for path in paths)
    assert straight.keys() == resumed.keys()
    for name in straight:
        np.testing.assert_array_equal(straight[name], resumed[name], err_msg=name)
