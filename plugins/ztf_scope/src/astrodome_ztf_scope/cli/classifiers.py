"""Commands that apply and evaluate trained classifiers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from astrodome import AstrodomeError, InvalidInputError, compute, console, outputs
from astrodome.errors import reason
from astrodome.option_groups import OptionGroup, expand, option

from . import documents
from .options import FOURIER_CONVENTION, Config, Json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..classifiers.trained_models import TrainedModel

MEASURED = (
    *("tag", "algorithm", "random_state", "sources", "positive", "unusable", "f1", "precision"),
    *("recall", "roc_auc", "average_precision", "brier"),
)
LESS_IMPORTANT = (("random_state",), ("unusable",), ("brier",), ("roc_auc",), ("sources",))
"""Columns that are hidden in narrow terminals, in this order."""
ModelsFolder = Annotated[Path, typer.Option(help="Folder that contains the groups of runs.")]


class ModelOptions(OptionGroup):
    """Options that select trained models."""

    group: list[str] | None = option(
        None, "Name of a group of runs. Can be repeated (default: experiment)."
    )
    models: list[Path] | None = option(
        None,
        "SCoPe model file, or a folder that contains run folders or SCoPe model files. Can be "
        "repeated (default: the folder of the group).",
    )
    path_models: ModelsFolder = Path("models")
    tag: list[str] | None = option(
        None, "Tag of a class to include. Can be repeated (default: all classes)."
    )
    algorithm: str = option(
        "", "Algorithm to include, for example dnn or xgb (default: all algorithms)."
    )
    random_state: int | None = option(
        None, "Random state of the runs (default: the most recent run for each class)."
    )
    config: Config = None

    def select(self) -> list[TrainedModel]:
        """Return the selected models.

        SCoPe model files contain only weights. Their other parameters are read from the
        configuration.
        """
        from ..classifiers import trained_models

        named = [*(self.models or ()), *(self.path_models / name for name in self.group or ())]
        places = named or [self.path_models / "experiment"]
        models = trained_models.find_models(
            places, self.tag or (), self.algorithm, self.random_state
        )
        only_weights = any(model.path.is_file() for model in models)
        if not only_weights and self.config is None:
            return models
        from ..classifiers.loaded_models import configure
        from ..config.loading import load_config

        scope = load_config(self.config)
        if not only_weights:
            console.warn(
                f"The configuration file {self.config} has no effect, because the selected runs "
                "contain their own configuration.",
                "A configuration file is used only for SCoPe model files, which contain only "
                "weights.",
            )
        return [configure(model, scope) for model in models]


@expand
@outputs.declare(documents.PredictionDocument)
def predict(
    data: list[Path] = typer.Argument(
        ..., metavar="FILE...", help="CSV, Parquet or HDF5 files that contain features."
    ),
    out: Path = option(Path("scores.parquet"), "Parquet file to write."),
    merge: str = option(
        "",
        "For each class, add a column that contains the mean or the maximum of the scores from all "
        "algorithms.",
        metavar="mean|max",
    ),
    batch_size: int = option(
        8192,
        "Number of rows per partition. An interrupted run resumes at the first missing partition.",
        min=1,
    ),
    scheduler: str = option("", "Address of a Dask scheduler (default: score in this process)."),
    force: bool = option(False, "Overwrite an existing output file."),
    fourier_convention: str = FOURIER_CONVENTION,
    as_json: Json = False,
    *,
    selection: ModelOptions,
) -> None:
    """Predict the scores of sources with all selected models, in one pass over the input files.

    The output file contains the identifiers, position, period and field of each source, and a
    column <tag>_<algorithm> for each model. A score is null if a required feature is missing. To
    resume an interrupted prediction, run the same command again.
    """
    from ..classifiers import prediction
    from ..tables import identifiers

    if merge not in ("", "mean", "max"):
        raise InvalidInputError(f"Invalid --merge '{merge}': expected mean or max.")
    how: Literal["mean", "max"] | None = merge or None  # type: ignore[assignment]
    models = selection.select()
    with console.progress("Scoring", prediction.count_rows(data), "sources") as bar:
        done = prediction.predict_files(
            data,
            models,
            out,
            rows=batch_size,
            merge=how,
            scheduler=scheduler,
            force=force,
            fourier_convention=fourier_convention,
            advance=bar.advance,
        )
    unusable = {column: count for column, count in done.unusable.items() if count}
    about: dict[str, Any] = {
        "out": str(done.path),
        "sources": done.rows,
        "models": [str(run.path) for run in models],
        "without score": unusable if as_json else [f"{c}: {n}" for c, n in unusable.items()],
    }
    console.show_one(about, as_json=as_json)
    for message in done.lost.values():
        console.warn(
            f"{message}. Affected identifiers are written as missing values to {done.path}.",
            identifiers.REMEDY,
        )
    if done.existing:
        console.note(f"{done.path} already contains the scores for these files and models.")


@expand
@outputs.declare(list[documents.ClassifierMetricsRow], reads_only=True)
def evaluate(
    data: Path = typer.Argument(
        ..., metavar="FILE", help="Labeled data set: a CSV, Parquet or HDF5 file."
    ),
    score_threshold: float = option(
        0.5, "Sources with a score above this value are classified as positive.", min=0, max=1
    ),
    fourier_convention: str = FOURIER_CONVENTION,
    as_json: Json = False,
    *,
    selection: ModelOptions,
) -> None:
    """Evaluate trained models on a labeled data set that was not used for training."""
    from ..classifiers import evaluation, loaded_models

    rows, outcome = [], compute.Outcome()
    for model in selection.select():
        try:
            loaded = loaded_models.load(model)
            measured = evaluation.evaluate(
                loaded, data, threshold=score_threshold, fourier_convention=fourier_convention
            )
        except AstrodomeError as error:
            outcome.failed.append((model.column, reason(error)))
            continue
        outcome.done += 1
        rows.append({"random_state": model.random_state, **measured})
    show_metrics(rows, MEASURED, as_json=as_json)
    _show_mean_f1(rows)
    console.finish(outcome, "evaluated", "models")


def show_metrics(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool
) -> None:
    """Print the metrics of classifiers, or hide the less important ones in a narrow terminal."""
    if not rows and not as_json:
        return
    from ..classifiers.evaluation import METRICS

    optional = [group for group in LESS_IMPORTANT if group[0] in columns]
    formats = dict.fromkeys(METRICS, ".3f")
    console.show(rows, columns=columns, formats=formats, optional=optional, as_json=as_json)


def _show_mean_f1(rows: list[dict[str, Any]]) -> None:
    """Show the mean F1 score for each algorithm with several models."""
    found: dict[str, list[float]] = {}
    for row in rows:
        if row["f1"] is not None:
            found.setdefault(row["algorithm"], []).append(row["f1"])
    for algorithm, scores in found.items():
        if len(scores) > 1:
            mean = sum(scores) / len(scores)
            console.note(f"Mean F1 score of {len(scores)} {algorithm} models: {mean:.3f}")


@outputs.declare(outputs.ReportDocument)
def report(
    group: str = typer.Argument("experiment", help="Name of the group of runs."),
    path_models: ModelsFolder = Path("models"),
    out: Path | None = option(
        None, "HTML file to write (default: report.html in the folder of the group)."
    ),
    as_json: Json = False,
) -> None:
    """Write a self-contained HTML report on a group of runs."""
    from ..classifiers import report as reports

    console.show_one({"report": str(reports.write(path_models / group, out))}, as_json=as_json)
