"""What happens beside training: metrics, the best weights, checkpoints, loggers, progress."""

from __future__ import annotations

import csv
import io
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from astrodome import AstrodomeError, console, files
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.plugins.io import TorchCheckpointIO

from .lightning_module import Objective, averaged

LAST = "last.ckpt"
METRICS = "metrics.csv"


class AtomicIO(TorchCheckpointIO):
    """Checkpoints that appear whole or not at all, and run no code when they are read."""

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
                f"The checkpoint {path} cannot be read: {type(error).__name__}.",
                "Delete it to train from the start.",
            ) from error


class Keeper(Callback):
    """Leaves metrics, the best weights and a checkpoint in the run folder after each epoch."""

    def __init__(self, folder: Path, save_weights: Callable[[Path], None]) -> None:
        self.best, self.best_epoch = math.inf, -1
        self._folder, self._save_weights = folder, save_weights
        self._rows: list[dict[str, Any]] = []

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "best_epoch": self.best_epoch, "rows": self._rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best, self.best_epoch = state_dict["best"], state_dict["best_epoch"]
        self._rows = state_dict["rows"]

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._started = time.monotonic()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Objective)
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
            | pl_module.steered()
            | {"seconds": round(time.monotonic() - self._started, 3)}
        )
        self._rows.append(row)
        if validation["total"] < self.best:
            self.best, self.best_epoch = validation["total"], epoch
            if trainer.is_global_zero:
                self._save_weights(self._folder)
        if trainer.is_global_zero:
            write_metrics(self._folder / METRICS, self._rows)
            for logger in trainer.loggers:
                logger.log_metrics(row, step=trainer.global_step)
        trainer.save_checkpoint(self._folder / LAST)


def _column(term: str) -> str:
    return "loss" if term == "total" else term


def write_metrics(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """The losses of each epoch as CSV."""
    text = io.StringIO()
    table = csv.DictWriter(text, rows[0], lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    files.write_text(path, text.getvalue())


class Reporter(Callback):
    """Shows where training is: a bar on a terminal, a line for each epoch in a log."""

    def __init__(self, progress: console.Progress, every: int) -> None:
        self._progress, self._every = progress, every

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._progress.advance(trainer.global_step)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, *_: Any
    ) -> None:
        told = trainer.global_step % self._every == 0
        self._progress.advance(1, f"loss {outputs['loss'].item():.4f}" if told else "")
        if told and trainer.is_global_zero:
            for logger in trainer.loggers:
                step_loss = {"step_loss": outputs["loss"].item()}
                logger.log_metrics(step_loss, step=trainer.global_step)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Objective)
        if not trainer.is_global_zero:
            return
        losses = (pl_module.training_losses, pl_module.validation_losses)
        loss, val_loss = (averaged(each)["total"] for each in losses)
        text = f"loss {loss:.4f}, val_loss {val_loss:.4f}"
        self._progress.advance(0, text)
        if not console.on_terminal(sys.stderr):
            console.note(f"epoch {trainer.current_epoch + 1} of {trainer.max_epochs}: {text}")
