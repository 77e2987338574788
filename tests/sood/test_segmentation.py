"""The model ``segmentation``: generated defects, training, and scores for images of any size."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from astrodome import AstrodomeError
from astrodome.testing import Result, run
from astrodome_sood import config
from astrodome_sood.models import defects
from astrodome_sood.models.segmentation import EpochImages, SegmentationModel
from astrodome_sood.models.unet import UNet
from PIL import Image
from safetensors.torch import load_file

ARGS = ("--target-size", 32, "-fm", "4,8,16", "--devices", "cpu", "--set")
ARGS += ("model.options.epoch_images=96", "--batch-size", 16)


@pytest.fixture
def crops(sun: Image.Image) -> torch.Tensor:
    """Return 64 patches on the disk with shape (N, 1, 32, 32)."""
    whole = np.asarray(sun, np.float32) / 127.5 - 1
    corners = np.random.default_rng(1).integers(60, 330 - 32, (64, 2))
    return torch.from_numpy(np.stack([whole[None, y : y + 32, x : x + 32] for x, y in corners]))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_changed_pixels_are_labeled_and_other_pixels_are_not_changed(crops: torch.Tensor) -> None:
    changed, labels = defects.add_defects(crops, seeded())
    assert changed.shape == crops.shape and labels.shape == (64, 32, 32)
    assert changed.abs().max() <= 1 and set(labels.unique().tolist()) == {0, 1}
    difference = (changed - crops).abs()[:, 0]
    sums, sizes = (difference * labels).sum(dim=(1, 2)), labels.sum(dim=(1, 2))
    assert (sums[sizes > 0] / sizes[sizes > 0] > defects.MIN_CHANGE).all()
    unchanged = difference.flatten(1).amax(dim=1) == 0
    assert 4 <= int(unchanged.sum()) <= 32, "a quarter of the images is not changed"
    assert not labels[unchanged].any()
    assert 0.01 < labels.mean() < 0.3


def test_the_generator_determines_the_defects(crops: torch.Tensor) -> None:
    one, same, other = (defects.add_defects(crops, seeded(n))[0] for n in (0, 0, 1))
    assert torch.equal(one, same) and not torch.equal(one, other)


@pytest.mark.parametrize("family", defects.FAMILIES)
def test_each_family_makes_visible_changes(crops: torch.Tensor, family: str) -> None:
    changed, labels = defects.add_defects(crops, seeded(), [family])
    assert changed.isfinite().all() and labels.sum() > 50


@pytest.mark.parametrize("shape", defects.SHAPES)
@pytest.mark.parametrize("size", [(32, 32), (5, 9), (1, 1)])
def test_regions_are_inside_images_of_any_size(
    shape: Callable[..., torch.Tensor], size: tuple[int, int]
) -> None:
    region = shape(40, size, seeded())
    assert region.shape == (40, *size) and region.any()


@pytest.mark.parametrize("size", [(1, 3, 8, 8), (3, 2, 33, 20), (1, 1, 1, 1)])
def test_defects_are_generated_for_images_of_any_size(size: tuple[int, ...]) -> None:
    changed, labels = defects.add_defects(torch.zeros(size), seeded())
    assert changed.shape == size and labels.shape == (size[0], *size[2:])


def test_an_invisible_change_is_undone_and_not_labeled() -> None:
    images = torch.zeros(32, 1, 32, 32)
    for family in ("another", "smoothed", "constant"):
        changed, labels = defects.add_defects(images, seeded(), [family])
        assert torch.equal(changed, images) and not labels.any()


def test_images_are_mirrored_and_rotated_at_random(crops: torch.Tensor) -> None:
    found = defects.random_orientations(crops, seeded())
    variants = [crops, crops.flip(-1), crops.flip(-2), crops.flip(-1, -2)]
    variants += [each.transpose(-1, -2) for each in variants]
    equal = torch.stack([(found == each).flatten(1).all(dim=1) for each in variants])
    assert equal.any(dim=0).all() and (equal.sum(dim=1) >= 2).all()


def test_crops_are_parts_of_the_image() -> None:
    images = torch.arange(2 * 10 * 12.0).view(2, 1, 10, 12)
    found = defects.random_crops(images, 4, seeded())
    assert found.shape == (2, 1, 4, 4)
    for crop in found[:, 0]:
        assert torch.equal(crop - crop[0, 0], images[0, 0, :4, :4])
    assert defects.random_crops(images, 12, seeded()) is images


@pytest.mark.parametrize("count", [3, 40])
def test_an_epoch_has_a_fixed_number_of_images(count: int) -> None:
    images = EpochImages(range(count), 20)  # type: ignore[arg-type]
    order = images.order(seeded())
    assert len(images) == len(order) == 20
    assert np.bincount(order, minlength=count).max() <= -(-20 // count)
    assert order != images.order(seeded(1))


@pytest.fixture(scope="module")
def folder(patches: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a small network for three epochs."""
    path = tmp_path_factory.mktemp("runs") / "segmentation"
    args = ("segmentation", "train", "-d", patches, "-o", path, "--epochs", 3, *ARGS)
    run("sdo", "sood", *args, plugin="astrodome_sood.plugin").succeeded()
    return path


