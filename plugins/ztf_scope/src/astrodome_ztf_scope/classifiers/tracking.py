"""Log finished runs to Weights & Biases or TensorBoard."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from astrodome import AstrodomeError, settings
from astrodome.runs import Run

from ..config.services import WandbSettings
from .trained_models import run_metrics

Logger = Callable[[Path], None]


def loggers(
    *,
    wandb: bool = False,
    tensorboard: Path | None = None,
    job_type: str = "train",
    on_error: Callable[[str], object],
) -> list[Logger]:
    """Return one logging function for each selected service.

    Each function logs the run in the given run folder. ``tensorboard`` is the directory for
    TensorBoard logs. If logging fails, ``on_error`` is called with a message. Raises AstrodomeError
    if a required library is not installed.
    """
    found = [_wandb(job_type)] if wandb else []
    found += [_tensorboard(tensorboard)] if tensorboard else []
    return [partial(_log, log, on_error) for log in found]


def _log(log: Logger, on_error: Callable[[str], object], folder: Path) -> None:
    try:
        log(folder)
    except Exception as error:  # The libraries raise various exceptions.
        message = " ".join(str(error).split())[:200]
        on_error(f"The run in {folder} could not be logged: {message}")


def _wandb(job_type: str) -> Logger:
    try:
        import wandb
    except ImportError as error:
        raise _missing("Weights & Biases", "wandb") from error
    section = settings.section("wandb", WandbSettings)
    if token := settings.current().credential("wandb", WandbSettings):
        os.environ["WANDB_API_KEY"] = token

    def log(folder: Path) -> None:
        record, config = Run(folder).record, settings.read_yaml(folder / "config.yaml")
        with wandb.init(
            entity=section.entity,
            project=section.project,
            name=_name(record),
            job_type=job_type,
            tags=[record["tag"]],
            config={**config, "dataset": record["dataset"]},
        ) as run:
            for _, values in _history(folder):
                run.log(values)
            run.summary.update(dict(_final(folder)))

    return log


def _tensorboard(root: Path) -> Logger:
    try:
        from tensorboard.summary import Writer
    except ImportError as error:
        raise _missing("TensorBoard", "tensorboard") from error

    def log(folder: Path) -> None:
        writer: Any = Writer(str(root / _name(Run(folder).record)))
        step = 0
        for step, values in _history(folder):
            for name, value in values.items():
                writer.add_scalar(name, value, step)
        for name, value in _final(folder):
            writer.add_scalar(name, value, step)
        writer.close()

    return log


def _missing(service: str, library: str) -> AstrodomeError:
    return AstrodomeError(f"{service} requires the package {library}.", f"pip install {library}")


def _name(record: dict[str, Any]) -> str:
    return f"{record['tag']}-{record['model']}-{record['random_state']}"


def _history(folder: Path) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield the number and the metrics of each epoch or boosting round."""
    file = folder / "metrics.csv"
    if file.is_file():
        for values in pd.read_csv(file).to_dict("records"):
            number, *_ = values.values()
            yield int(number), {str(name): float(value) for name, value in values.items()}


def _final(folder: Path) -> Iterator[tuple[str, float]]:
    """Yield the name (for example ``test_f1``) and the value of each final metric."""
    for part, values in run_metrics(folder).items():
        for name, value in values.items():
            if value is not None:
                yield f"{part}_{name}", float(value)
