"""A training run from a folder of images to a finished run folder, whatever the model."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from astrodome import AstrodomeError, compute, files, models, settings
from astrodome.runs import Run, provenance

from . import config as configuration
from .datasets.loading import TRAIN, location, open_images
from .protocols import ImageSet

TASK = "sood"
DISTRIBUTIONS = ("astrodome-sood", "torch", "lightning", "numpy", "pillow")
FREE = (
    "train.n_epochs",
    "train.print_every_iter",
    "train.profile",
    "train.wandb_run_id",
    "train.logger",
    "data.data_dir",
    "data.num_data_loader_workers",
    "data.pin_memory",
    "data.prefetch_factor",
    "model.load_path",
    "predict.",
    "devices.",
    "log_dir",
    "debug",
)
"""Keys that may differ when a run goes on; whether the images are the same, their digest says."""


def run_folder(model: str, config: configuration.Config) -> Path:
    """Where a run goes: ``log_dir``, or ``runs/MODEL`` in the current folder."""
    return config.log_dir or Path("runs") / model


def primary() -> bool:
    """Whether this process is the one, of those that train together, that keeps the run folder."""
    names = ("RANK", "SLURM_PROCID", "LOCAL_RANK")  # torchrun's, Slurm's, Lightning's own
    return all(os.environ.get(name, "0") in ("", "0") for name in names)


def train(model: str, config: configuration.Config) -> tuple[Run, compute.Outcome, bool]:
    """Train a model, or go on with its run; gives the run, what became of the images, and
    whether there was anything left to train.

    Raises AstrodomeError when the run folder holds a run of another model, data or
    configuration, or another process trains in it.
    """
    backend = models.get(TASK, model)
    path = run_folder(model, config)
    if not primary():
        return _join(backend, Run(path), config)
    with files.lock(path / ".lock", timeout=0):
        files.sweep(path)
        images = open_images(config, TRAIN)
        data_digest = images.digest()
        _check_same_run(path, model, config, data_digest)
        outcome = compute.Outcome(done=len(images), failed=images.failed)
        earlier = Run(path).record
        if earlier.get("status") == "finished" and earlier["n_epochs"] >= config.train.n_epochs:
            return Run(path), outcome, False
        training, validation = images.split(config.data.validation_share, config.seed)
        run = Run.start(
            path,
            TASK,
            model,
            config.plain(),
            data_dir=location(config),
            n_epochs=config.train.n_epochs,
            images=len(images),
            **_split(training, validation),
            train_images=len(training),
            validation_images=len(validation),
            unreadable_images=[name for name, _ in images.failed],
            data_digest=data_digest,
            seed=config.seed,
            **provenance(DISTRIBUTIONS, TASK, [model]),
        )
        started = time.monotonic()
        backend.train(training, validation, run, config.plain())
        run.finish(seconds=round(time.monotonic() - started, 1))
    return run, outcome, True


def _split(*parts: ImageSet) -> dict[str, Any]:
    """Which stretches of time are for training and for validation, where that is how they split."""
    told = [getattr(part, "chunks", None) for part in parts]
    return {"split": dict(zip((TRAIN, "validation"), told, strict=True))} if all(told) else {}


def _join(
    backend: Any, run: Run, config: configuration.Config
) -> tuple[Run, compute.Outcome, bool]:
    """Take this process's part in a training that another process leads, which tells of it."""
    images = open_images(config, TRAIN)
    training, validation = images.split(config.data.validation_share, config.seed)
    backend.train(training, validation, run, config.plain())
    raise SystemExit(0)


def summary(run: Run) -> dict[str, Any]:
    """What a training came to, in a line for each."""
    record = run.record
    keys = ["model", "parameters", "train_images", "validation_images", "epochs"]
    keys += ["stopped_early", "best_epoch", "best_val_loss", "seconds"]
    return {"run": str(run.path), **{key: record[key] for key in keys if key in record}}


def _check_same_run(path: Path, model: str, config: configuration.Config, data_digest: str) -> None:
    if not (path / "run.json").exists():
        return
    earlier = Run.open(path, TASK, model).record
    if earlier.get("data_digest") != data_digest:
        raise AstrodomeError(
            f"{path} holds a run on other images.", "Choose another --log-dir for these."
        )
    saved = dict(_leaves(settings.read_yaml(path / "config.yaml")))
    for key, value in _leaves(config.plain()):
        if saved.get(key) != value and not key.startswith(FREE):
            raise AstrodomeError(
                f"{path} holds a run with {key} {saved.get(key)}, not {value}.",
                "Choose another --log-dir, or the same configuration to go on.",
            )


def _leaves(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
