"""``sdo sood MODEL train|predict|reconstruct|generate`` for every registered model.

The values of the options are read by the names of the parameters: see :func:`.options.load_config`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from astrodome import ModelSpec, compute, console

from .options import (
    BatchSize,
    ConfigFile,
    DataDir,
    Devices,
    FmapSizes,
    Json,
    LoadPath,
    NoEffect,
    Precision,
    PredDir,
    SampleScore,
    ScoreMode,
    Seed,
    Set,
    TargetSize,
    ZDim,
    load_config,
    print_warnings,
    show_progress,
    warn_about_unused,
)


def model_commands(spec: ModelSpec) -> typer.Typer:
    """Return the commands for the verbs of a model."""
    known = {
        "train": _train,
        "predict": _predict,
        "reconstruct": _reconstruct,
        "generate": _generate,
    }
    group = typer.Typer(no_args_is_help=True, help=spec.summary)
    for verb in spec.verbs:
        if verb in known:
            group.command(verb)(known[verb](spec.name))
    return group


def _train(model: str) -> Callable[..., None]:
    def train(
        ctx: typer.Context,
        config_file: ConfigFile = None,
        data_dir: DataDir = None,
        log_dir: Annotated[
            Path | None,
            typer.Option("-o", "--log-dir", help="Run folder, new or to be resumed [runs/MODEL]."),
        ] = None,
        epochs: Annotated[
            int | None,
            typer.Option("--epochs", "--n-epochs", help="Total number of epochs of the run."),
        ] = None,
        target_size: TargetSize = None,
        batch_size: BatchSize = None,
        lr: Annotated[float | None, typer.Option(help="Learning rate.")] = None,
        z_dim: ZDim = None,
        fmap_sizes: FmapSizes = None,
        load_path: Annotated[
            Path | None,
            typer.Option("-l", "--load-path", help="Weights from which the training starts."),
        ] = None,
        seed: Seed = None,
        devices: Devices = None,
        strategy: Annotated[
            str | None, typer.Option(help="Strategy of Lightning for several devices [ddp].")
        ] = None,
        nodes: Annotated[
            int | None, typer.Option(min=1, help="Number of machines that train together.")
        ] = None,
        precision: Precision = None,
        logger: Annotated[
            list[str] | None,
            typer.Option(
                metavar="tensorboard|wandb",
                help="Logger in addition to metrics.csv; repeatable.",
            ),
        ] = None,
        profile: Annotated[
            bool | None,
            typer.Option("--profile", help="Write a profile of the training to the run folder."),
        ] = None,
        print_every_iter: Annotated[
            int | None, typer.Option(min=1, help="Number of steps between two reported losses.")
        ] = None,
        assignment: Set = None,
        as_json: Json = False,
    ) -> None:
        """Train on images. The same command resumes an interrupted training."""
        from ..datasets.loading import open_images
        from ..training import train_run

        config = load_config(ctx, model=model)
        with show_progress():
            images = open_images(config)
            result = train_run(model, images, config)
        if not result.is_primary:
            return
        print_warnings(images.warnings)
        if not result.trained:
            console.note(f"{result.run.path} is already finished. Increase --epochs to continue.")
        console.show_one(result.summary(), as_json=as_json)
        outcome = compute.Outcome(done=len(images), failed=images.failed)
        console.finish(outcome, "used", "images")

    return train


def _predict(model: str) -> Callable[..., None]:
    def predict(
        ctx: typer.Context,
        config_file: ConfigFile = None,
        predict_mode: Annotated[
            str | None,
            typer.Option(
                "-m",
                "--predict-mode",
                "--precit-mode",
                "--mode",
                metavar="sample|pixel",
                help="Score whole images (sample) or pixels (pixel) [sample].",
            ),
        ] = None,
        load_path: LoadPath = None,
        data_dir: DataDir = None,
        test_dir: Annotated[
            Path | None,
            typer.Option(
                "-t", "--test-dir", help="Folder of the images to score; overrides --data-dir."
            ),
        ] = None,
        pred_dir: PredDir = None,
        score_mode: ScoreMode = None,
        sample_score: SampleScore = None,
        scale: Annotated[
            str | None,
            typer.Option(
                metavar="run|image",
                help="Grey scale of the maps: common (run), or one per image (image) [run].",
            ),
        ] = None,
        target_size: TargetSize = None,
        batch_size: BatchSize = None,
        z_dim: ZDim = None,
        fmap_sizes: FmapSizes = None,
        seed: Seed = None,
        devices: Devices = None,
        precision: Precision = None,
        jobs: Annotated[int, typer.Option(min=1, help="Number of scoring processes.")] = 1,
        scheduler: Annotated[str, typer.Option(help="Address of a Dask cluster.")] = "",
        assignment: Set = None,
        log_dir: Annotated[
            Path | None,
            typer.Option("-o", "--log-dir", hidden=True, help="Parent folder of the results."),
        ] = None,
        n_epochs: NoEffect = None,
        lr_unused: Annotated[str | None, typer.Option("--lr", hidden=True)] = None,
        print_every_unused: Annotated[
            str | None, typer.Option("--print-every-iter", hidden=True)
        ] = None,
        logger_unused: Annotated[str | None, typer.Option("--logger", hidden=True)] = None,
        top: Annotated[
            int, typer.Option(min=0, help="Number of the most anomalous images to show; 0: all.")
        ] = 10,
        as_json: Json = False,
    ) -> None:
        """Score images or their pixels. The most anomalous images come first."""
        from ..scoring.prediction import predict as run_prediction

        unused = {"n_epochs": "--n-epochs", "lr_unused": "--lr", "logger_unused": "--logger"}
        warn_about_unused(ctx, unused | {"print_every_unused": "--print-every-iter"})
        config = load_config(ctx, from_run=True, model=model)
        if log_dir and not pred_dir:
            config.predict.pred_dir = log_dir / "predictions"
        with show_progress():
            result = run_prediction(model, config, jobs=jobs, scheduler=scheduler)
        print_warnings(result.warnings)
        console.show(result.rows[: top or None], columns=result.columns, as_json=as_json)
        console.note(f"Results written to {result.folder}.")
        console.finish(result.outcome, "scored", "images")

    return predict


def _reconstruct(model: str) -> Callable[..., None]:
    def reconstruct(
        ctx: typer.Context,
        config_file: ConfigFile = None,
        load_path: LoadPath = None,
        data_dir: DataDir = None,
        pred_dir: PredDir = None,
        target_size: TargetSize = None,
        batch_size: BatchSize = None,
        devices: Devices = None,
        assignment: Set = None,
        top: Annotated[
            int, typer.Option(min=0, help="Number of the worst images to show; 0: all.")
        ] = 10,
        as_json: Json = False,
    ) -> None:
        """Reconstruct images, and write their latent vectors and errors."""
        from ..scoring.reconstruction import COLUMNS
        from ..scoring.reconstruction import reconstruct as run_reconstruction

        config = load_config(ctx, from_run=True, model=model)
        with show_progress():
            result = run_reconstruction(model, config)
        print_warnings(result.warnings)
        worst = sorted(result.rows, key=lambda row: -row["mae"])
        console.show(worst[: top or None], columns=COLUMNS, as_json=as_json)
        console.note(f"Results written to {result.folder}.")
        console.finish(result.outcome, "reconstructed", "images")

    return reconstruct


def _generate(model: str) -> Callable[..., None]:
    def generate(
        ctx: typer.Context,
        config_file: ConfigFile = None,
        load_path: LoadPath = None,
        pred_dir: PredDir = None,
        count: Annotated[
            int, typer.Option("-n", "--n", min=1, help="Number of images to generate.")
        ] = 128,
        seed: Seed = None,
        interpolate: Annotated[
            tuple[Path, Path] | None,
            typer.Option(
                metavar="A B", help="Interpolate between two images instead of random images."
            ),
        ] = None,
        wavelength: Annotated[
            int | None,
            typer.Option(help="Use the AIA colormap of this wavelength, in angstrom."),
        ] = None,
        devices: Devices = None,
        assignment: Set = None,
        as_json: Json = False,
    ) -> None:
        """Generate random images, or images between two given images."""
        from ..scoring.reconstruction import generate as run_generation

        config = load_config(ctx, from_run=True, model=model)
        folder, names = run_generation(model, config, count, interpolate, wavelength)
        if as_json:
            console.show_json({"folder": str(folder), "images": names})
        else:
            console.note(f"{len(names)} images written to {folder}.")

    return generate
