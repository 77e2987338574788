"""Devices, precision, loggers and profiling of a training run."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from astrodome.testing import Result
from astrodome_sood.datasets.folder import FolderImages
from astrodome_sood.models.batches import BatchSampler


def last(run: Path) -> dict[str, str]:
    with (run / "metrics.csv").open() as lines:
        return list(csv.DictReader(lines))[-1]


@pytest.mark.skipif(torch.cuda.is_available(), reason="requires a machine without GPU")
@pytest.mark.parametrize("devices", ["1", "0,1", "3"])
def test_a_missing_gpu_is_an_error(
    patches: Path, sood: Callable[..., Result], tmp_path: Path, devices: str
):
    args = ("-d", patches, "--log-dir", tmp_path / "run", "--target-size", 32)
    args += ("--set", "model.fmap_sizes=[4,8]", "--devices", devices)
    failed = sood("ce_vae", "train", *args)
    assert failed.code == 1 and "GPU not found" in failed.err
    assert "devices.gpus to 0" in failed.err and "Traceback" not in failed.err


@pytest.mark.skipif(torch.cuda.is_available(), reason="requires a machine without GPU")
def test_an_unsupported_precision_is_an_error(
    trained: Path, patches: Path, sood: Callable[..., Result], small: tuple, tmp_path: Path
):
    args = ("-d", patches, "--precision", 16)
    for command in (("train", "-o", tmp_path / "run", *small), ("predict", "-l", trained)):
        failed = sood("ce_vae", *command, *args)
        assert failed.code == 1 and "not supported on CPUs" in failed.err


def test_invalid_devices_are_a_usage_error(
    patches: Path, sood: Callable[..., Result], tmp_path: Path
):
    failed = sood("ce_vae", "train", "-d", patches, "-o", tmp_path, "--devices", "many")
    assert failed.code == 2 and "Invalid devices 'many'" in failed.err


def test_bfloat16_trains_to_within_a_percent_of_the_loss_of_32_bits(
    trained: Path, patches: Path, sood: Callable[..., Result], small: tuple, tmp_path: Path
):
    args = ("-d", patches, "-o", tmp_path / "run", "--epochs", 3, *small, "--precision", "bf16")
    sood("ce_vae", "train", *args).succeeded()
    half, full = (float(last(run)["loss"]) for run in (tmp_path / "run", trained))
    assert half == pytest.approx(full, rel=0.01)
    scored = ("-l", tmp_path / "run", "-p", tmp_path / "out", "--precision", "bf16", "--json")
    sood("ce_vae", "predict", *scored).succeeded()


def test_processes_that_train_together_share_the_batches_and_write_one_run(
    patches: Path, small: tuple, tmp_path: Path
):
    command = [str(Path(sys.executable).with_name("sdo")), "sood", "ce_vae", "train"]
    words = [str(word) for word in small[:-2]]  # without the choice of the processor
    command += ["-d", str(patches), "-o", str(tmp_path / "run"), *words, "--epochs", "2"]
    command += ["--devices", "cpu:2", "--strategy", "ddp", "--json"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("best_val_loss") == 1
    row = last(tmp_path / "run")
    assert int(row["step"]) == 2 * 3  # five batches of 38 images, taken by two
    assert float(row["loss"]) > 0


def test_each_batch_is_used_by_one_process_and_all_have_the_same_number(patches: Path):
    images = FolderImages(patches, 32)
    parts = [list(BatchSampler(images, 7, seed=4, rank=rank, world=3)) for rank in range(3)]
    assert [len(part) for part in parts] == [3, 3, 3]
    taken = [tuple(batch) for part in parts for batch in part]
    assert {index for batch in taken for index in batch} == set(range(48))
    assert len(set(taken)) == 7


def test_losses_are_written_to_tensorboard_and_a_profile_to_the_run(
    patches: Path, sood: Callable[..., Result], small: tuple, tmp_path: Path
):
    args = ("-d", patches, "-o", tmp_path / "run", "--epochs", 2, *small, "--profile")
    args += ("--logger", "tensorboard", "--print-every-iter", 2)
    sood("ce_vae", "train", *args).succeeded()
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "run/tensorboard")).Reload()
    found = [event.value for event in events.Scalars("val_loss")]
    assert found[-1] == pytest.approx(float(last(tmp_path / "run")["val_loss"]), rel=1e-5)
    assert events.Scalars("step_loss")
    assert any("profile" in path.name for path in (tmp_path / "run").iterdir())


def test_a_logger_that_is_not_installed_is_an_error_with_a_hint(
    patches: Path, sood: Callable[..., Result], small: tuple, tmp_path: Path
):
    pytest.importorskip("lightning")
    try:
        import wandb  # noqa: F401
    except ImportError:
        args = ("-d", patches, "-o", tmp_path / "run", "--epochs", 1, *small, "--logger", "wandb")
        failed = sood("ce_vae", "train", *args)
        assert failed.code == 1 and "astrodome-sood[wandb]" in failed.err
    else:
        pytest.skip("wandb is installed")


def test_training_starts_from_the_given_weights(
    trained: Path, patches: Path, sood: Callable[..., Result], small: tuple, tmp_path: Path
):
    args = ("-d", patches, *small, "--epochs", 1, "--lr", 1e-12, "--load-path", trained)
    sood("ce_vae", "train", *args, "-o", tmp_path / "tuned").succeeded()
    best = json.loads((trained / "run.json").read_text())["best_val_loss"]
    assert float(last(tmp_path / "tuned")["val_loss"]) == pytest.approx(best, rel=1e-5)
