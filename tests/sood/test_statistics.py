"""The model ``statistics``: local statistics, scores in both directions, and explanations."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from astrodome import AstrodomeError, InvalidInputError
from astrodome.runs import Run
from astrodome.testing import Result, run
from astrodome_sood import config
from astrodome_sood.models import weights
from astrodome_sood.models.local_statistics import FLOOR, SIGMAS, STATISTICS, local_statistics
from astrodome_sood.models.statistics import StatisticsModel
from PIL import Image
from scipy.ndimage import gaussian_filter, maximum_filter

SIZE = 32
ARGS = ("--target-size", SIZE, "--devices", "cpu")


class Images:
    """Images in memory."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels = pixels.astype(np.float32)

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> np.ndarray:
        return self.pixels[index]

    def batch(self, indices: list[int]) -> np.ndarray:
        return self.pixels[list(indices)]


def crops(sun: Image.Image, count: int, seed: int, size: int = SIZE) -> np.ndarray:
    """Return random patches on the disk with shape (N, 1, size, size)."""
    whole = np.asarray(sun, np.float32) / 127.5 - 1
    corners = np.random.default_rng(seed).integers(60, 330 - size, (count, 2))
    return np.stack([whole[None, y : y + size, x : x + size] for x, y in corners])


def fitted(pixels: np.ndarray, folder: Path, seed: int = 0, **options: str) -> StatisticsModel:
    """Train a model, and load it from its run folder."""
    settings = config.load(None, {"seed": seed, "model.options": options}).plain()
    training = Run.start(folder, "sood", "statistics", settings)
    share = max(1, len(pixels) // 5)
    StatisticsModel().train(Images(pixels[share:]), Images(pixels[:share]), training, settings)
    model = StatisticsModel()
    model.load(folder, settings)
    return model


@pytest.fixture(scope="module")
def model(sun: Image.Image, tmp_path_factory: pytest.TempPathFactory) -> StatisticsModel:
    return fitted(crops(sun, 200, 1), tmp_path_factory.mktemp("runs") / "statistics")


@pytest.fixture(scope="module")
def normal(sun: Image.Image) -> np.ndarray:
    return crops(sun, 100, 2)


def test_the_statistics_are_those_of_scipy(normal: np.ndarray) -> None:
    images = normal[:3].astype(np.float64)
    found = local_statistics(torch.from_numpy(images)).numpy()
    assert found.shape == (3, len(STATISTICS), SIZE // 2, SIZE // 2)

    def smooth(x: np.ndarray, sigma: float) -> np.ndarray:
        return gaussian_filter(x, (0, sigma, sigma), mode="reflect")

    def pooled(x: np.ndarray) -> np.ndarray:
        return x.reshape(3, SIZE // 2, 2, SIZE // 2, 2).mean(axis=(2, 4))

    x = images[:, 0]
    band = x - smooth(x, SIGMAS[0])
    energy = 0.5 * np.log(smooth(band**2, 1.2 * SIGMAS[0]) + FLOOR**2)
    expected = {
        "band_1": band,
        "energy_1": energy,
        "intensity": smooth(x, SIGMAS[3]),
        "maximum": maximum_filter(x, (0, 3, 3), mode="nearest"),
    }
    names = [each.name for each in STATISTICS]
    for name, value in expected.items():
        result = found[:, names.index(name)]
        np.testing.assert_allclose(result, pooled(value), atol=2e-4, err_msg=name)


@pytest.mark.parametrize("shape", [(1, 1), (2, 5), (33, 32), (7, 40)])
def test_images_of_any_size_are_scored(model: StatisticsModel, shape: tuple[int, int]) -> None:
    images = np.random.default_rng(0).uniform(-1, 1, (2, 1, *shape)).astype(np.float32)
    assert np.isfinite(model.score(images)).all() and model.score(images).shape == (2,)
    maps = model.score_map(images)
    assert maps.shape == (2, *shape) and np.isfinite(maps).all()
    assert len(model.explain(images)) == 2


def spoiled(images: np.ndarray) -> dict[str, np.ndarray]:
    """Return five frames that the camera could deliver, keyed by their defect."""
    gray = (images + 1) / 2
    frames = {
        "black": np.zeros_like(gray[0]),
        "white": np.ones_like(gray[0]),
        "flat": np.full_like(gray[0], gray.mean()),
        "underexposed": gray[0] * 0.1,
        "defocused": gaussian_filter(gray[1], (0, 2, 2)),
    }
    return {name: (frame * 2 - 1).astype(np.float32) for name, frame in frames.items()}


@pytest.mark.parametrize("defect", ["black", "white", "flat", "underexposed", "defocused"])
def test_a_spoiled_frame_is_in_the_top_five_percent(
    model: StatisticsModel, normal: np.ndarray, defect: str
) -> None:
    score = model.score(spoiled(normal)[defect][None])[0]
    assert (model.score(normal) >= score).sum() <= 0.05 * len(normal)


def test_scores_do_not_depend_on_the_batch_or_the_order(
    model: StatisticsModel, normal: np.ndarray
) -> None:
    images = normal[:20]
    scores, maps = model.score(images), model.score_map(images)
    alone = np.concatenate([model.score(each[None]) for each in images])
    np.testing.assert_allclose(scores, alone, rtol=1e-4)
    np.testing.assert_allclose(scores, model.score(images[::-1])[::-1], rtol=1e-4)
    np.testing.assert_allclose(maps[7:8], model.score_map(images[7:8]), rtol=1e-3, atol=1e-3)


def test_the_largest_pixel_scores_are_in_the_changed_region(
    model: StatisticsModel, normal: np.ndarray
) -> None:
    changed = normal[:10].copy()
    changed[:, :, 20:28, 4:12] = 1
    for scores in model.score_map(changed):
        row, column = np.unravel_index(scores.argmax(), scores.shape)
        assert 17 <= row <= 30 and 1 <= column <= 14


def test_an_explanation_names_the_statistic_its_direction_and_its_place(
    model: StatisticsModel, normal: np.ndarray
) -> None:
    defocused = gaussian_filter(normal[:5], (0, 0, 2, 2))
    for found in model.explain(defocused):
        assert found.deviation < -3
        assert found.statistic.startswith(("energy", "gradient"))
        assert (found.row, found.column) == ((SIZE - 1) / 2, (SIZE - 1) / 2)
        assert "σ below the training images" in found.text and ": defocus or" in found.text
    changed = normal[:5].copy()
    changed[:, :, 2:8, 22:28] = 1
    for found in model.explain(changed):
        assert found.deviation > 3 and found.row < 16 < found.column
        assert f"near row {found.row:.0f}, column {found.column:.0f}" in found.text


def test_the_seed_determines_the_result(
    sun: Image.Image, normal: np.ndarray, tmp_path: Path
) -> None:
    pixels = crops(sun, 60, 3)
    one, same, other = (
        fitted(pixels, tmp_path / str(number), seed) for number, seed in enumerate((0, 0, 1))
    )
    np.testing.assert_array_equal(one.score(normal), same.score(normal))
    assert not np.array_equal(one.score(normal), other.score(normal))


def disks(count: int, size: int = 64) -> np.ndarray:
    """Return disks of constant brightness with noise, each with a bright active region belt."""
    random = np.random.default_rng(5)
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    disk = np.hypot(x, y) < 0.4 * size
    belt = disk & (np.abs(y) < 0.1 * size)
    grain = gaussian_filter(random.normal(0, 0.3, (count, size, size)), (0, 1, 1))
    image = -1 + 0.8 * disk + 0.5 * belt + disk * grain
    return np.clip(image, -1, 1)[:, None].astype(np.float32)


def test_full_disks_are_recognized_and_compared_cell_by_cell(tmp_path: Path) -> None:
    pixels = disks(60)
    auto = fitted(pixels[:50], tmp_path / "auto")
    patches = fitted(pixels[:50], tmp_path / "patches", layout="patches")
    assert auto.net.cells > 1 and Run(tmp_path / "auto").record["layout"] == "disks"
    assert patches.net.cells == 1
    moved = pixels[50:].copy()  # The polar region is as bright as the belt.
    moved[:, :, 12:20, 26:38] += 0.5
    gain = [
        each.score_map(moved)[:, 12:20, 26:38].mean()
        - each.score_map(pixels[50:])[:, 12:20, 26:38].mean()
        for each in (auto, patches)
    ]
    assert gain[0] > 2 * max(gain[1], 0.5)


def test_several_channels_are_used(tmp_path: Path, sun: Image.Image) -> None:
    one = crops(sun, 80, 4)
    pixels = np.concatenate([one, one[:, :, ::-1]], axis=1)
    model = fitted(pixels, tmp_path / "run")
    changed = pixels[:3].copy()
    changed[:, 1] = gaussian_filter(changed[:, 1], (0, 3, 3))
    assert (model.score(changed) > model.score(pixels[:3])).all()
    assert all(each.text.startswith("channel 2: ") for each in model.explain(changed))
    with pytest.raises(AstrodomeError, match="Invalid number of image channels 1: expected 2"):
        model.score(one)


def test_a_thousand_images_per_second_are_scored(
    model: StatisticsModel, normal: np.ndarray
) -> None:
    images = np.concatenate([normal] * 5)
    model.score(images[:100])
    started = time.process_time()
    model.score(images)
    assert len(images) / (time.process_time() - started) > 500, "expected 1,000 on an idle core"


@pytest.mark.parametrize("count", [2, 3])
def test_a_few_constant_images_are_sufficient(tmp_path: Path, count: int) -> None:
    model = fitted(np.zeros((count, 1, 8, 8)), tmp_path / "run")
    scores = model.score(np.stack([np.zeros((1, 8, 8)), np.ones((1, 8, 8))]).astype(np.float32))
    assert np.isfinite(scores).all() and scores[1] > scores[0]


def test_an_unknown_layout_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AstrodomeError, match="should be 'auto', 'patches' or 'disks', got 'disk'"):
        fitted(np.zeros((2, 1, 8, 8)), tmp_path / "run", layout="disk")


def test_weights_of_another_model_are_an_error(trained: Path, tmp_path: Path) -> None:
    model = StatisticsModel()
    with pytest.raises(AstrodomeError, match="expected weights of statistics, got weights of ce_"):
        model.load(trained / weights.WEIGHTS, {"devices": {"gpus": 0}})
    with pytest.raises(InvalidInputError, match="The model statistics requires trained weights"):
        model.load(None, {"devices": {"gpus": 0}})


@pytest.fixture(scope="module")
def folder(patches: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "commands"
    args = ("statistics", "train", "-d", patches, "-o", path, *ARGS)
    run("sdo", "sood", *args, plugin="astrodome_sood.plugin").succeeded()
    return path


def test_the_table_and_the_report_contain_the_explanations(
    folder: Path, patches: Path, sood: Callable[..., Result], tmp_path: Path
) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for path in sorted(patches.iterdir())[:12]:
        (images / path.name).write_bytes(path.read_bytes())
    Image.new("L", (SIZE, SIZE)).save(images / "2013-06-24T173130__193__black.png")
    args = ("-l", folder, "-d", images, "-p", folder / "predictions", "--json")
    rows = sood("statistics", "predict", *args).succeeded().json
    assert "black" in rows[0]["path"] and "σ below the training images" in rows[0]["explanation"]
    table = pq.read_table(folder / "predictions/predictions.parquet").to_pylist()
    assert table[0]["deviation"] < -3 and table[0]["center_row"] >= 0 and table[0]["statistic"]
    maps = ("-l", folder, "-d", images, "-p", folder / "predictions", "-m", "pixel")
    sood("statistics", "predict", *maps).succeeded()
    sood("report", folder).succeeded()
    page = (folder / "report.html").read_text("utf-8")
    most, _, least = page.partition("Least anomalous")
    assert rows[0]["explanation"] in most and least and 'class="explanation"' not in least


def test_an_evaluation_compares_the_model_with_the_baseline(
    folder: Path, patches: Path, sood: Callable[..., Result], tmp_path: Path
) -> None:
    args = ("-d", patches, "--out", tmp_path, "--bootstrap", 10, "--kinds", "occult", "--json")
    found = sood("evaluate", folder, "threshold", *args).succeeded().json["models"]
    assert {row["model"] for row in found} == {"statistics", "threshold"}
    assert found[0]["auroc"] > 0.6
    assert json.loads((folder / "run.json").read_text())["layout"] == "patches"
