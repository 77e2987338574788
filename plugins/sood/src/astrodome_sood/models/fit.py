"""Training a network through Lightning, so that a killed run goes on as if nothing had happened.

All randomness follows from the seed and the number of the epoch, and the checkpoint is
written after everything else of an epoch: whatever was done since is done again, alike.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from astrodome import AstrodomeError, console
from astrodome.runs import Run
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.loggers import Logger
from lightning.pytorch.profilers import SimpleProfiler
from lightning.pytorch.utilities.exceptions import SIGTERMException

from ..protocols import ImageSet
from . import devices
from .batches import loader
from .callbacks import LAST, AtomicIO, Keeper, Reporter
from .lightning_module import objective
from .network import Autoencoder


def fit(
    model: str,
    net: Autoencoder,
    train: ImageSet,
    validation: ImageSet,
    run: Run,
    config: Mapping[str, Any],
    save_weights: Callable[[Path], None],
) -> None:
    """Train to the end of ``config``, from the checkpoint of the run if it has one.

    Where several processes train together, each takes its part of every epoch's batches,
    and the first of them keeps the run folder.
    """
    settings = config["train"]
    keeper = Keeper(run.path, save_weights)
    stopping = EarlyStopping("val_loss", patience=settings["patience"], check_finite=False)
    where = devices.training_devices(config)
    precision = devices.training_precision(config, where["accelerator"])
    last = run.path / LAST
    with console.progress("Training", _steps(train, config), "steps") as progress, _quiet():
        reporter = Reporter(progress, settings["print_every_iter"])
        some = settings["fast_dev_run"] or 1.0
        trainer = pl.Trainer(
            **where,
            precision=devices.LIGHTNING[precision],  # type: ignore[arg-type]
            max_epochs=1 if settings["fast_dev_run"] else settings["n_epochs"],
            limit_train_batches=some,
            limit_val_batches=some,
            callbacks=[*([stopping] if settings["early_stopping"] else []), keeper, reporter],
            plugins=[AtomicIO()],
            profiler=SimpleProfiler(run.path, "profile") if settings["profile"] else None,
            num_sanity_val_steps=0,
            logger=loggers(model, run, config),
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
        part = (trainer.global_rank, trainer.world_size)
        try:
            trainer.fit(
                objective(net, config),
                loader(train, config, config["seed"], *part),
                loader(validation, config, None, *part),
                ckpt_path=last if last.is_file() else None,
            )
        except SIGTERMException as stopped:  # which is an exit with code 0
            raise AstrodomeError(
                "Training was told to stop (SIGTERM).", "The same command goes on with this run."
            ) from stopped
        except SystemExit as left:  # Lightning raises it after Ctrl-C.
            if isinstance(left.__context__, KeyboardInterrupt):
                raise KeyboardInterrupt from left
            raise
    if trainer.is_global_zero:
        run.note(
            parameters=sum(weight.numel() for weight in net.parameters()),
            epochs=trainer.current_epoch,
            stopped_early=stopping.stopped_epoch > 0,
            best_epoch=keeper.best_epoch,
            best_val_loss=keeper.best,
            precision=precision,
            devices=trainer.world_size,
        )


def _steps(train: ImageSet, config: Mapping[str, Any]) -> int:
    return int(config["train"]["n_epochs"]) * -(-len(train) // int(config["data"]["batch_size"]))


def loggers(model: str, run: Run, config: Mapping[str, Any]) -> list[Logger] | bool:
    """The loggers beside ``metrics.csv``, which is always written.

    Raises AstrodomeError when the library of one is missing.
    """
    settings = config["train"]
    wanted = list(dict.fromkeys(settings["logger"]))
    if settings["wandb_run_id"] and "wandb" not in wanted:
        wanted.append("wandb")
    found: list[Logger] = []
    for name in wanted:
        try:
            if name == "tensorboard":
                import tensorboard  # noqa: F401
                from lightning.pytorch.loggers import TensorBoardLogger

                found.append(TensorBoardLogger(run.path, name=None, version="tensorboard"))
            if name == "wandb":
                import wandb  # noqa: F401
                from lightning.pytorch.loggers import WandbLogger

                found.append(
                    WandbLogger(
                        run.path.resolve().name,
                        save_dir=run.path,
                        id=settings["wandb_run_id"],
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
