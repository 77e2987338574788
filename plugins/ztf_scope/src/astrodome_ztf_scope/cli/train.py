"""The command ``scope train``: its options are those of SCoPe's own training, and some more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from astrodome import AstrodomeError, compute, console

from .switches import Switched

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..classifiers.jobs import TrainingJob

OF_CLASS = [
    "threshold",
    "balance",
    "weight_per_class",
    "scale_features",
    "test_size",
    "val_size",
    "batch_size",
    "shuffle_buffer_size",
    "epochs",
    "float_convert_types",
    "lr",
    "beta_1",
    "beta_2",
    "epsilon",
    "decay",
    "amsgrad",
    "momentum",
    "monitor",
    "patience",
    "callbacks",
    "run_eagerly",
    "pre_trained_model",
    "weights_only",
]
"""Options that go over the entry of a class, by the name that they have there."""
OF_DNN = ("dense_branch", "conv_branch", "optimizer", "loss")
COLUMNS = (
    *("tag", "algorithm", "random_state", "f1", "precision", "recall", "roc_auc"),
    *("average_precision", "brier", "trained"),
)

app = typer.Typer(rich_markup_mode=None, add_completion=False)


def option(text: str, *names: str, panel: str = "", **more: Any) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=panel or None, **more)


DATA, CLASS, LEARN, RESULT = "Data", "Class entry", "Learning", "Results"
Text = str | None
Number = float | None
Count = int | None
Switch = bool | None


@app.command(cls=Switched)
def train(
    context: typer.Context,
    tag: Annotated[list[str] | None, option("Class to train; repeatable.")] = None,
    every: Annotated[bool, option("Train every configured class.", "--all")] = False,
    algorithm: Annotated[str, option("dnn, xgb, or a model that a plugin brings.")] = "dnn",
    random_state: Annotated[
        list[int] | None,
        option("Seed of all draws; repeatable, a run each [that of the class]."),
    ] = None,
    config: Annotated[
        Path | None, option("Configuration that goes before ./config.yaml.", dir_okay=False)
    ] = None,
    jobs: Annotated[int, option("Runs at a time; 0: one for each core.", min=0)] = 0,
    gpu: Annotated[Count, option("Number of the GPU to use [none].")] = None,
    verbose: Annotated[int, option("0: tell nothing of runs before the end.", min=0)] = 1,
    path_dataset: Annotated[
        Path | None, option("CSV, Parquet or HDF5 [training.dataset].", panel=DATA)
    ] = None,
    group_by: Annotated[
        str,
        option("Rows of a source stay together: a column, or position (2 arcsec).", panel=DATA),
    ] = "",
    period_suffix: Annotated[
        Text, option("Period search that periodic features are from; None: no suffix.", panel=DATA)
    ] = None,
    feature_stats: Annotated[
        Text,
        option("config: scale by feature_stats, not by the training part.", panel=DATA),
    ] = None,
    threshold: Annotated[Number, option("Labels above it are positive.", panel=CLASS)] = None,
    balance: Annotated[
        Number, option("At most so many of the larger side for one of the smaller.", panel=CLASS)
    ] = None,
    weight_per_class: Annotated[Switch, option("Both sides count alike.", panel=CLASS)] = None,
    scale_features: Annotated[Text, option("min_max or median_std.", panel=CLASS)] = None,
    test_size: Annotated[Number, option("Share of the test part.", panel=CLASS)] = None,
    val_size: Annotated[
        Number, option("Share of the validation part in the rest.", panel=CLASS)
    ] = None,
    batch_size: Annotated[Count, option("Sources a step.", panel=LEARN)] = None,
    epochs: Annotated[Count, option("Passes over the training part, at most.", panel=LEARN)] = None,
    patience: Annotated[
        Count, option("Epochs without a better value before it stops.", panel=LEARN)
    ] = None,
    lr: Annotated[Number, option("Learning rate.", "--lr", "--learning-rate", panel=LEARN)] = None,
    beta_1: Annotated[Number, option("Of Adam.", panel=LEARN)] = None,
    beta_2: Annotated[Number, option("Of Adam.", panel=LEARN)] = None,
    epsilon: Annotated[Number, option("Of Adam.", panel=LEARN)] = None,
    amsgrad: Annotated[Switch, option("Adam with AMSGrad.", panel=LEARN)] = None,
    momentum: Annotated[Number, option("Of SGD.", panel=LEARN)] = None,
    decay: Annotated[Number, option("Of the learning rate, a step.", panel=LEARN)] = None,
    optimizer: Annotated[Text, option("adam or sgd.", panel=LEARN)] = None,
    loss: Annotated[Text, option("Loss of the network.", panel=LEARN)] = None,
    dense_branch: Annotated[Switch, option("Look at the features.", panel=LEARN)] = None,
    conv_branch: Annotated[Switch, option("Look at the dmdt.", panel=LEARN)] = None,
    monitor: Annotated[Text, option("What callbacks watch, as val_loss.", panel=LEARN)] = None,
    callbacks: Annotated[
        Text, option("reduce_lr_on_plateau,early_stopping or one of them.", panel=LEARN)
    ] = None,
    shuffle_buffer_size: Annotated[
        Count, option("Has no effect: all rows are shuffled.", panel=LEARN)
    ] = None,
    float_convert_types: Annotated[
        Text, option("Has no effect: 64,32, as all is learned in 32 bits.", panel=LEARN)
    ] = None,
    run_eagerly: Annotated[Switch, option("Do not compile the network.", panel=LEARN)] = None,
    pre_trained_model: Annotated[
        Text, option("Weights to begin with: a run folder or a file.", panel=LEARN)
    ] = None,
    weights_only: Annotated[
        Switch, option("Of those, take the weights and not the optimizer.", panel=LEARN)
    ] = None,
    search: Annotated[
        Switch, option("xgb: look for the parameters by cross-validation.", panel=LEARN)
    ] = None,
    skip_cv: Annotated[Switch, option("Do not (this is the default).", panel=LEARN)] = None,
    run_sweeps: Annotated[
        Switch, option("Not offered: sweeps of Weights & Biases.", panel=LEARN, hidden=True)
    ] = None,
    path_models: Annotated[Path, option("Folder of the groups.", panel=RESULT)] = Path("models"),
    group: Annotated[str, option("Name of the group of runs.", panel=RESULT)] = "experiment",
    save: Annotated[
        Switch, option("Keep the runs; without, only show metrics [keep].", panel=RESULT)
    ] = None,
    plot: Annotated[Switch, option("Write plots of each run [write].", panel=RESULT)] = None,
    plot_model: Annotated[
        Switch, option("Write the layers of each network as text.", panel=RESULT)
    ] = None,
    wandb: Annotated[Switch, option("Log runs to Weights & Biases.", panel=RESULT)] = None,
    job_type: Annotated[str, option("Job type there.", panel=RESULT)] = "train",
    tensorboard: Annotated[
        Path | None, option("Folder to log runs to for TensorBoard.", panel=RESULT)
    ] = None,
    as_json: Annotated[bool, option("Print one JSON array.", "--json", panel=RESULT)] = False,
) -> None:
    """Train classifiers: every class and random state a run, many at a time.

    The same command again goes on where it was stopped: finished runs are repeated only when
    the data set or an option changed, and what they replace is kept. An option goes over the
    entry of the class, and that over the built-in value. A switch may have a value: --save=t.
    """
    from ..classifiers import tracking, training
    from ..classifiers.jobs import TrainingOptions
    from ..config.loading import load_config
    from . import training_progress

    asked = context.params
    if run_sweeps:
        raise AstrodomeError(
            "Sweeps of Weights & Biases are not run.",
            "Look for the parameters of xgb with --search.",
            exit_code=2,
        )
    scope = _with_suffix(load_config(config), period_suffix)
    options = TrainingOptions(
        algorithm=algorithm,
        root=path_models,
        group=group,
        random_states=tuple(dict.fromkeys(random_state or ())),
        classes=_of_class(asked),
        dnn={name: asked[name] for name in OF_DNN if asked[name] is not None},
        group_by=group_by,
        configured_stats=_configured(feature_stats),
        search=bool(search) and not skip_cv,
        save=save,
        plot=plot,
        plot_model=bool(plot_model),
        jobs=jobs,
        environment={"CUDA_VISIBLE_DEVICES": "-1" if gpu is None else str(gpu)},
    )
    logs = tracking.loggers(wandb=bool(wandb), tensorboard=tensorboard, job_type=job_type)
    found: list[dict[str, Any]] = []
    outcome = compute.Outcome()
    with training_progress.shown(verbose) as shown:
        for done in training.train(
            scope,
            _dataset(path_dataset, scope),
            _tags(tag, every),
            options,
            shown.expect,
            _waiting,
        ):
            shown.add(done)
            found.append(done.value or training.failed(done.item, done.error))
            if done.value is None:
                outcome.failed.append((done.item.name, done.error))
                continue
            outcome.skipped += done.value["trained"] != "now"
            outcome.done += done.value["trained"] == "now"
            for log in logs:
                log(done.item.folder)
    order = {job.name: number for number, job in enumerate(shown.jobs)}
    found.sort(key=lambda row: order[f"{row['tag']} {row['random_state']}"])
    console.show(found, columns=COLUMNS, as_json=as_json)
    _tell_dropped(found)
    if any(row.get("run") for row in found):
        console.note(f"Runs and their report.html are in {path_models / group}.")
    console.finish(outcome, "trained", "classifiers")


def _waiting(jobs: Sequence[TrainingJob]) -> None:
    names = ", ".join(job.name for job in jobs[:5]) + (", …" if len(jobs) > 5 else "")
    console.note(f"Another process is training {names}; waiting for it.")


def _tell_dropped(found: list[dict[str, Any]]) -> None:
    """Print the number of dropped rows and the reasons, once for classes with the same numbers."""
    from ..classifiers.preprocessing import dropped_rows

    by_text: dict[str, list[dict[str, Any]]] = {}
    for row in found:
        if text := dropped_rows.describe(row.get("rows", {})):
            by_text.setdefault(text, []).append(row)
    for text, rows in by_text.items():
        tags = ", ".join(dict.fromkeys(row["tag"] for row in rows))
        if dropped_rows.many(rows[0]["rows"]):
            hint = "Impute the feature (impute_strategy) or exclude it (include: false)."
            console.warn(f"{tags}: {text}", hint)
        else:
            console.note(f"{tags}: {text}")


def _of_class(asked: dict[str, Any]) -> dict[str, Any]:
    given = {name: asked[name] for name in OF_CLASS if asked[name] is not None}
    if "callbacks" in given:
        given["callbacks"] = tuple(given["callbacks"].replace(",", " ").split())
    if "float_convert_types" in given:
        words = given["float_convert_types"].strip("()[] ").replace(",", " ").split()
        given["float_convert_types"] = tuple(words)
    if given.get("scale_features", "").lower() == "none":
        given["scale_features"] = None
    return given


def _tags(tags: list[str] | None, every: bool) -> list[str]:
    if every == bool(tags):
        raise AstrodomeError(
            "Say which classes to train: --tag TAG, as often as needed, or --all.",
            "See them: scope classes",
            exit_code=2,
        )
    return list(dict.fromkeys(tags or ()))


def _dataset(given: Path | None, scope: Any) -> Path:
    if given or scope.training.dataset:
        return given or Path(scope.training.dataset)
    raise AstrodomeError(
        "There is no data set to train on.",
        "Name one: --path-dataset FILE, or training.dataset in the configuration.",
        exit_code=2,
    )


def _configured(feature_stats: str | None) -> bool:
    if feature_stats not in (None, "config"):
        raise AstrodomeError(
            f"--feature-stats takes 'config', not '{feature_stats}'.",
            "Write statistics under feature_stats of the configuration.",
            exit_code=2,
        )
    return feature_stats == "config"


def _with_suffix(scope: Any, suffix: str | None) -> Any:
    if suffix is None:
        return scope
    from dataclasses import replace

    plain = "" if suffix.lower() == "none" else suffix
    sets = {name: replace(s, period_suffix=plain) for name, s in scope.feature_sets.items()}
    return replace(scope, feature_sets=sets)


command = typer.main.get_command(app)
