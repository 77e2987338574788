"""Train a model, and record the run."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from astrodome import AstrodomeError, InvalidInputError, files, models, settings
from astrodome.runs import Run, provenance

from .config import Config
from .model_options import TASK, completed
from .nested import flatten
from .protocols import ImageDataset, ImageSet

DISTRIBUTIONS = ("astrodome-sood", "torch", "lightning", "numpy", "pillow")
CHANGEABLE_KEYS = (
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
"""Configuration keys, and prefixes of keys, that may differ when a run is resumed.

The location of the images may differ because a digest identifies the images."""


@dataclass(frozen=True)
class TrainingResult:
    """Result of :func:`train_run`.

    ``trained`` is False if the run was already finished. In distributed training, ``is_primary`` is
    True only in the process that writes to the run folder.
    """

    run: Run
    trained: bool = True
    is_primary: bool = True

    def summary(self) -> dict[str, Any]:
        """Return the path of the run folder, and the most important values in the run record."""
        record = self.run.record
        keys = ["model", "parameters", "train_images", "validation_images", "epochs"]
        keys += ["stopped_early", "best_epoch", "best_val_loss", "seconds"]
        return {"run": str(self.run.path), **{key: record[key] for key in keys if key in record}}


def train_run(model: str, images: ImageDataset, config: Config) -> TrainingResult:
    """Train a model, or resume an interrupted training run.

    The run folder is ``log_dir``, or by default ``runs/MODEL`` in the current folder. Raises
    AstrodomeError if this folder contains a run with a different model, configuration or images, or
    if another process is using the folder.
    """
    backend = models.get(TASK, model)
    if not hasattr(backend, "train"):
        raise InvalidInputError(f"The model {model} does not support training.")
    path = config.log_dir or Path("runs") / model
    if not _is_primary():
        run = Run(path)
        backend.train(*_split(images, config), run, config.plain())
        return TrainingResult(run, is_primary=False)
    with files.lock(path / ".lock", timeout=0):
        files.sweep(path)
        digest = images.digest()
        _check_same_run(path, model, config, digest)
        earlier = Run(path).record
        if earlier.get("status") == "finished" and earlier["n_epochs"] >= config.train.n_epochs:
            return TrainingResult(Run(path), trained=False)
        parts = _split(images, config)
        run = Run.start(
            path,
            TASK,
            model,
            config.plain(),
            options=config.model.options,
            data_dir=images.location,
            n_epochs=config.train.n_epochs,
            images=len(images),
            train_images=len(parts[0]),
            validation_images=len(parts[1]),
            unreadable_images=[name for name, _ in images.failed],
            data_digest=digest,
            seed=config.seed,
            **provenance(DISTRIBUTIONS, TASK, [model]),
        )
        started = time.monotonic()
        backend.train(*parts, run, config.plain())
        run.finish(seconds=round(time.monotonic() - started, 1))
    return TrainingResult(run)


def _is_primary() -> bool:
    """Return whether the current process writes to the run folder.

    In distributed training, only one process writes to it.
    """
    names = ("RANK", "SLURM_PROCID", "LOCAL_RANK")  # Set by torchrun, Slurm and Lightning
    return all(os.environ.get(name, "0") in ("", "0") for name in names)


def _split(images: ImageDataset, config: Config) -> tuple[ImageSet, ImageSet]:
    return images.split(config.data.validation_share, config.seed)


def _check_same_run(path: Path, model: str, config: Config, digest: str) -> None:
    if not (path / "run.json").exists():
        return
    if Run.open(path, TASK, model).record.get("data_digest") != digest:
        raise AstrodomeError(
            f"The run in {path} was trained with different images.", "Choose another run folder."
        )
    plain = settings.read_yaml(path / "config.yaml")
    if isinstance(section := plain.get("model"), dict):
        section["options"] = completed(model, section.get("options", {}))
    saved = dict(flatten(plain))
    for key, value in flatten(config.plain()):
        if saved.get(key) != value and not key.startswith(CHANGEABLE_KEYS):
            raise AstrodomeError(
                f"The run in {path} uses {key} {saved.get(key)}, but the configuration contains "
                f"{value}.",
                "Choose another run folder, or use the same configuration to resume the run.",
            )
