"""``sdo sood MODEL train|predict|reconstruct|generate`` for every registered model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import ClassVar

import typer
from astrodome import ModelSpec, compute, console, lazy, outputs
from astrodome.option_groups import Json, expand, option

from . import documents
from .model_options import option_group, option_verb
from .options import (
    AutoencoderOptions,
    ConfigOptions,
    GenerateOptions,
    ImageOptions,
    ModelSpecificOptions,
    PredictOptions,
    ScoreOptions,
    TrainOptions,
    UnusedOptions,
    WeightsOptions,
    load_config,
    print_warnings,
    show_progress,
)

COMMANDS = {
    "train": "Train a model.",
    "predict": "Score images or their pixels, and list the most anomalous images first.",
    "reconstruct": "Reconstruct images, and write their latent vectors and reconstruction errors.",
    "generate": "Generate random images, or interpolate between two images.",
}
"""Commands of a model, with their summaries."""


class VerbGroup(lazy.LazyGroup):
    """Group with the commands of a model. The options of the model are read when one is used."""

    spec: ClassVar[ModelSpec]

    def entries(self) -> Mapping[str, lazy.Entry]:
        return {
            verb: lazy.Entry(text, partial(_command, self.spec, verb))
            for verb, text in COMMANDS.items()
            if verb in self.spec.verbs
        }


def model_commands(spec: ModelSpec) -> typer.Typer:
    """Return a Typer app with the commands that a model supports."""
    group = type("ModelVerbs", (VerbGroup,), {"spec": spec})
    return typer.Typer(cls=group, no_args_is_help=True, help=spec.summary)


def _command(spec: ModelSpec, verb: str) -> Callable[..., None]:
    known = {
        "train": _train,
        "predict": _predict,
        "reconstruct": _reconstruct,
        "generate": _generate,
    }
    command = known[verb](spec.name)
    if verb == option_verb(spec):
        command.__annotations__["options"] = option_group(spec)
    return expand(command)


def _train(model: str) -> Callable[..., None]:
    @outputs.declare(documents.TrainingDocument)
    def train(
        *,
        settings: ConfigOptions,
        images: ImageOptions,
        training: TrainOptions,
        network: AutoencoderOptions,
        options: ModelSpecificOptions,
        as_json: Json = False,
    ) -> None:
        """Train a model. Run the same command again to resume an interrupted training run."""
        from ..datasets.loading import open_images
        from ..scoring.calibration import train_and_calibrate
        from ..views.model_card import write_model_card

        config = load_config(settings, images, training, network, options, model=model)
        with show_progress():
            opened = open_images(config)
            result = train_and_calibrate(model, opened, config)
        if not result.is_primary:
            return
        print_warnings(opened.warnings)
        if result.trained:
            write_model_card(result.run)
        else:
            more = " Increase --epochs to continue training." * ("best_epoch" in result.run.record)
            console.note(f"The run {result.run.path} is already finished.{more}")
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
        options: ModelSpecificOptions,
        jobs: int = option(1, "Number of processes that compute scores.", min=1),
        scheduler: str = option("", "Address of a Dask scheduler, for example tcp://HOST:8786."),
        top: int = option(10, "Number of images to show. 0 means all images.", min=0),
        as_json: Json = False,
    ) -> None:
        """Score images or their pixels, and list the most anomalous images first."""
        from ..scoring.prediction import predict as run_prediction

        for name in unused.given():
            console.warn(f"The option --{name.replace('_', '-')} has no effect in predict.")
        groups = (settings, weights, images, prediction, scores, network, options)
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
