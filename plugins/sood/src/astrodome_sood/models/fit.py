"""Train a network with Lightning. A resumed run has the same result as an uninterrupted run.

All random numbers are determined by the seed and the epoch number. The checkpoint is the last file
that is written in each epoch. A resumed run repeats all steps after the last checkpoint.
"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pandas as pd
import torch
from astrodome import AstrodomeError, files
from astrodome.runs import Run
from lightning.pytorch.callbacks import Callback, EarlyStopping
from lightning.pytorch.loggers import Logger, TensorBoardLogger, WandbLogger
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.profilers import SimpleProfiler
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import nn

from .. import progress
from ..library_warnings import without_warnings
from ..protocols import ImageSet
from . import devices, weights
from .batches import loader
from .lightning_module import TrainingModule

CHECKPOINT = "last.ckpt"
METRICS = "metrics.csv"


def fit(
    model: str,
    module: TrainingModule,
    train: ImageSet,
    validation: ImageSet,
    run: Run,
    config: Mapping[str, Any],
) -> None:
    """Train the network in a Lightning module, and write the results to a run folder.

    If the run folder contains a checkpoint, training resumes from it. In distributed training, the
    batches of each epoch are divided among the processes, and the first process writes to the run
    folder.
    """
    section = config["train"]
    stopping = EarlyStopping("val_loss", patience=section["patience"], check_finite=False)
    steps = section["n_epochs"] * -(-len(train) // config["data"]["batch_size"])
    checkpoint = run.path / CHECKPOINT
    with (
        progress.task("Training", steps, "steps") as task,
        without_warnings("lightning", "lightning.pytorch"),  # Warnings about unused devices
    ):
        recorder = RunRecorder(run.path, model, module.net, task, section["print_every_iter"])
        callbacks = [stopping, recorder] if section["early_stopping"] else [recorder]
        trainer = _trainer(model, run, config, callbacks)
        process = (trainer.global_rank, trainer.world_size)
        try:
            trainer.fit(
                module,
                loader(train, config, config["seed"], *process),
                loader(validation, config, None, *process),
                ckpt_path=checkpoint if checkpoint.is_file() else None,
            )
        except SIGTERMException as stopped:  # Otherwise Lightning exits with status 0.
            raise AstrodomeError(
                "Training was stopped by SIGTERM.", "Run the same command again to resume."
            ) from stopped
        except SystemExit as left:  # Lightning raises SystemExit after Ctrl-C.
            if isinstance(left.__context__, KeyboardInterrupt):
                raise KeyboardInterrupt from left
            raise
    if trainer.is_global_zero:
        run.note(
            parameters=sum(weight.numel() for weight in module.net.parameters()),
            epochs=trainer.current_epoch,
            stopped_early=stopping.stopped_epoch > 0,
            best_epoch=recorder.best_epoch,
            best_val_loss=recorder.best,
            precision=trainer.precision.partition("-")[0],
            devices=trainer.world_size,
        )


def _trainer(
    model: str, run: Run, config: Mapping[str, Any], callbacks: Sequence[Callback]
) -> pl.Trainer:
    section = config["train"]
    hardware = devices.trainer_devices(config)
    precision = devices.training_precision(config, hardware["accelerator"])
    batches = section["fast_dev_run"] or 1.0
    return pl.Trainer(
        **hardware,
        precision=devices.LIGHTNING_PRECISION[precision],  # type: ignore[arg-type]
        max_epochs=1 if section["fast_dev_run"] else section["n_epochs"],
        limit_train_batches=batches,
        limit_val_batches=batches,
        callbacks=list(callbacks),
        log_every_n_steps=section["print_every_iter"],
        plugins=[AtomicCheckpointIO()],
        profiler=SimpleProfiler(run.path, "profile") if section["profile"] else None,
        num_sanity_val_steps=0,
        logger=loggers(model, run, config),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


def loggers(model: str, run: Run, config: Mapping[str, Any]) -> list[Logger] | bool:
    """Return the configured loggers, or False if none are configured.

    ``metrics.csv`` is always written and needs no logger. Raises AstrodomeError if the library for
    a logger is not installed.
    """
    section = config["train"]
    found: list[Logger] = []
    for name in dict.fromkeys(section["logger"] + ["wandb"] * bool(section["wandb_run_id"])):
        try:
            if name == "tensorboard":
                found.append(TensorBoardLogger(run.path, name=None, version="tensorboard"))
            else:
                found.append(
                    WandbLogger(
                        run.path.resolve().name,
                        save_dir=run.path,
                        id=section["wandb_run_id"],
                        project="sdo-sood",
                        config={"model": model, **config},
                    )
                )
        except ImportError as error:
            raise AstrodomeError(
                f"The logger '{name}' requires a library that is not installed: {error}.",
                f"pip install 'astrodome-sood[{name}]'",
            ) from error
    return found or False


class AtomicCheckpointIO(TorchCheckpointIO):
    """Checkpoint plugin that writes files atomically, and never executes code from a checkpoint."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        files.write_bytes(Path(path), buffer.getvalue())

    def load_checkpoint(self, path: Any, *_: Any, **__: Any) -> dict[str, Any]:
        try:
            return dict(torch.load(path, map_location="cpu", weights_only=True))
        except Exception as error:
            raise AstrodomeError(
                f"Cannot read the checkpoint {path}: {type(error).__name__}.",
                "Delete the checkpoint to restart the training.",
            ) from error


class RunRecorder(Callback):
    """Callback that writes metrics, the best weights and a checkpoint after each epoch.

    It also reports the progress, and the training loss after every ``every`` steps.
    """

    def __init__(
        self, folder: Path, model: str, net: nn.Module, task: progress.Task, every: int
    ) -> None:
        self.best, self.best_epoch = math.inf, -1
        self._folder, self._model, self._net = folder, model, net
        self._task, self._every = task, every
        self._rows: list[dict[str, Any]] = []

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "best_epoch": self.best_epoch, "rows": self._rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best, self.best_epoch = state_dict["best"], state_dict["best_epoch"]
        self._rows = state_dict["rows"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._task.advance(trainer.global_step)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._started = time.monotonic()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, *_: Any
    ) -> None:
        is_reported = trainer.global_step % self._every == 0
        self._task.advance(1, f"loss {outputs['loss'].item():.4f}" if is_reported else "")

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        means = {name: value.item() for name, value in trainer.callback_metrics.items()}
        means.pop("step_loss", None)
        loss, val_loss, epoch = means["loss"], means["val_loss"], trainer.current_epoch
        if not math.isfinite(loss + val_loss):
            raise AstrodomeError(
                f"The loss is NaN or infinite in epoch {epoch}.",
                "Train with a smaller learning rate (train.lr) in another run folder.",
            )
        seconds = round(time.monotonic() - self._started, 3)
        step = trainer.global_step
        self._rows.append({"epoch": epoch, "step": step, **means, "seconds": seconds})
        is_best = val_loss < self.best
        if is_best:
            self.best, self.best_epoch = val_loss, epoch
        if trainer.is_global_zero:
            if is_best:
                weights.save(self._model, self._net, self._folder / weights.WEIGHTS)
            files.write_text(self._folder / METRICS, pd.DataFrame(self._rows).to_csv(index=False))
        self._task.advance(0, f"loss {loss:.4f}, val_loss {val_loss:.4f}")
        trainer.save_checkpoint(self._folder / CHECKPOINT)
