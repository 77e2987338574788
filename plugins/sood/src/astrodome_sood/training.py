"""Training a ceVAE through Lightning, so that a killed run goes on as if nothing had happened.

All randomness follows from the seed and the number of the epoch, and the checkpoint is
written after everything else of an epoch: whatever was done since is done again, alike.
"""

from __future__ import annotations

import csv
import io
import logging
import math
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from astrodome import AstrodomeError, console, files, models
from lightning.pytorch.callbacks import Callback, EarlyStopping
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.profilers import SimpleProfiler
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from .models.network import Vae
from .models.objective import Loss, ce_vae_loss, geco

LAST = "last.ckpt"
METRICS = "metrics.csv"


class Objective(pl.LightningModule):
    """The ceVAE's loss and optimiser; a batch is (N, C, H, W) in [-1, 1]."""

    average: Tensor

    def __init__(self, net: Vae, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.net, self.settings, self.seed = net, config["train"], config["seed"]
        self.ce_factor = config["model"]["ce_factor"]
        self.register_buffer("average", torch.tensor(torch.nan))  # of the error, for GECO
        self.training_losses: list[tuple[int, Loss]] = []
        self.validation_losses: list[tuple[int, Loss]] = []

    def loss(self, images: Tensor, random: torch.Generator) -> Loss:
        return ce_vae_loss(self.net, images, self.settings["beta"], self.ce_factor, random)

    def on_train_epoch_start(self) -> None:
        self.random = seeded(self.seed, self.current_epoch)
        self.training_losses.clear()

    def training_step(self, images: Tensor, index: int) -> Tensor:
        loss = self.loss(images, self.random)
        self.training_losses.append((len(images), Loss(*(term.detach() for term in loss))))
        if self.settings["use_geco"]:
            self.net.theta, self.average = geco(self.net.theta, self.average, loss.rec)
        return loss.total

    def on_validation_epoch_start(self) -> None:
        self.validation_random = seeded(self.seed)  # alike in every epoch, to be comparable
        self.validation_losses.clear()

    def validation_step(self, images: Tensor, index: int) -> None:
        self.validation_losses.append((len(images), self.loss(images, self.validation_random)))

    def on_validation_epoch_end(self) -> None:
        self.log("val_loss", averaged(self.validation_losses)["total"])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.net.parameters(), self.settings["lr"], fused=True)


def seeded(seed: int, epoch: int = -1) -> torch.Generator:
    """Random numbers that follow from a seed and the number of an epoch."""
    return torch.Generator().manual_seed((seed << 24) + epoch + 1)


def averaged(losses: Sequence[tuple[int, Loss]]) -> dict[str, float]:
    """Means over an epoch of batches, each weighed by its size."""
    sizes = torch.tensor([size for size, _ in losses], dtype=torch.float64)
    terms = torch.stack([torch.stack(tuple(loss)) for _, loss in losses]).double().cpu()
    return dict(zip(Loss._fields, (sizes @ terms / sizes.sum()).tolist(), strict=True))


class Batches(Dataset[Tensor]):
    """Images by lists of their indices, read at once."""

    def __init__(self, images: models.ImageSet) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, indices: Sequence[int]) -> Tensor:
        return torch.from_numpy(self._images.batch(indices))


class Order(Sampler[list[int]]):
    """Lists of indices, a batch each; shuffled by seed and epoch unless the seed is None.

    The order is drawn with the first batch, as Lightning sets the epoch of a resumed run
    after it has made the iterator.
    """

    def __init__(self, count: int, batch_size: int, seed: int | None) -> None:
        self._count, self._size, self._seed = count, batch_size, seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return math.ceil(self._count / self._size)

    def __iter__(self) -> Iterator[list[int]]:
        order = torch.arange(self._count)
        if self._seed is not None:
            order = torch.randperm(self._count, generator=seeded(self._seed, self._epoch))
        for start in range(0, self._count, self._size):
            yield order[start : start + self._size].tolist()


