"""``sdo sood MODEL train|predict|reconstruct|generate`` for every registered model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import typer
from astrodome import ModelSpec, compute, console, outputs
from astrodome.option_groups import Json, OptionGroup, expand, option

from . import documents
from .options import (
    AutoencoderOptions,
    ConfigOptions,
    ImageOptions,
    ScoreOptions,
    WeightsOptions,
    load_config,
    print_warnings,
    show_progress,
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


def model_commands(spec: ModelSpec) -> typer.Typer:
    """Return a Typer app with the commands that a model supports."""
    known = {
        "train": _train,
        "predict": _predict,
        "reconstruct": _reconstruct,
        "generate": _generate,
    }
    group = typer.Typer(no_args_is_help=True, help=spec.summary)
    for verb in spec.verbs:
        if verb in known:
            group.command(verb)(expand(known[verb](spec.name)))
    return group


def _train(model: str) -> Callable[..., None]:
    @outputs.declare(documents.TrainingDocument)
    def train(
        *,
        settings: ConfigOptions,
        images: ImageOptions,
        training: TrainOptions,
        network: AutoencoderOptions,
        as_json: Json = False,
    ) -> None:
        """Train a model. Run the same command again to resume an interrupted training run."""
        from ..datasets.loading import open_images
        from ..scoring.calibration import train_and_calibrate
        from ..views.model_card import write_model_card

        config = load_config(settings, images, training, network, model=model)
        with show_progress():
            opened = open_images(config)
            result = train_and_calibrate(model, opened, config)
        if not result.is_primary:
            return
        print_warnings(opened.warnings)
        if result.trained:
            write_model_card(result.run)
        else:
            console.note(
                f"The run {result.run.path} is already finished. Increase --epochs to continue "
                "training."
            )
        console.show_one(result.summary(), as_json=as_json)
        outcome = compute.Outcome(done=len(opened), failed=opened.failed)
        console.finish(outcome, "used", "images")

    return train


def _predict(model: str) -> Callable[..., None]:
    @outputs.declare(documents.PredictionsDocument)
    def predict(
        *,
        settings: ConfigOptions,
        weights: WeightsOptions,
        images: ImageOptions,
        prediction: PredictOptions,
        scores: ScoreOptions,
        network: AutoencoderOptions,
        unused: UnusedOptions,
        jobs: int = option(1, "Number of processes that compute scores.", min=1),
        scheduler: str = option("", "Address of a Dask scheduler, for example tcp://HOST:8786."),
        top: int = option(10, "Number of images to show. 0 means all images.", min=0),
        as_json: Json = False,
    ) -> None:
        """Score images or their pixels, and list the most anomalous images first."""
        from ..scoring.prediction import predict as run_prediction

        for name in unused.given():
            console.warn(f"The option --{name.replace('_', '-')} has no effect in predict.")
        groups = (settings, weights, images, prediction, scores, network)
        config = load_config(*groups, from_run=True, model=model)
        if prediction.log_dir and not weights.pred_dir:
            config.predict.pred_dir = prediction.log_dir / "predictions"
        with show_progress():
            result = run_prediction(model, config, jobs=jobs, scheduler=scheduler)
        print_warnings(result.warnings)
        console.show(result.rows[: top or None], columns=result.columns, as_json=as_json)
        console.note(f"Results written to {result.folder}.")
        console.finish(result.outcome, "scored", "images")

    return predict


def _reconstruct(model: str) -> Callable[..., None]:
    @outputs.declare(list[documents.ReconstructedImageRow])
    def reconstruct(
        *,
        settings: ConfigOptions,
        weights: WeightsOptions,
        images: ImageOptions,
        top: int = option(
            10, "Number of images with the largest errors to show. 0 means all images.", min=0
        ),
        as_json: Json = False,
    ) -> None:
        """Reconstruct images, and write their latent vectors and reconstruction errors."""
        from ..scoring.reconstruction import reconstruct as run_reconstruction

        config = load_config(settings, weights, images, from_run=True, model=model)
        with show_progress():
            result = run_reconstruction(model, config)
        print_warnings(result.warnings)
        worst = sorted(result.rows, key=lambda row: -row["mae"])
        console.show(worst[: top or None], columns=result.columns, as_json=as_json)
        console.note(f"Results written to {result.folder}.")
        console.finish(result.outcome, "reconstructed", "images")

    return reconstruct


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


def _generate(model: str) -> Callable[..., None]:
    @outputs.declare(documents.GeneratedImagesDocument)
    def generate(
        *,
        settings: ConfigOptions,
        weights: WeightsOptions,
        images: GenerateOptions,
        as_json: Json = False,
    ) -> None:
        """Generate random images, or interpolate between two images."""
        from ..scoring.reconstruction import generate as run_generation

        config = load_config(settings, weights, images, from_run=True, model=model)
        folder, names = run_generation(
            model, config, images.count, images.interpolate, images.wavelength
        )
        if as_json:
            console.show_json({"folder": str(folder), "images": names})
        else:
            console.note(f"{len(names)} images written to {folder}.")

    return generate
