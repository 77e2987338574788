"""``sdo sood``: the verbs of every registered model, and the report of a run."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from astrodome import ModelSpec, console, lazy, models

TASK = "sood"
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "-c", "--config-file", help="YAML configuration; a defaults.yaml beside it fills the rest."
    ),
]
DataDir = Annotated[Path | None, typer.Option(help="Folder of JPEG or PNG images, at any depth.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Any key of the configuration; repeatable."),
]
TargetSize = Annotated[int | None, typer.Option(help="Side the images are resized to, px.")]
BatchSize = Annotated[int | None, typer.Option(help="Images at a time.")]
Seed = Annotated[int | None, typer.Option(help="Seed of everything random.")]


class Models(lazy.LazyGroup):
    """A command group for each registered model, and what serves them all."""

    def entries(self) -> Mapping[str, lazy.Entry]:
        entries = {
            spec.name: lazy.Entry(spec.summary, partial(verbs, spec), "Models")
            for spec in models.specs(TASK).values()
        }
        entries["report"] = lazy.Entry(
            "Write a page about a run: losses, scores, images beside their maps.", lambda: report
        )
        return entries


app = typer.Typer(
    cls=Models,
    no_args_is_help=True,
    help="Find unusual images of the Sun and unusual places in them.",
)


def verbs(spec: ModelSpec) -> typer.Typer:
    """The commands of one model: those of its verbs that are known here."""
    commands = {"train": _train(spec.name), "predict": _predict(spec.name)}
    group = typer.Typer(no_args_is_help=True, help=spec.summary)
    for verb in spec.verbs:
        if verb in commands:
            group.command(verb)(commands[verb])
    return group


def _train(model: str) -> Any:
    def train(
        config_file: ConfigFile = None,
        data_dir: DataDir = None,
        log_dir: Annotated[
            Path | None, typer.Option(help="The run folder, new or to go on with [runs/MODEL].")
        ] = None,
        epochs: Annotated[
            int | None, typer.Option("--epochs", "--n-epochs", help="Epochs in all.")
        ] = None,
        target_size: TargetSize = None,
        batch_size: BatchSize = None,
        lr: Annotated[float | None, typer.Option(help="Learning rate.")] = None,
        seed: Seed = None,
        assignment: Set = None,
        as_json: AsJson = False,
    ) -> None:
        """Train on a folder of images; the same command again goes on where it stopped."""
        from . import runs

        config = _configuration(
            config_file,
            assignment,
            {
                "data.data_dir": data_dir,
                "log_dir": log_dir,
                "train.n_epochs": epochs,
                "model.target_size": target_size,
                "data.batch_size": batch_size,
                "train.lr": lr,
                "seed": seed,
            },
        )
        run, outcome, trained = runs.train(model, config)
        if not trained:
            console.note(f"{run.path} is finished already; more --epochs go on with it.")
        console.show_one(runs.summary(run), as_json=as_json)
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
                metavar="sample|pixel",
                help="Score whole images or each pixel [sample].",
            ),
        ] = None,
        load_path: Annotated[
            Path | None, typer.Option("-l", "--load-path", help="Run folder or weights file.")
        ] = None,
        data_dir: DataDir = None,
        pred_dir: Annotated[
            Path | None, typer.Option(help="Folder for the predictions [LOAD_PATH/predictions].")
        ] = None,
        score_mode: Annotated[
            str | None,
            typer.Option(help="Kind of pixel score: combi, rec, kl_grad, rec_grad, elbo_grad."),
        ] = None,
        scale: Annotated[
            str | None,
            typer.Option(metavar="run|image", help="One grey scale for all maps, or each its own."),
        ] = None,
        target_size: TargetSize = None,
        batch_size: BatchSize = None,
        seed: Seed = None,
        assignment: Set = None,
        top: Annotated[
            int, typer.Option(min=0, help="Most anomalous images to show; 0: all.")
        ] = 10,
        as_json: AsJson = False,
    ) -> None:
        """Score images, or the pixels of images; the most anomalous come first."""
        from .prediction import predict as run_prediction

        config = _configuration(
            config_file,
            assignment,
            {
                "predict.mode": predict_mode,
                "model.load_path": load_path,
                "data.data_dir": data_dir,
                "predict.pred_dir": pred_dir,
                "predict.score_mode": score_mode,
                "predict.scale": scale,
                "model.target_size": target_size,
                "data.batch_size": batch_size,
                "seed": seed,
            },
            over_run=True,
        )
        done = run_prediction(model, config)
        console.show(done.rows[: top or None], columns=done.columns, as_json=as_json)
        console.note(f"Written to {done.folder}.")
        console.finish(done.outcome, "scored", "images")

    return predict


def report(
    run: Annotated[Path, typer.Argument(help="Run folder, or a folder of predictions.")],
    pred_dir: Annotated[
        list[Path] | None,
        typer.Option(help="Predictions to show; repeatable [those in the run folder]."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The page [RUN/report.html].")] = None,
    count: Annotated[
        int, typer.Option(min=1, help="Most and least anomalous images to show, each.")
    ] = 6,
    as_json: AsJson = False,
) -> None:
    """Write one self-contained HTML page: losses, scores, images beside their maps."""
    from .report import write

    page = write(run, pred_dir or [], out or run / "report.html", count)
    console.show_one({"report": str(page)}, as_json=as_json)


def _configuration(
    file: Path | None,
    assignments: list[str] | None,
    given: Mapping[str, Any],
    *,
    over_run: bool = False,
) -> Any:
    from . import config

    overrides = config.assignments(assignments or [])
    overrides |= {
        key: str(value) if isinstance(value, Path) else value
        for key, value in given.items()
        if value is not None
    }
    return config.load(file, overrides, over_run=over_run)