def loader(
    images: models.ImageSet, config: Mapping[str, Any], seed: int | None = None
) -> DataLoader[Tensor]:
    """Batches of an image set, which is in memory already: workers would only copy."""
    data = config["data"]
    order = Order(len(images), data["batch_size"], seed)
    return DataLoader(
        Batches(images), batch_size=None, sampler=order, pin_memory=data["pin_memory"]
    )


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
        train = averaged(pl_module.training_losses)
        validation = averaged(pl_module.validation_losses)
        epoch = trainer.current_epoch
        if not math.isfinite(train["total"] + validation["total"]):
            raise AstrodomeError(
                f"The loss is not finite in epoch {epoch}.",
                "Use a smaller learning rate (train.lr) in another run folder.",
            )
        self._rows.append(
            {"epoch": epoch, "step": trainer.global_step}
            | {_column(term): value for term, value in train.items()}
            | {"val_" + _column(term): value for term, value in validation.items()}
            | {"theta": pl_module.net.theta.item()}
            | {"seconds": round(time.monotonic() - self._started, 3)}
        )
        if validation["total"] < self.best:
            self.best, self.best_epoch = validation["total"], epoch
            self._save_weights(self._folder)
        write_metrics(self._folder / METRICS, self._rows)
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

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Objective)
        loss, val_loss = (
            averaged(losses)["total"]
            for losses in (pl_module.training_losses, pl_module.validation_losses)
        )
        text = f"loss {loss:.4f}, val_loss {val_loss:.4f}"
        self._progress.advance(0, text)
        if not console.on_terminal(sys.stderr):
            console.note(f"epoch {trainer.current_epoch + 1} of {trainer.max_epochs}: {text}")

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        if isinstance(exception, KeyboardInterrupt):
            console.note("Stopped; the same command goes on with this run.")


def fit(
    net: Vae,
    train: models.ImageSet,
    validation: models.ImageSet,
    run: models.Run,
    config: Mapping[str, Any],
    save_weights: Callable[[Path], None],
) -> None:
    """Train to the end of ``config``, from the checkpoint of the run if it has one."""
    settings = config["train"]
    keeper = Keeper(run.path, save_weights)
    stopping = EarlyStopping("val_loss", patience=settings["patience"], check_finite=False)
    batches = loader(train, config, config["seed"])
    steps = settings["n_epochs"] * len(batches)
    last = run.path / LAST
    with console.progress("Training", steps, "steps") as progress, _quiet():
        reporter = Reporter(progress, settings["print_every_iter"])
        accelerator, devices = _devices(config["devices"]["gpus"])
        some = 1 if settings["fast_dev_run"] else 1.0
        trainer = pl.Trainer(
            max_epochs=settings["n_epochs"],
            accelerator=accelerator,
            devices=devices,
            limit_train_batches=some,
            limit_val_batches=some,
            callbacks=[*([stopping] if settings["early_stopping"] else []), keeper, reporter],
            plugins=[AtomicIO()],
            profiler=SimpleProfiler(run.path, "profile") if settings["profile"] else None,
            num_sanity_val_steps=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(
            Objective(net, config),
            batches,
            loader(validation, config),
            ckpt_path=last if last.is_file() else None,
        )
    run.note(
        epochs=trainer.current_epoch,
        stopped_early=stopping.stopped_epoch > 0,
        best_epoch=keeper.best_epoch,
        best_val_loss=keeper.best,
    )


def _devices(gpus: int | list[int] | None) -> tuple[str, int | list[int]]:
    """Lightning's names for the GPUs asked for; raises AstrodomeError when there are fewer."""
    if gpus is None:
        return "auto", 1
    if not gpus:
        return "cpu", 1
    there = torch.cuda.device_count()
    wanted = max(gpus) + 1 if isinstance(gpus, list) else gpus
    if wanted > there:
        raise AstrodomeError(
            f"'devices.gpus' asks for {gpus}, but this machine offers {there} GPUs.",
            "Use devices.gpus=0 for the processor.",
        )
    return "gpu", gpus


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Lightning's hints about hardware and workers, which do not fit here."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            yield
    finally:
        logger.setLevel(level)
