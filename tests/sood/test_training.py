"""Files in a run folder, and resuming a run after an interruption."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from astrodome.testing import Result
from safetensors.torch import load_file
from services.starter import Starter


def losses(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open() as lines:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(lines)]


def same_weights(one: Path, other: Path) -> bool:
    a, b = (load_file(run / "weights.safetensors") for run in (one, other))
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_a_run_contains_configuration_metrics_weights_and_provenance(trained: Path):
    record = json.loads((trained / "run.json").read_text())
    assert record["status"] == "finished" and record["model"] == "ce_vae"
    assert (record["train_images"], record["validation_images"]) == (38, 10)
    assert len(record["data_digest"]) == 64 and record["versions"]["torch"] == torch.__version__
    weights = load_file(trained / "weights.safetensors")
    assert record["parameters"] == sum(w.numel() for n, w in weights.items() if n != "theta")
    rows = losses(trained)
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    assert float(rows[2]["loss"]) < float(rows[0]["loss"])
    best = min(float(row["val_loss"]) for row in rows)
    assert record["best_val_loss"] == pytest.approx(best)


def test_weights_depend_on_the_seed(
    trained: Path, patches: Path, sood: Callable[..., Result], small: tuple, tmp_path: Path
):
    for name, seed in (("same", 0), ("other", 1)):
        args = ("--data-dir", patches, "--log-dir", tmp_path / name, "--epochs", 3, "--seed", seed)
        sood("ce_vae", "train", *args, *small).succeeded()
    assert same_weights(trained, tmp_path / "same")
    assert losses(trained) == losses(tmp_path / "same")
    assert not same_weights(trained, tmp_path / "other")


def test_more_epochs_continue_a_run_without_a_difference(
    trained: Path, patches: Path, sood: Callable[..., Result], small: tuple, tmp_path: Path
):
    args = ("--data-dir", patches, "--log-dir", tmp_path / "run", *small)
    args += ("--set", "train.use_geco=true")
    for epochs in (1, 2, 4):
        sood("ce_vae", "train", *args, "--epochs", epochs).succeeded()
    straight = ("--data-dir", patches, "--log-dir", tmp_path / "straight", *small)
    straight += ("--set", "train.use_geco=true", "--epochs", 4)
    sood("ce_vae", "train", *straight).succeeded()
    assert losses(tmp_path / "run") == losses(tmp_path / "straight")
    assert same_weights(tmp_path / "run", tmp_path / "straight")
    assert float(losses(tmp_path / "run")[-1]["theta"]) != 1


def test_a_finished_run_is_not_changed(
    trained: Path, patches: Path, sood: Callable[..., Result], small: tuple
):
    before = {path: path.stat().st_mtime_ns for path in trained.iterdir() if path.suffix}
    args = ("--data-dir", patches, "--log-dir", trained, "--epochs", 3, *small, "--json")
    again = sood("ce_vae", "train", *args).succeeded()
    assert "is already finished. Increase --epochs to continue training." in again.err
    assert again.json["epochs"] == 3
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_run_is_not_resumed_with_other_settings_or_images(
    trained: Path, patches: Path, sun, sood: Callable[..., Result], small: tuple, tmp_path: Path
):
    args = ("--log-dir", trained, "--epochs", 5, *small)
    other = sood("ce_vae", "train", "--data-dir", patches, *args, "--lr", 0.1)
    assert (
        other.code == 1 and "uses train.lr 0.001, but the configuration contains 0.1" in other.err
    )
    for number in range(3):
        sun.crop((0, 0, 64, 64)).save(tmp_path / f"{number}.png")
    other = sood("ce_vae", "train", "--data-dir", tmp_path, *args)
    assert other.code == 1 and "different images" in other.err


def test_training_stops_if_the_validation_loss_no_longer_decreases(
    patches: Path, sood: Callable[..., Result], small: tuple, tmp_path: Path
):
    args = ("--data-dir", patches, "--log-dir", tmp_path / "run", *small, "--epochs", 50)
    args += ("--lr", 1e-30, "--set", "train.patience=2", "--json")
    done = sood("ce_vae", "train", *args).succeeded()
    assert done.json["stopped_early"] and done.json["epochs"] == 3
    again = sood("ce_vae", "train", *args).succeeded()
    assert "is already finished" in again.err


def test_a_loss_that_is_not_finite_is_an_error(
    patches: Path, sood: Callable[..., Result], small: tuple, tmp_path: Path
):
    args = ("--data-dir", patches, "--log-dir", tmp_path / "run", *small, "--epochs", 5)
    done = sood("ce_vae", "train", *args, "--lr", 1e6)
    assert done.code == 1 and "NaN or infinite" in done.err and "Traceback" not in done.err


def test_a_truncated_image_is_named_and_the_others_are_used(
    patches: Path, sood: Callable[..., Result], small: tuple, tmp_path: Path
):
    folder = tmp_path / "images"
    folder.mkdir()
    for path in sorted(patches.iterdir())[:12]:
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "cut.jpeg").write_bytes(path.read_bytes()[:300])
    args = ("--data-dir", folder, "--log-dir", tmp_path / "run", "--epochs", 1, *small)
    done = sood("ce_vae", "train", *args)
    assert done.code == 1 and "cut.jpeg" in done.err and "12 images used, 1 failed" in done.err
    assert (tmp_path / "run/weights.safetensors").exists()


def intact(run: Path) -> None:
    """Check that all files in the run folder are complete."""
    for path in run.iterdir():
        if path.name.startswith("."):
            continue
        if path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".safetensors":
            load_file(path)
        elif path.suffix == ".ckpt":
            torch.load(path, weights_only=True)
        elif path.suffix == ".csv":
            assert all(float(row["val_loss"]) for row in losses(run))


def test_a_killed_run_has_no_damaged_files_and_resumes_without_a_difference(
    patches: Path,
    sood: Callable[..., Result],
    small: tuple,
    tmp_path: Path,
    torture: Callable[[int, int], int],
    starter: Starter,
):
    run, straight = tmp_path / "run", tmp_path / "straight"
    epochs, kills = torture(25, 250), torture(2, 20)
    common = [*map(str, small), "--data-dir", str(patches), "--epochs", str(epochs)]
    common += ["--set", "train.early_stopping=false"]
    moments = random.Random(7)
    for _ in range(kills):
        process = starter.start("train", *common, "--log-dir", run)
        written = run / "last.ckpt"
        before = written.stat().st_mtime_ns if written.exists() else 0
        while starter.running(process) and (
            not written.exists() or written.stat().st_mtime_ns == before
        ):
            time.sleep(0.01)
        time.sleep(moments.random() * 0.3)
        assert starter.running(process), "it had ended already"
        starter.kill(process)
        starter.wait(process)
        intact(run)
    sood("ce_vae", "train", *common, "--log-dir", run).succeeded()
    assert json.loads((run / "run.json").read_text())["epochs"] == epochs
    assert not list(run.glob(".*.part*"))
    sood("ce_vae", "train", *common, "--log-dir", straight).succeeded()
    assert losses(run) == losses(straight)
    assert same_weights(run, straight)


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        (signal.SIGTERM, 1, "stopped by SIGTERM"),
        (signal.SIGINT, 130, "Run the same command again to resume."),
    ],
)
def test_a_run_that_is_stopped_by_sigterm_or_ctrl_c_resumes(
    patches: Path,
    sood: Callable[..., Result],
    small: tuple,
    tmp_path: Path,
    starter: Starter,
    number: int,
    code: int,
    words: str,
):
    run = tmp_path / "run"
    common = [*map(str, small), "--data-dir", str(patches), "--log-dir", str(run)]
    process = starter.start("train", *common, "--epochs", 5000)
    while starter.running(process) and not (run / "last.ckpt").exists():
        time.sleep(0.01)
    os.kill(process, number)
    stopped = starter.wait(process)
    assert stopped.code == code and words in stopped.err, stopped
    assert "Traceback" not in stopped.err, stopped
    assert json.loads((run / "run.json").read_text())["status"] == "running"
    epochs = len(losses(run)) + 1
    sood("ce_vae", "train", *common, "--epochs", epochs).succeeded()
    assert json.loads((run / "run.json").read_text())["epochs"] == epochs
