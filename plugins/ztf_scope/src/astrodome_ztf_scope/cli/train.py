"""The command ``scope train``."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astrodome import AstrodomeError, compute, console
from astrodome.option_groups import OptionGroup, option

from .options import RESULT, Config, command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..classifiers.jobs import TrainingJob
    from ..config.loading import ScopeConfig

COLUMNS = (
    *("tag", "algorithm", "random_state", "f1", "precision", "recall", "roc_auc"),
    *("average_precision", "brier", "trained"),
)
NO_EFFECT = {
    "shuffle_buffer_size": "all rows are shuffled",
    "float_convert_types": "training always uses 32-bit floats",
    "weights_only": "the state of the optimizer is never loaded",
}
"""Options of scope-ml that have no effect, with the reason."""
DATA, CLASS, LEARNING = "Data", "Class entry", "Learning"
Text = str | None
Number = float | None
Count = int | None
Switch = bool | None


class DataOptions(OptionGroup, panel=DATA):
    """The data set."""

    path_dataset: Path | None = option(None, "CSV, Parquet or HDF5 file [training.dataset].")
    group_by: str = option(
        "",
        "Column that identifies the source, or position (within 2 arcsec). All rows of a source "
        "are assigned to the same subset.",
    )
    period_suffix: Text = option(
        None, "Suffix of the columns with periodic features, or None if they have no suffix."
    )
    feature_stats: Text = option(
        None,
        "config: scale with feature_stats of the configuration [statistics of the training set].",
    )

    def dataset(self, scope: ScopeConfig) -> Path:
        if self.path_dataset or scope.training.dataset:
            return self.path_dataset or Path(str(scope.training.dataset))
        raise AstrodomeError(
            "The data set is missing.",
            "Specify --path-dataset FILE, or training.dataset in the configuration.",
            exit_code=2,
        )

    def with_suffix(self, scope: ScopeConfig) -> ScopeConfig:
        """Return the configuration with the names of the periodic features."""
        if self.period_suffix is None:
            return scope
        suffix = "" if self.period_suffix.lower() == "none" else self.period_suffix
        sets = {name: replace(s, period_suffix=suffix) for name, s in scope.feature_sets.items()}
        return replace(scope, feature_sets=sets)

    def uses_configured_stats(self) -> bool:
        if self.feature_stats not in (None, "config"):
            raise AstrodomeError(
                f"Invalid --feature-stats '{self.feature_stats}': expected config.",
                "The statistics are in the section feature_stats of the configuration.",
                exit_code=2,
            )
        return self.feature_stats == "config"


class TrainingClassOptions(OptionGroup, panel=LEARNING):
    """Options that override the entry of a class, with the same names."""

    threshold: Number = option(None, "Labels above this value are positive.", panel=CLASS)
    balance: Number = option(
        None,
        "Maximum ratio between the numbers of rows with the more and the less frequent label.",
        panel=CLASS,
    )
    weight_per_class: Switch = option(
        None, "Weight positive and negative examples equally.", panel=CLASS
    )
    scale_features: Text = option(None, "Scaling method: min_max or median_std.", panel=CLASS)
    test_size: Number = option(None, "Fraction of the rows in the test set.", panel=CLASS)
    val_size: Number = option(
        None, "Fraction of the remaining rows in the validation set.", panel=CLASS
    )
    batch_size: Count = option(None, "Number of sources in a batch.")
    epochs: Count = option(None, "Maximum number of epochs.")
    patience: Count = option(None, "Number of epochs without improvement before training stops.")
    lr: Number = option(None, "Learning rate.", "--lr", "--learning-rate")
    beta_1: Number = option(None, "Parameter beta_1 of Adam.")
    beta_2: Number = option(None, "Parameter beta_2 of Adam.")
    epsilon: Number = option(None, "Parameter epsilon of Adam.")
    amsgrad: Switch = option(None, "Use the AMSGrad variant of Adam.")
    momentum: Number = option(None, "Momentum of SGD.")
    decay: Number = option(None, "Decay of the learning rate per step.")
    monitor: Text = option(None, "Metric that the callbacks monitor, for example val_loss.")
    callbacks: Text = option(
        None, "Callbacks: reduce_lr_on_plateau, early_stopping, or both, separated by a comma."
    )
    shuffle_buffer_size: Count = option(None, "No effect: all rows are shuffled.")
    float_convert_types: Text = option(None, "No effect: training always uses 32-bit floats.")
    run_eagerly: Switch = option(None, "Do not compile the network.")
    pre_trained_model: Text = option(None, "Run folder or file with the initial weights.")
    weights_only: Switch = option(None, "No effect: the state of the optimizer is never loaded.")

    def overrides(self) -> dict[str, Any]:
        """Return the given options as values of the entry."""
        given = self.given()
        for name, why in NO_EFFECT.items():
            if name in given:
                console.note(f"--{name.replace('_', '-')} has no effect: {why}.")
        for name in ("callbacks", "float_convert_types"):
            if name in given:
                given[name] = tuple(given[name].strip("()[] ").replace(",", " ").split())
        if given.get("scale_features", "").lower() == "none":
            given["scale_features"] = None
        return given


class NetworkOptions(OptionGroup, panel=LEARNING):
    """Options that override the section ``training.dnn``, with the same names."""

    optimizer: Text = option(None, "Optimizer: adam or sgd.")
    loss: Text = option(None, "Loss function of the network.")
    dense_branch: Switch = option(None, "Use the branch for the features.")
    conv_branch: Switch = option(None, "Use the branch for the dmdt images.")


class SearchOptions(OptionGroup, panel=LEARNING):
    """The parameter search of boosted trees."""

    search: Switch = option(None, "Search for the best parameters of xgb by cross-validation.")
    skip_cv: Switch = option(None, "Do not search the parameters (default).")
    run_sweeps: Switch = option(None, "Not supported: sweeps of Weights & Biases.", hidden=True)

    def enabled(self) -> bool:
        if self.run_sweeps:
            raise AstrodomeError(
                "Sweeps of Weights & Biases are not supported.",
                "Use --search for the parameters of xgb.",
                exit_code=2,
            )
        return bool(self.search) and not self.skip_cv


class TrainingResultOptions(OptionGroup, panel=RESULT):
    """Files and logs of the runs."""

    path_models: Path = option(Path("models"), "Folder with the groups of models.")
    group: str = option("experiment", "Name of the group of runs.")
    save: Switch = option(None, "Save the runs instead of only showing their metrics [save].")
    plot: Switch = option(None, "Write plots of each run [plot].")
    plot_model: Switch = option(None, "Write the layers of each network as text.")
    wandb: Switch = option(None, "Log the runs to Weights & Biases.")
    job_type: str = option("train", "Job type for Weights & Biases.")
    tensorboard: Path | None = option(None, "Folder for TensorBoard logs.")


@command
def train(
    tag: list[str] | None = option(None, "Class to train; repeatable."),
    every: bool = option(False, "Train every configured class.", "--all"),
    algorithm: str = option("dnn", "Algorithm: dnn, xgb, or an algorithm of another plugin."),
    random_state: list[int] | None = option(
        None, "Seed for all random numbers; repeatable, with one run per seed [seed of the class]."
    ),
    config: Config = None,
    jobs: int = option(0, "Number of parallel runs, or 0 for one run per CPU core.", min=0),
    gpu: Count = option(None, "Index of the GPU to use [none]."),
    verbose: int = option(1, "Level of detail; 0 hides the progress.", min=0),
    *,
    data: DataOptions,
    classes: TrainingClassOptions,
    network: NetworkOptions,
    search: SearchOptions,
    results: TrainingResultOptions,
    as_json: bool = option(False, "Print one JSON document.", "--json", panel=RESULT),
) -> None:
    """Train classifiers for classes and random states in parallel.

    If training is interrupted, the same command resumes it. Finished runs are repeated only if the
    data set or an option has changed; replaced runs are kept. An option has priority over the
    entry of the class in the configuration. A switch may have a value: --save=t.
    """
    from ..classifiers import tracking, training
    from ..classifiers.jobs import TrainingOptions
    from ..config.loading import load_config

    scope = data.with_suffix(load_config(config))
    options = TrainingOptions(
        algorithm=algorithm,
        root=results.path_models,
        group=results.group,
        random_states=tuple(dict.fromkeys(random_state or ())),
        classes=classes.overrides(),
        dnn=network.given(),
        group_by=data.group_by,
        configured_stats=data.uses_configured_stats(),
        search=search.enabled(),
        save=results.save,
        plot=results.plot,
        plot_model=bool(results.plot_model),
        jobs=jobs,
        environment={"CUDA_VISIBLE_DEVICES": "-1" if gpu is None else str(gpu)},
    )
    loggers = tracking.loggers(
        wandb=bool(results.wandb),
        tensorboard=results.tensorboard,
        job_type=results.job_type,
        on_error=console.warn,
    )
    rows: list[dict[str, Any]] = []
    outcome = compute.Outcome()
    dataset, tags = data.dataset(scope), list(scope.select(_tags(tag, every)))
    total = len(tags) * max(1, len(options.random_states))
    with console.progress("Training", total, "runs") if verbose else nullcontext() as bar:
        for done in training.train(scope, dataset, tags, options, _note_waiting):
            if bar:
                bar.advance(1, done.item.name)
            rows.append(done.value or training.failed(done.item, done.error))
            if done.value is None:
                outcome.failed.append((done.item.name, done.error))
                continue
            outcome.skipped += done.value["trained"] != "now"
            outcome.done += done.value["trained"] == "now"
            for log in loggers:
                log(done.item.folder)
    states = options.random_states
    rows.sort(
        key=lambda row: (tags.index(row["tag"]), states and states.index(row["random_state"]))
    )
    console.show(rows, columns=COLUMNS, as_json=as_json)
    _note_dropped_rows(rows)
    if any(row.get("run") for row in rows):
        console.note(f"Runs and their report.html are in {results.path_models / results.group}.")
    console.finish(outcome, "trained", "classifiers")


def _tags(tags: list[str] | None, every: bool) -> list[str]:
    if every == bool(tags):
        raise AstrodomeError(
            "Specify the classes to train: --tag TAG (repeatable), or --all.",
            "To list them: scope classes",
            exit_code=2,
        )
    return list(dict.fromkeys(tags or ()))


def _note_waiting(jobs: Sequence[TrainingJob]) -> None:
    names = ", ".join(job.name for job in jobs[:5]) + (", …" if len(jobs) > 5 else "")
    console.note(f"Waiting for another process that is training {names}.")


def _note_dropped_rows(rows: list[dict[str, Any]]) -> None:
    """Print the number of dropped rows and the reasons, once for classes with the same numbers."""
    from ..classifiers.preprocessing import dropped_rows

    by_text: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if text := dropped_rows.describe(row.get("rows", {})):
            by_text.setdefault(text, []).append(row)
    for text, same in by_text.items():
        tags = ", ".join(dict.fromkeys(row["tag"] for row in same))
        if dropped_rows.many(same[0]["rows"]):
            hint = "Impute the feature (impute_strategy) or exclude it (include: false)."
            console.warn(f"{tags}: {text}", hint)
        else:
            console.note(f"{tags}: {text}")
