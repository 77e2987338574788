"""The command ``scope train``."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astrodome import InvalidInputError, compute, console, option_groups, outputs
from astrodome.option_groups import OptionGroup, option

from . import documents
from .classifiers import show_metrics
from .options import FOURIER_CONVENTION, RESULT, Config, command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ..classifiers.jobs import TrainingJob
    from ..config.loading import ScopeConfig

COLUMNS = (
    *("tag", "algorithm", "random_state", "f1", "precision", "recall", "roc_auc"),
    *("average_precision", "brier", "trained"),
)
NO_EFFECT = {
    "shuffle_buffer_size": "all rows are shuffled",
    "float_convert_types": "training always uses 32-bit floats",
    "weights_only": "the optimizer state is never loaded",
}
"""Reasons why some scope-ml options have no effect, keyed by option name."""
DATA, CLASS, LEARNING = "Data", "Class entry", "Learning"
Text = str | None
Number = float | None
Count = int | None
Switch = bool | None


class DataOptions(OptionGroup, panel=DATA):
    """Options that select the data set and specify how it is interpreted."""

    path_dataset: Path | None = option(
        None,
        "Labeled CSV, Parquet or HDF5 file (default: training.dataset in the configuration).",
    )
    group_by: str = option(
        "",
        "Column that identifies the source in each row, or 'position' to group rows that are "
        "within 2 arcsec of each other. All rows of a source are assigned to the same subset.",
    )
    period_suffix: Text = option(
        None,
        "Suffix in the names of columns with periodic features; 'None' means that the names have "
        "no suffix.",
    )
    fourier_convention: str = FOURIER_CONVENTION
    feature_stats: Text = option(
        None,
        "Statistics for scaling. The only valid value is 'config', which selects feature_stats in "
        "the configuration (default: statistics of the training set).",
    )

    def dataset(self, scope: ScopeConfig) -> Path:
        if self.path_dataset or scope.training.dataset:
            return self.path_dataset or Path(str(scope.training.dataset))
        raise InvalidInputError(
            "No data set specified.",
            "Specify --path-dataset FILE, or training.dataset in the configuration.",
        )

    def with_suffix(self, scope: ScopeConfig) -> ScopeConfig:
        """Return the configuration with ``--period-suffix`` applied to all feature sets."""
        if self.period_suffix is None:
            return scope
        suffix = "" if self.period_suffix.lower() == "none" else self.period_suffix
        sets = {name: replace(s, period_suffix=suffix) for name, s in scope.feature_sets.items()}
        return replace(scope, feature_sets=sets)

    def uses_configured_stats(self) -> bool:
        if self.feature_stats not in (None, "config"):
            raise InvalidInputError(
                f"Invalid --feature-stats '{self.feature_stats}': expected 'config'.",
                "With 'config', the statistics are read from feature_stats in the configuration.",
            )
        return self.feature_stats == "config"


class TrainingClassOptions(OptionGroup, panel=LEARNING):
    """Options that override values with the same names in the configuration for each class."""

    threshold: Number = option(
        None, "Rows with a label above this value are positive examples.", panel=CLASS
    )
    balance: Number = option(
        None,
        "Maximum number of training rows with the majority label, as a multiple of the number of "
        "training rows with the minority label.",
        panel=CLASS,
    )
    weight_per_class: Switch = option(
        None, "Give positive and negative examples the same total weight.", panel=CLASS
    )
    scale_features: Text = option(
        None, "Scaling method: min_max, median_std, or none to disable scaling.", panel=CLASS
    )
    test_size: Number = option(
        None, "Fraction of the rows that are used as the test set.", panel=CLASS
    )
    val_size: Number = option(
        None,
        "Fraction of the rows outside the test set that are used as the validation set.",
        panel=CLASS,
    )
    batch_size: Count = option(None, "Number of rows per training batch.")
    epochs: Count = option(None, "Maximum number of training epochs.")
    patience: Count = option(None, "Number of epochs without improvement before training stops.")
    lr: Number = option(None, "Learning rate.", "--lr", "--learning-rate")
    beta_1: Number = option(None, "Decay rate for the first moment in Adam.")
    beta_2: Number = option(None, "Decay rate for the second moment in Adam.")
    epsilon: Number = option(None, "Constant for numerical stability in Adam.")
    amsgrad: Switch = option(None, "Use the AMSGrad variant of Adam.")
    momentum: Number = option(None, "Momentum for the optimizer sgd.")
    decay: Number = option(
        None, "Decay rate d of the learning rate: after n training steps, it is lr / (1 + d * n)."
    )
    monitor: Text = option(None, "Metric that the callbacks monitor, for example val_loss.")
    callbacks: Text = option(
        None,
        "Comma-separated list of Keras callbacks. Available callbacks: reduce_lr_on_plateau, "
        "early_stopping and tensorboard.",
    )
    shuffle_buffer_size: Count = option(
        None, "Accepted for compatibility, but has no effect: all rows are shuffled."
    )
    float_convert_types: Text = option(
        None, "Accepted for compatibility, but has no effect: training always uses 32-bit floats."
    )
    run_eagerly: Switch = option(None, "Run the network eagerly, without compiling a graph.")
    pre_trained_model: Text = option(
        None, "Run folder or model file from which the initial weights are loaded."
    )
    weights_only: Switch = option(
        None, "Accepted for compatibility, but has no effect: the optimizer state is never loaded."
    )

    def overrides(self) -> dict[str, Any]:
        """Return the specified options as values for the configuration entries."""
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
    """Options that override the values with the same names in the section ``training.dnn``."""

    optimizer: Text = option(None, "Optimizer for the network: adam or sgd.")
    loss: Text = option(
        None, "Keras loss function for the network, for example binary_crossentropy."
    )
    dense_branch: Switch = option(None, "Enable the dense branch, which processes the features.")
    conv_branch: Switch = option(
        None, "Enable the convolution branch, which processes the dmdt images."
    )


class ParameterSearchOptions(OptionGroup, panel=LEARNING):
    """Options for the parameter search for boosted trees."""

    search: Switch = option(
        None,
        "Before training, search for the best parameters of the algorithm xgb by cross-validation.",
    )
    skip_cv: Switch = option(None, "Skip the parameter search, even if --search is given.")
    run_sweeps: Switch = option(None, "Not supported: run a Weights & Biases sweep.", hidden=True)

    def enabled(self) -> bool:
        if self.run_sweeps:
            raise InvalidInputError(
                "Weights & Biases sweeps (--run-sweeps) are not supported.",
                "Use --search to search for the best parameters of the algorithm xgb.",
            )
        return bool(self.search) and not self.skip_cv


class TrainingResultOptions(OptionGroup, panel=RESULT):
    """Options for the files and logs that are written for each run."""

    path_models: Path = option(Path("models"), "Folder that contains the groups of runs.")
    group: str = option("experiment", "Name of the group to which the runs are added.")
    save: Switch = option(
        None,
        "Save the runs. If runs are not saved, only their metrics are shown (default: the value of "
        "'save' in the configuration entry for the class, or true).",
    )
    plot: Switch = option(
        None,
        "Write plots for each saved run (default: the value of 'plot' in the configuration entry "
        "for the class, or true).",
    )
    plot_model: Switch = option(None, "Write a list of the network layers to a text file.")
    wandb: Switch = option(None, "Log the runs to Weights & Biases.")
    job_type: str = option("train", "Job type of the runs in Weights & Biases.")
    tensorboard: Path | None = option(None, "Folder to which TensorBoard logs are written.")


@command
@outputs.declare(list[documents.TrainedRow | documents.FailedTrainingRow])
def train(
    tag: list[str] | None = option(None, "Tag of a class to train. Can be repeated."),
    every: bool = option(False, "Train all configured classes.", "--all"),
    algorithm: str = option("dnn", "Algorithm: dnn, xgb, or an algorithm from another plugin."),
    assignment: list[str] | None = option(
        None,
        "Option of an algorithm from another plugin. Can be repeated. To list the options: scope "
        "config show scope_ALGORITHM.",
        "--set",
        metavar="KEY=VALUE",
    ),
    random_state: list[int] | None = option(
        None,
        "Seed for all random numbers. Can be repeated (default: random_state of the class).",
    ),
    config: Config = None,
    jobs: int = option(0, "Maximum number of parallel runs; 0 means one run per CPU core.", min=0),
    gpu: Count = option(None, "Index of the GPU to use (default: no GPU)."),
    verbose: int = option(1, "Verbosity level; 0 hides the progress bar.", min=0),
    *,
    data: DataOptions,
    classes: TrainingClassOptions,
    network: NetworkOptions,
    search: ParameterSearchOptions,
    results: TrainingResultOptions,
    as_json: bool = option(False, "Print the result as JSON.", "--json", panel=RESULT),
) -> None:
    """Train one classifier for each combination of class and random state, in parallel.

    To resume interrupted training, run the same command again. A finished run is executed again
    only if the data set or a relevant option has changed. In this case, the previous run is kept in
    the folder 'replaced'. Options override the configuration entry for each class. Boolean options
    accept a value, for example --save=t.
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
        algorithm_options=option_groups.assignments(assignment or [], "trees=200"),
        group_by=data.group_by,
        fourier_convention=data.fourier_convention,
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
    dataset, tags = data.dataset(scope), list(scope.select(_tags(tag, every)))
    total = len(tags) * max(1, len(options.random_states))
    with console.progress("Training", total, "runs") if verbose else nullcontext() as bar:
        rows, outcome = _collected(
            training.train(scope, dataset, tags, options, _note_waiting), loggers, bar
        )
    states = options.random_states
    rows.sort(
        key=lambda row: (tags.index(row["tag"]), states and states.index(row["random_state"]))
    )
    show_metrics(rows, COLUMNS, as_json=as_json)
    _note_dropped_rows(rows)
    if any(row.get("run") for row in rows):
        console.note(f"The runs and report.html are in {results.path_models / results.group}.")
    console.finish(outcome, "trained", "classifiers")


