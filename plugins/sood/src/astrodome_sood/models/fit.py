"""Train a network with Lightning. A resumed run has the same result as an uninterrupted run.

All random numbers are determined by the seed and the epoch number. The checkpoint is the last file
that is written in each epoch. A resumed run repeats all steps after the last checkpoint and obtains
the same results.
"""

from __future__ import annotations

import io
import logging
import math
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from astrodome import AstrodomeError, files
from astrodome.runs import Run
from lightning.pytorch.callbacks import Callback, EarlyStopping
from lightning.pytorch.loggers import Logger
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.profilers import SimpleProfiler
from lightning.pytorch.utilities.exceptions import SIGTERMException

from .. import progress
from ..protocols import ImageSet
from . import devices, weights
from .batches import loader
from .lightning_module import AutoencoderModule, mean_losses, training_module
from .network import Autoencoder

CHECKPOINT = "last.ckpt"
METRICS = "metrics.csv"


def fit(
    model: str,
    net: Autoencoder,
    train: ImageSet,
    validation: ImageSet,
    run: Run,
    config: Mapping[str, Any],
) -> None:
    """Train a network, and write the results to a run folder.

    If the run folder contains a checkpoint, training resumes from it. If several processes train
    together, they share the batches of each epoch, and the first process writes to the run folder.
    """
    section = config["train"]
    recorder = RunRecorder(run.path, model, net)
    stopping = EarlyStopping("val_loss", patience=section["patience"], check_finite=False)
    steps = section["n_epochs"] * -(-len(train) // config["data"]["batch_size"])
    checkpoint = run.path / CHECKPOINT
    with progress.task("Training", steps, "steps") as task, _without_lightning_messages():
        callbacks: list[Callback] = [recorder, ProgressReporter(task, section["print_every_iter"])]
        if section["early_stopping"]:
            callbacks.insert(0, stopping)
        trainer = _trainer(model, run, config, callbacks)
        process = (trainer.global_rank, trainer.world_size)
        try:
            trainer.fit(
                training_module(net, config),
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
            parameters=sum(weight.numel() for weight in net.parameters()),
            epochs=trainer.current_epoch,
            stopped_early=stopping.stopped_epoch > 0,
            best_epoch=recorder.best_epoch,
            best_val_loss=recorder.best,
            precision=trainer.precision.partition("-")[0],
            devices=trainer.world_size,
        )


def _trainer(
    model: str, run: Run, config: Mapping[str, Any], callbacks: list[Callback]
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
        callbacks=callbacks,
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
    names = dict.fromkeys(section["logger"] + (["wandb"] if section["wandb_run_id"] else []))
    found: list[Logger] = []
    for name in names:
        try:
            if name == "tensorboard":
                import tensorboard  # noqa: F401
                from lightning.pytorch.loggers import TensorBoardLogger

                found.append(TensorBoardLogger(run.path, name=None, version="tensorboard"))
            else:
                import wandb  # noqa: F401
                from lightning.pytorch.loggers import WandbLogger

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
                f"The logger '{name}' needs a library that is not installed: {error}.",
                f"pip install 'astrodome-sood[{name}]'",
            ) from error
    return found or False


class AtomicCheckpointIO(TorchCheckpointIO):
    """Checkpoint plugin that writes atomically and never executes code from a checkpoint."""

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
                "Delete it to train from the start.",
            ) from error


class RunRecorder(Callback):
    """Callback that writes metrics, the best weights and a checkpoint after each epoch."""

    def __init__(self, folder: Path, model: str, net: Autoencoder) -> None:
        self.best, self.best_epoch = math.inf, -1
        self._folder, self._model, self._net = folder, model, net
        self._rows: list[dict[str, Any]] = []

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "best_epoch": self.best_epoch, "rows": self._rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best, self.best_epoch = state_dict["best"], state_dict["best_epoch"]
        self._rows = state_dict["rows"]

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._started = time.monotonic()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, AutoencoderModule)
        train, validation = pl_module.epoch_losses()
        epoch = trainer.current_epoch
        if not math.isfinite(train["total"] + validation["total"]):
            raise AstrodomeError(
                f"The loss is not finite in epoch {epoch}.",
                "Use a smaller learning rate (train.lr) in another run folder.",
            )
        row = (
            {"epoch": epoch, "step": trainer.global_step}
            | {_column(term): value for term, value in train.items()}
            | {"val_" + _column(term): value for term, value in validation.items()}
            | pl_module.adapted()
            | {"seconds": round(time.monotonic() - self._started, 3)}
        )
        self._rows.append(row)
        if validation["total"] < self.best:
            self.best, self.best_epoch = validation["total"], epoch
            if trainer.is_global_zero:
                weights.save(self._model, self._net, self._folder / weights.WEIGHTS)
        if trainer.is_global_zero:
            lines = [",".join(row), *(",".join(map(str, each.values())) for each in self._rows)]
            files.write_text(self._folder / METRICS, "\n".join(lines) + "\n")
            for logger in trainer.loggers:
                logger.log_metrics(row, step=trainer.global_step)
        trainer.save_checkpoint(self._folder / CHECKPOINT)


def _column(term: str) -> str:
    return "loss" if term == "total" else term


class ProgressReporter(Callback):
    """Callback that reports the training progress and the losses."""

    def __init__(self, task: progress.Task, every: int) -> None:
        self._task, self._every = task, every

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._task.advance(trainer.global_step)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, *_: Any
    ) -> None:
        if trainer.global_step % self._every:
            self._task.advance()
            return
        loss = outputs["loss"].item()
        self._task.advance(1, f"loss {loss:.4f}")
        if trainer.is_global_zero:
            for logger in trainer.loggers:
                logger.log_metrics({"step_loss": loss}, step=trainer.global_step)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, AutoencoderModule)
        if trainer.is_global_zero:
            losses = (pl_module.training_losses, pl_module.validation_losses)
            loss, val_loss = (mean_losses(each)["total"] for each in losses)
            text = f"loss {loss:.4f}, val_loss {val_loss:.4f}"
            self._task.advance(0, text)
            progress.message(f"Epoch {trainer.current_epoch + 1} of {trainer.max_epochs}: {text}")


@contextmanager
def _without_lightning_messages() -> Iterator[None]:
    """Suppress the Lightning messages about unused GPUs and the number of data loader workers."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            yield
    finally:
        logger.setLevel(level)
