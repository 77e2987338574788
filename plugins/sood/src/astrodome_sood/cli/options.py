"""Options that several commands share, and the configuration that they specify."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from astrodome import console
from astrodome.option_groups import OptionGroup, assignments, option

from .. import progress

if TYPE_CHECKING:
    from ..config import Config

Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Value of a configuration key. This option can be repeated.",
    ),
]


class ConfigOptions(OptionGroup):
    """Options of all commands that use a configuration."""

    config_file: Path | None = option(
        None,
        "YAML configuration file. Keys that it does not contain are read from defaults.yaml in "
        "the same folder.",
        "-c",
        "--config-file",
    )
    assignment: Assignments = None
    devices: str | None = option(
        None,
        "Number of GPUs, list of GPU indices, or cpu:N for N processes on the CPU.",
        metavar="N|0,2|cpu|cpu:N",
    )


class ImageOptions(OptionGroup):
    """Options that select the images and their size."""

    data_dir: str | None = option(
        None,
        "Folder with JPEG or PNG images (subfolders are included), or the folder or URL of an SDO "
        "ML data set.",
        "-d",
        "--data-dir",
        metavar="DIR|URL",
    )
    target_size: int | None = option(
        None,
        "Width and height of the resized images, in pixels (default: the size of the run; for a "
        "new run 256, or 128 for ae). Smaller images are enlarged.",
    )
    batch_size: int | None = option(None, "Number of images in a batch.")


class AutoencoderOptions(OptionGroup):
    """Options for the network, the random seed and the precision."""

    z_dim: int | None = option(None, "Dimension of the latent space.")
    fmap_sizes: list[str] | None = option(
        None,
        "Number of feature maps in each encoder layer, for example 16,64,256. This option can be "
        "repeated.",
        "-fm",
        "--fmap-sizes",
        metavar="N",
    )
    seed: int | None = option(None, "Seed for all random numbers.")
    precision: str | None = option(
        None,
        "Floating-point precision. With 'auto', training uses bf16 on hardware that supports it.",
        metavar="auto|32|bf16|16",
    )


class WeightsOptions(OptionGroup):
    """Options for the paths of the weights and the results."""

    load_path: Path | None = option(
        None, "Run folder, weights file, or sdo-cli checkpoint.", "-l", "--load-path"
    )
    pred_dir: Path | None = option(
        None, "Output folder (default: a subfolder of the run folder).", "-p", "--pred-dir"
    )


class ScoreOptions(OptionGroup):
    """Options that select the type of score."""

    score_mode: str | None = option(
        None,
        "Type of pixel score (default: combi).",
        metavar="combi|rec|kl_grad|rec_grad|elbo_grad",
    )
    sample_score: str | None = option(
        None,
        "Type of image score. 'own' (default) is the score that the model defines, 'map' is the "
        "mean pixel score, and 'top' is the mean of the largest 10 % of the pixel scores.",
        metavar="own|map|top",
    )


class TrainOptions(OptionGroup):
    """Options of the command ``train``."""

    log_dir: Path | None = option(None, "Run folder (default: runs/MODEL).", "-o", "--log-dir")
    epochs: int | None = option(None, "Total number of epochs.", "--epochs", "--n-epochs")
    lr: float | None = option(None, "Learning rate.")
    load_path: Path | None = option(None, "File with the initial weights.", "-l", "--load-path")
    strategy: str | None = option(None, "Lightning strategy for training on several devices.")
    nodes: int | None = option(None, "Number of machines for distributed training.", min=1)
    logger: list[str] | None = option(
        None,
        "Logger to use in addition to the file metrics.csv. This option can be repeated.",
        metavar="tensorboard|wandb",
    )
    profile: bool | None = option(
        None, "Write a profile of the training to the run folder.", "--profile"
    )
    print_every_iter: int | None = option(
        None, "Interval between two reports of the training loss, in training steps.", min=1
    )


class PredictOptions(OptionGroup):
    """Options of the command ``predict``."""

    predict_mode: str | None = option(
        None,
        "Prediction mode. 'sample' (default) computes one score for each image, and 'pixel' "
        "computes one score for each pixel.",
        "-m",
        "--predict-mode",
        "--precit-mode",
        "--mode",
        metavar="sample|pixel",
    )
    test_dir: Path | None = option(
        None,
        "Folder with the images to score. It takes precedence over --data-dir.",
        "-t",
        "--test-dir",
    )
    false_alarm_rate: float | None = option(
        None,
        "Rate at which clean images are marked as anomalous, for example 0.01. The run must be "
        "calibrated.",
    )
    scale: str | None = option(
        None,
        "Gray scale of the maps. 'run' (default) uses the same scale for all maps, and 'image' "
        "uses a separate scale for each map.",
        metavar="run|image",
    )
    log_dir: Path | None = option(
        None, "Folder in which the output folder is created.", "-o", "--log-dir", hidden=True
    )


class UnusedOptions(OptionGroup):
    """Options of ``sdo-cli sood MODEL predict`` that have no effect."""

    n_epochs: str | None = option(None, "This option has no effect.", hidden=True)
    lr: str | None = option(None, "This option has no effect.", hidden=True)
    print_every_iter: str | None = option(None, "This option has no effect.", hidden=True)
    logger: str | None = option(None, "This option has no effect.", hidden=True)


class GenerateOptions(OptionGroup):
    """Options of the command ``generate``."""

    count: int = option(128, "Number of images to generate.", "-n", "--n", min=1)
    seed: int | None = option(None, "Seed for all random numbers.")
    interpolate: tuple[Path, Path] | None = option(
        None,
        "Paths of two images. The generated images are interpolated between these images.",
        metavar="A B",
    )
    wavelength: int | None = option(None, "Wavelength of the AIA colormap, in angstroms.")


class ModelSpecificOptions(OptionGroup, panel="Model options"):
    """Options of a model; see :func:`.model_options.option_group`."""


def given_keys(*groups: OptionGroup) -> dict[str, Any]:
    """Return the configuration values set with options, keyed by dotted configuration key.

    Values passed with ``--set`` have a lower priority than the other options.
    """
    from .. import config

    own = [group for group in groups if isinstance(group, ModelSpecificOptions)]
    shared = [group for group in groups if group not in own]
    given = {key: value for group in shared for key, value in group.given().items()}
    found = assignments(given.get("assignment") or [])
    found |= config.by_key({k: v for k, v in given.items() if v not in ([], ())})
    return found | {
        f"model.options.{name}": value
        for group in own
        for name, value in group.given().items()
        if value not in ([], ())
    }


def load_config(*groups: OptionGroup, from_run: bool = False, model: str = "") -> Config:
    """Return the configuration that the options specify.

    A warning is printed if a configuration file requests GPUs and no GPU is available.
    """
    from .. import config

    given = given_keys(*groups)
    file = next(group.config_file for group in groups if isinstance(group, ConfigOptions))
    found = config.load(file, given, from_run=from_run, model=model)
    if found.devices.gpus and "devices.gpus" not in given:
        import torch

        if not torch.cuda.is_available():
            console.warn(
                f"The configuration requests GPUs ({found.devices.gpus}), but no GPU is available. "
                "The CPU is used."
            )
            found.devices.gpus = 0
    for key in found.without_effect():
        console.warn(f"The configuration key {key} has no effect.")
    return found


def print_warnings(warnings: list[str]) -> None:
    """Print the warnings about an image data set."""
    for text in warnings:
        console.warn(text)


def show_progress() -> AbstractContextManager[None]:
    """Return a context manager that shows the progress of tasks in the terminal."""
    return progress.shown_with(console.progress)