def loaded(folder: Path) -> SegmentationModel:
    given = {"model.load_path": str(folder), "devices.gpus": 0}
    model = SegmentationModel()
    model.load(folder, config.load(None, given, from_run=True, model="segmentation").plain())
    return model


def test_training_decreases_the_loss_and_records_the_run(folder: Path) -> None:
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "finished" and record["epochs"] == 3
    losses = [line.split(",") for line in (folder / "metrics.csv").read_text().splitlines()]
    column = losses[0].index("loss")
    assert float(losses[-1][column]) < float(losses[1][column])


def test_the_scores_of_an_image_do_not_depend_on_the_batch(
    folder: Path, crops: torch.Tensor
) -> None:
    model, images = loaded(folder), crops[:12].numpy()
    maps, scores = model.score_map(images), model.score(images)
    assert maps.shape == (12, 32, 32) and scores.shape == (12,)
    np.testing.assert_allclose(model.score_map(images[5:6]), maps[5:6], atol=1e-4)
    np.testing.assert_allclose(model.score(images[::-1])[::-1], scores, atol=1e-4)
    largest = np.sort(maps.reshape(12, -1), axis=1)[:, -31:]
    np.testing.assert_allclose(scores, largest.mean(axis=1), atol=1e-4)


@pytest.mark.parametrize("size", [(1, 1), (5, 9), (64, 48)])
def test_images_of_any_size_are_scored(folder: Path, size: tuple[int, int]) -> None:
    maps = loaded(folder).score_map(np.zeros((2, 1, *size), np.float32))
    assert maps.shape == (2, *size) and np.isfinite(maps).all()


def test_the_network_is_small() -> None:
    net = UNet(32, 1, (16, 32, 64))
    assert sum(weight.numel() for weight in net.parameters()) == pytest.approx(98_000, rel=0.02)


def test_several_channels_are_segmented() -> None:
    net = UNet(32, 3, (4, 8)).eval()
    assert net(torch.zeros(2, 3, 16, 16)).shape == (2, 16, 16)


def test_a_run_that_is_continued_has_the_same_losses(
    folder: Path, patches: Path, sood: Callable[..., Result], tmp_path: Path
) -> None:
    """The learning rate depends on the final number of epochs, so it is the same in all runs."""
    import lightning.pytorch as pl
    from astrodome_sood.models import fit

    args = ("segmentation", "train", "-d", patches, "-o", tmp_path / "run", "--epochs", 3, *ARGS)

    start = fit.RunRecorder.on_train_epoch_start

    def stop(self: fit.RunRecorder, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        start(self, trainer, module)
        if trainer.current_epoch == 1:
            raise AstrodomeError("stopped")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit.RunRecorder, "on_train_epoch_start", stop)
        assert "stopped" in sood(*args).err
    sood(*args).succeeded()
    straight, resumed = (
        load_file(path / "weights.safetensors") for path in (folder, tmp_path / "run")
    )
    assert all(torch.equal(straight[name], resumed[name]) for name in straight)


def test_an_unknown_family_is_an_error(
    patches: Path, sood: Callable[..., Result], tmp_path: Path
) -> None:
    args = ("segmentation", "train", "-d", patches, *ARGS, "-o")
    failed = sood(*args, tmp_path / "unknown", "--set", "model.options.leave_out=[blurred]")
    assert failed.code
    assert "Unknown family of defects 'blurred'" in failed.err and "smoothed" in failed.err
    failed = sood(
        *args, tmp_path / "all", "--set", f"model.options.leave_out=[{','.join(defects.FAMILIES)}]"
    )
    assert "contains all families" in failed.err