def _collected(
    runs: Iterable[compute.ItemResult[TrainingJob, dict[str, Any]]],
    loggers: Sequence[Callable[[Path], None]],
    bar: Any,
) -> tuple[list[dict[str, Any]], compute.Outcome]:
    """Log each finished run, and return the rows of all runs and the outcome."""
    from ..classifiers import training

    rows: list[dict[str, Any]] = []
    outcome = compute.Outcome()
    for done in runs:
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
    return rows, outcome


def _tags(tags: list[str] | None, every: bool) -> list[str]:
    if every == bool(tags):
        raise InvalidInputError(
            "Specify either the classes to train (--tag TAG, which can be repeated) or --all.",
            "To list the configured classes: scope classes",
        )
    return list(dict.fromkeys(tags or ()))


def _note_waiting(jobs: Sequence[TrainingJob]) -> None:
    names = ", ".join(job.name for job in jobs[:5]) + (", …" if len(jobs) > 5 else "")
    console.note(f"Waiting for another process that is training {names}.")


def _note_dropped_rows(rows: list[dict[str, Any]]) -> None:
    """Print the number of dropped rows and the reasons, once for all classes with equal counts."""
    from ..classifiers.preprocessing import dropped_rows

    by_text: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if text := dropped_rows.describe(row.get("rows", {})):
            by_text.setdefault(text, []).append(row)
    for text, same in by_text.items():
        tags = ", ".join(dict.fromkeys(row["tag"] for row in same))
        if dropped_rows.many(same[0]["rows"]):
            hint = "Impute these features (impute_strategy) or exclude them (include: false)."
            console.warn(f"{tags}: {text}", hint)
        else:
            console.note(f"{tags}: {text}")
