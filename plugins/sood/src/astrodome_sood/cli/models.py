"""``sdo sood MODEL train|predict|reconstruct|generate``, alike for every registered model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from astrodome import ModelSpec, console

from .options import (
    AsJson,
    BatchSize,
    ConfigFile,
    DataDir,
    Devices,
    FmapSizes,
    Jobs,
    LoadPath,
    Precision,
    PredDir,
    SampleScore,
    Scheduler,
    Seed,
    Set,
    TargetSize,
    ZDim,
    configuration,
)


def verbs(spec: ModelSpec) -> typer.Typer:
    """The commands of one model: those of its verbs that are known here."""
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


def _train(model: str) -> Any:
    def train(
        config_file: ConfigFile = None,
        data_dir: DataDir = None,
        log_dir: Annotated[
            Path | None,
            typer.Option(
                "-o", "--log-dir", help="The run folder, new or to go on with [runs/MODEL]."
            ),
        ] = None,
        epochs: Annotated[
            int | None, typer.Option("--epochs", "--n-epochs", help="Epochs in all.")
        ] = None,
        target_size: TargetSize = None,
        batch_size: BatchSize = None,
        lr: Annotated[float | None, typer.Option(help="Learning rate.")] = None,
        z_dim: ZDim = None,
        fmap_sizes: FmapSizes = None,
        load_path: Annotated[
            Path | None, typer.Option("-l", "--load-path", help="Weights to begin with.")
        ] = None,
        seed: Seed = None,
        devices: Devices = None,
        strategy: Annotated[
            str | None, typer.Option(help="Lightning's strategy for several devices [ddp].")
        ] = None,
        nodes: Annotated[
            int | None, typer.Option(min=1, help="Machines that train together.")
        ] = None,
        precision: Precision = None,
        logger: Annotated[
            list[str] | None,
            typer.Option(
                metavar="tensorboard|wandb", help="Logger beside metrics.csv; repeatable."
            ),
        ] = None,
        profile: Annotated[
            bool | None, typer.Option("--profile", help="Write where the time goes to the run.")
        ] = None,
        print_every_iter: Annotated[
            int | None, typer.Option(min=1, help="Steps between two reported losses.")
        ] = None,
        assignment: Set = None,
        as_json: AsJson = False,
    ) -> None:
        """Train on a folder of images; the same command again goes on where it stopped."""
        from .. import training

        given = {
            "data.data_dir": data_dir,
            "log_dir": log_dir,
            "train.n_epochs": epochs,
            "model.target_size": target_size,
            "model.z_dim": z_dim,
            "model.fmap_sizes": fmap_sizes,
            "model.load_path": load_path,
            "data.batch_size": batch_size,
            "train.lr": lr,
            "train.logger": logger or None,
            "train.profile": profile,
            "train.print_every_iter": print_every_iter,
            "devices": devices,
            "devices.strategy": strategy,
            "devices.nodes": nodes,
            "devices.precision": precision,
            "seed": seed,
        }
        config = configuration(config_file, assignment, given, model=model)
        run, outcome, trained = training.train(model, config)
        if not trained:
            console.note(f"{run.path} is finished already; more --epochs go on with it.")
        console.show_one(training.summary(run), as_json=as_json)
        console.finish(outcome, "used", "images")

    return train


def _predict(model: str) -> Any:
    def predict(
        config_file: ConfigFile = None,
        predict_mode: Annotated[
            str | None,
            typer.Option(
                "-m",
                "--predict-mode",
                "--precit-mode",
                "--mode",
                metavar="sample|pixel",
                help="Score whole images or each pixel [sample].",
            ),
        ] = None,
        load_path: LoadPath = None,
        data_dir: DataDir = None,
        test_dir: Annotated[
            Path | None,
            typer.Option("-t", "--test-dir", help="Folder of images to score instead."),
        ] = None,
        pred_dir: PredDir = None,
        score_mode: Annotated[
            str | None,
            typer.Option(help="Kind of pixel score: combi, rec, kl_grad, rec_grad, elbo_grad."),
        ] = None,
        sample_score: SampleScore = None,
        scale: Annotated[
            str | None,
            typer.Option(metavar="run|image", help="One grey scale for all maps, or each its own."),
        ] = None,
        target_size: TargetSize = None,
        batch_size: BatchSize = None,
        z_dim: ZDim = None,
        fmap_sizes: FmapSizes = None,
        seed: Seed = None,
        devices: Devices = None,
        precision: Precision = None,
        jobs: Jobs = 1,
        scheduler: Scheduler = "",
        assignment: Set = None,
        log_dir: Annotated[
            Path | None,
            typer.Option("-o", "--log-dir", hidden=True, help="As --pred-dir (sdo-cli's)."),
        ] = None,
        epochs: Annotated[
            int | None, typer.Option("--n-epochs", hidden=True, help="Of no use here.")
        ] = None,
        lr: Annotated[float | None, typer.Option(hidden=True, help="Of no use here.")] = None,
        print_every_iter: Annotated[
            int | None, typer.Option(hidden=True, help="Of no use here.")
        ] = None,
        logger: Annotated[str | None, typer.Option(hidden=True, help="Of no use here.")] = None,
        top: Annotated[
            int, typer.Option(min=0, help="Most anomalous images to show; 0: all.")
        ] = 10,
        as_json: AsJson = False,
    ) -> None:
        """Score images, or the pixels of images; the most anomalous come first."""
        from ..scoring.prediction import predict as run_prediction

        given = {
            "predict.mode": predict_mode,
            "model.load_path": load_path,
            "data.data_dir": test_dir or data_dir,
            "predict.pred_dir": pred_dir or (log_dir and log_dir / "predictions"),
            "predict.score_mode": score_mode,
            "predict.sample_score": sample_score,
            "predict.scale": scale,
            "model.target_size": target_size,
            "model.z_dim": z_dim,
            "model.fmap_sizes": fmap_sizes,
            "data.batch_size": batch_size,
            "devices": devices,
            "devices.precision": precision,
            "seed": seed,
        }
        config = configuration(config_file, assignment, given, over_run=True, model=model)
        done = run_prediction(model, config, jobs, scheduler)
        console.show(done.rows[: top or None], columns=done.columns, as_json=as_json)
        console.note(f"Written to {done.folder}.")
        console.finish(done.outcome, "scored", "images")

    return predict


def _reconstruct(model: str) -> Any:
    def reconstruct(
        config_file: ConfigFile = None,
        load_path: LoadPath = None,
        data_dir: DataDir = None,
        pred_dir: PredDir = None,
        target_size: TargetSize = None,
        batch_size: BatchSize = None,
        devices: Devices = None,
        assignment: Set = None,
        top: Annotated[int, typer.Option(min=0, help="Worst images to show; 0: all.")] = 10,
        as_json: AsJson = False,
    ) -> None:
        """Write each image as the model sees it, its code, and how well the two agree."""
        from ..scoring.reconstruction import reconstruct as run_reconstruction

        given = {
            "model.load_path": load_path,
            "data.data_dir": data_dir,
            "predict.pred_dir": pred_dir,
            "model.target_size": target_size,
            "data.batch_size": batch_size,
            "devices": devices,
        }
        config = configuration(config_file, assignment, given, over_run=True, model=model)
        folder, rows, outcome = run_reconstruction(model, config)
        columns = ("pixel_pred_path", "ssim", "mse", "mae", "t_obs", "wavelength")
        worst = sorted(rows, key=lambda row: -row["mae"])
        console.show(worst[: top or None], columns=columns, as_json=as_json)
        console.note(f"Written to {folder}.")
        console.finish(outcome, "reconstructed", "images")

    return reconstruct


def _generate(model: str) -> Any:
    def generate(
        config_file: ConfigFile = None,
        load_path: LoadPath = None,
        pred_dir: PredDir = None,
        count: Annotated[
            int, typer.Option("-n", "--n", min=1, help="Images, or steps of an interpolation.")
        ] = 128,
        seed: Seed = None,
        interpolate: Annotated[
            tuple[Path, Path] | None,
            typer.Option(metavar="A B", help="From one image to another instead of at random."),
        ] = None,
        wavelength: Annotated[
            int | None, typer.Option(help="Draw in the AIA colours of this wavelength, Å.")
        ] = None,
        devices: Devices = None,
        assignment: Set = None,
        as_json: AsJson = False,
    ) -> None:
        """Write images that the model makes up, from its prior or between two images."""
        from ..scoring.reconstruction import generate as run_generation

        given = {
            "model.load_path": load_path,
            "predict.pred_dir": pred_dir,
            "devices": devices,
            "seed": seed,
        }
        config = configuration(config_file, assignment, given, over_run=True, model=model)
        folder, rows = run_generation(model, config, count, interpolate, wavelength)
        if as_json:
            console.show_json({"folder": str(folder), "images": rows})
        else:
            console.note(f"{len(rows)} images written to {folder}.")

    return generate
