"""Options that the commands of ``sdo sood`` share, and the configuration that they make."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from astrodome import AstrodomeError, console

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "-c", "--config-file", help="YAML configuration; a defaults.yaml beside it fills the rest."
    ),
]
DataDir = Annotated[
    str | None,
    typer.Option(
        "-d",
        "--data-dir",
        metavar="DIR|URL",
        help="Folder of JPEG or PNG images, at any depth; or where an SDO ML store lies.",
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Any key of the configuration; repeatable."),
]
LoadPath = Annotated[
    Path | None,
    typer.Option("-l", "--load-path", help="Run folder, weights, or a checkpoint of sdo-cli."),
]
PredDir = Annotated[
    Path | None,
    typer.Option(
        "-p", "--pred-dir", help="Folder for what is written [LOAD_PATH/predictions, or VERB]."
    ),
]
TargetSize = Annotated[int | None, typer.Option(help="Side the images are resized to, px.")]
BatchSize = Annotated[int | None, typer.Option(help="Images at a time.")]
Seed = Annotated[int | None, typer.Option(help="Seed of everything random.")]
ZDim = Annotated[int | None, typer.Option(help="Dimensions of the latent space.")]
FmapSizes = Annotated[
    list[str] | None,
    typer.Option(
        "-fm",
        "--fmap-sizes",
        metavar="N",
        help="Feature maps of a layer of the encoder; repeat it, or 16,64,256.",
    ),
]
Devices = Annotated[
    str | None,
    typer.Option(metavar="N|0,2|cpu|cpu:N", help="GPUs, their numbers, or N processes without."),
]
Precision = Annotated[
    str | None,
    typer.Option(
        metavar="auto|32|bf16|16", help="Arithmetic; auto trains in bf16 where that is faster."
    ),
]
SampleScore = Annotated[
    str | None,
    typer.Option(
        metavar="own|map", help="Score of an image: the model's own, or the mean of its map [own]."
    ),
]
Jobs = Annotated[int, typer.Option(min=1, help="Processes that score beside each other.")]
Scheduler = Annotated[str, typer.Option(help="Address of a Dask cluster that scores.")]


def configuration(
    file: Path | None,
    assignments: list[str] | None,
    given: Mapping[str, Any],
    *,
    over_run: bool = False,
    model: str = "",
) -> Any:
    """The configuration of a command; ``given`` goes by dotted key, None is not given.

    GPUs that only a file asks for are done without, and said to be, where there are none at all.
    """
    from .. import config

    overrides = config.assignments(assignments or [])
    for key, value in given.items():
        if value is None:
            continue
        if key == "devices":
            overrides |= _devices(value)
        elif key == "model.fmap_sizes":
            overrides |= {key: _numbers(value)} if value else {}
        else:
            overrides[key] = str(value) if isinstance(value, Path) else value
    found = config.load(file, overrides, over_run=over_run, model=model)
    if found.devices.gpus and "devices.gpus" not in overrides:
        from ..models.devices import any_gpu

        if not any_gpu():
            console.warn(
                f"The configuration asks for GPUs ({found.devices.gpus}), and this machine has "
                "none: its processors do the work."
            )
            found.devices.gpus = 0
    return found


def _numbers(texts: list[str]) -> list[int]:
    try:
        return [int(part) for text in texts for part in text.replace(",", " ").split()]
    except ValueError as error:
        raise AstrodomeError(
            f"--fmap-sizes takes whole numbers, not '{' '.join(texts)}'.", exit_code=2
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
            f"--devices takes a number of GPUs, their numbers, cpu or cpu:N, not '{text}'.",
            "For example: --devices 2, --devices 0,2, --devices cpu:4",
            exit_code=2,
        ) from error
    return {"devices.gpus": numbers if "," in text else numbers[0]}
