"""Options that the commands share, and the configuration that follows from them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from astrodome import AstrodomeError, console
from astrodome.option_groups import Json as Json

from .. import progress

if TYPE_CHECKING:
    from ..config import Config

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "-c",
        "--config-file",
        help="YAML configuration file. A defaults.yaml in its folder supplies missing keys.",
    ),
]
DataDir = Annotated[
    str | None,
    typer.Option(
        "-d",
        "--data-dir",
        metavar="DIR|URL",
        help="Folder of JPEG or PNG images with subfolders, or an SDO ML data set.",
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Any configuration key; repeatable."),
]
LoadPath = Annotated[
    Path | None,
    typer.Option("-l", "--load-path", help="Run folder, weights, or a checkpoint of sdo-cli."),
]
PredDir = Annotated[
    Path | None,
    typer.Option(
        "-p",
        "--pred-dir",
        help="Folder for the results. Default: a subfolder of the run folder.",
    ),
]
TargetSize = Annotated[
    int | None, typer.Option(help="Side to which the images are resized, in pixels.")
]
BatchSize = Annotated[int | None, typer.Option(help="Number of images in a batch.")]
Seed = Annotated[int | None, typer.Option(help="Seed of all random numbers.")]
ZDim = Annotated[int | None, typer.Option(help="Dimension of the latent space.")]
FmapSizes = Annotated[
    list[str] | None,
    typer.Option(
        "-fm",
        "--fmap-sizes",
        metavar="N",
        help="Number of feature maps of each layer of the encoder; repeatable, or 16,64,256.",
    ),
]
Devices = Annotated[
    str | None,
    typer.Option(
        metavar="N|0,2|cpu|cpu:N",
        help="Number of GPUs, list of GPUs, or cpu with a number of processes.",
    ),
]
Precision = Annotated[
    str | None,
    typer.Option(
        metavar="auto|32|bf16|16",
        help="Floating-point precision. auto trains in bf16 on hardware that supports it.",
    ),
]
ScoreMode = Annotated[
    str | None,
    typer.Option(
        metavar="combi|rec|kl_grad|rec_grad|elbo_grad", help="Kind of pixel score [combi]."
    ),
]
SampleScore = Annotated[
    str | None,
    typer.Option(
        metavar="own|map",
        help="Image score: of the model (own), or mean of the pixel scores (map) [own].",
    ),
]
NoEffect = Annotated[
    str | None, typer.Option(hidden=True, help="Accepted for sdo-cli; it has no effect.")
]


def given_keys(ctx: typer.Context) -> dict[str, Any]:
    """Return the configuration values of a command line, by dotted key.

    Values of ``--set`` have a lower priority than options.
    """
    from .. import config

    found = config.assignments(ctx.params.get("assignment") or [])
    for name, key in config.SHORT_NAMES.items():
        value = ctx.params.get(name)
        if value in (None, [], ()):
            continue
        if name == "devices":
            found |= _devices(value)
        elif name == "fmap_sizes":
            found[key] = _numbers(value)
        else:
            found[key] = list(value) if isinstance(value, tuple) else value
    return found


def load_config(ctx: typer.Context, *, from_run: bool = False, model: str = "") -> Config:
    """Return the configuration of a command.

    A warning is printed if a configuration file requests GPUs and this machine has none.
    """
    from .. import config

    given = given_keys(ctx)
    file = ctx.params.get("config_file")
    found = config.load(Path(file) if file else None, given, from_run=from_run, model=model)
    if found.devices.gpus and "devices.gpus" not in given:
        from ..models.devices import any_gpu

        if not any_gpu():
            console.warn(
                f"The configuration requests GPUs ({found.devices.gpus}), but this machine has "
                "none. The CPU is used."
            )
            found.devices.gpus = 0
    for key in found.without_effect():
        console.warn(f"The configuration key {key} has no effect.")
    return found


def warn_about_unused(ctx: typer.Context, names: Mapping[str, str]) -> None:
    """Warn about options of sdo-cli that are accepted but have no effect.

    ``names`` maps parameters to options.
    """
    for parameter, option in names.items():
        if ctx.params.get(parameter) is not None:
            console.warn(f"The option {option} has no effect on {ctx.info_name}.")


def print_warnings(warnings: list[str]) -> None:
    """Print the warnings of an image set."""
    for text in warnings:
        console.warn(text)


class ConsoleObserver(progress.Observer):
    """Shows progress on standard error."""

    def task(
        self, label: str, total: int, unit: str, *, resumes: bool = True
    ) -> AbstractContextManager[progress.Task]:
        return console.progress(label, total, unit, resumes=resumes)

    def message(self, text: str) -> None:
        if not console.on_terminal(sys.stderr):
            console.note(text)


def show_progress() -> AbstractContextManager[None]:
    """Show the progress of the enclosed calls."""
    return progress.observed_by(ConsoleObserver())


def _numbers(texts: list[str]) -> list[int]:
    try:
        return [int(part) for text in texts for part in text.replace(",", " ").split()]
    except ValueError as error:
        raise AstrodomeError(
            f"Invalid --fmap-sizes '{' '.join(texts)}': expected integers.", exit_code=2
        ) from error


def _devices(text: str) -> dict[str, Any]:
    kind, _, count = text.partition(":")
    try:
        if kind == "cpu":
            return {"devices.gpus": 0, "devices.processes": int(count or 1)}
        if text == "auto":
            return {"devices.gpus": None}
        numbers = [int(part) for part in text.split(",")]
    except ValueError as error:
        raise AstrodomeError(
            f"Invalid --devices '{text}': expected GPUs, cpu or cpu:N.",
            "For example: --devices 2 (number), --devices 0,2 (list), --devices cpu:4",
            exit_code=2,
        ) from error
    return {"devices.gpus": numbers if "," in text else numbers[0]}
