"""Commands of ``scope``: arguments in, library call, show the result."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from astrodome import AstrodomeError, compute, console

if TYPE_CHECKING:
    from ..classifiers.trained_models import TrainedModel

Config = Annotated[
    Path | None,
    typer.Option(dir_okay=False, help="Configuration that goes before ./config.yaml."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON array.")]
JsonObject = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
PathModels = Annotated[Path, typer.Option(help="Folder of the groups of runs.")]
Algorithm = Annotated[str, typer.Option(help="Only models of this one: dnn, xgb, … [all].")]
RandomState = Annotated[
    int | None, typer.Option(help="Only models of this state [the one trained last].")
]
Models = Annotated[
    list[Path] | None,
    typer.Option(
        help="Folder of a model or of many, or a file of SCoPe's; repeatable [those of --group]."
    ),
]
Tag = Annotated[list[str] | None, typer.Option(help="Only this class; repeatable [all].")]

MODELS = Path("models")
COLUMNS = (
    *("tag", "label", "parent", "features", "threshold", "balance", "weight_per_class"),
    "trained",
)
MEASURED = (
    *("tag", "algorithm", "random_state", "sources", "positive", "unusable", "f1", "precision"),
    *("recall", "roc_auc", "average_precision", "brier"),
)


def classes(
    tags: Annotated[
        list[str] | None, typer.Argument(metavar="[TAG]...", help="Only these classes.")
    ] = None,
    config: Config = None,
    path_models: PathModels = MODELS,
    as_json: Json = False,
) -> None:
    """Show the classes of the configured taxonomy, how each is trained, and what is trained.

    TrainedModel models are counted by group and algorithm. With --json also their runs, the number
    of features and the training parameters of each class.
    """
    from ..classifiers import trained_models
    from ..config.loading import load_config
    from ..config.taxonomy import class_records

    scope = load_config(config)
    trained = trained_models.by_tag(path_models)
    found = class_records(scope, tags or ())
    for row in found:
        of_class = trained.get(row["tag"], [])
        row["trained"] = trained_models.counted(of_class, path_models)
        row["runs"] = [str(run.path) for run in of_class]
    title = f"{len(found)} classes from {scope.origin}"
    console.show(found, title=title, columns=COLUMNS, as_json=as_json)


def init(
    path: Annotated[Path, typer.Argument(help="File to write, or its folder.")] = Path(
        "config.yaml"
    ),
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a commented configuration with all classes."""
    from ..config.loading import write_defaults

    written = write_defaults(path, replace=force)
    console.note(f"Wrote {written}. See what it says: scope classes --config {written}")


def predict(
    data: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Features: Parquet, CSV or HDF5.")
    ],
    out: Annotated[Path, typer.Option(help="Parquet file to write.")] = Path("scores.parquet"),
    group: Annotated[list[str] | None, typer.Option(help="Group of models; repeatable.")] = None,
    models: Models = None,
    path_models: PathModels = MODELS,
    tag: Tag = None,
    algorithm: Algorithm = "",
    random_state: RandomState = None,
    config: Config = None,
    merge: Annotated[
        str, typer.Option(metavar="mean|max", help="One more score a class, of its algorithms.")
    ] = "",
    batch_size: Annotated[
        int, typer.Option(min=1, help="Rows at a time, which a stopped run goes on with.")
    ] = 8192,
    scheduler: Annotated[str, typer.Option(help="Address of a Dask cluster to work on.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    as_json: JsonObject = False,
) -> None:
    """Score sources with trained models, all classes in one pass over the files.

    The file that is written has the sources' ids, positions, period and field, and a column
    <tag>_<algorithm> for each model; a source that lacks a feature has no score. The same
    command again goes on where it was stopped.
    """
    from ..classifiers.prediction import count_rows, predict_files
    from ..tables import identifiers

    if merge not in ("", "mean", "max"):
        raise AstrodomeError(f"--merge takes mean or max, not '{merge}'.", exit_code=2)
    places = _places(models, group, path_models)
    chosen = _chosen(places, tag or (), algorithm, random_state, config)
    with console.progress("Scoring", count_rows(data), "sources") as bar:
        done = predict_files(
            data,
            chosen,
            out,
            rows=batch_size,
            merge=merge or None,  # type: ignore[arg-type]
            scheduler=scheduler,
            force=force,
            advance=bar.advance,
        )
    lacking = {column: count for column, count in done.unusable.items() if count}
    about: dict[str, Any] = {
        "out": str(done.path),
        "sources": done.rows,
        "models": [str(run.path) for run in chosen],
        "without score": lacking if as_json else [f"{c}: {n}" for c, n in lacking.items()],
    }
    console.show_one(about, as_json=as_json)
    for message in done.lost.values():
        console.warn(f"{message}. Such identifiers are missing in {done.path}.", identifiers.REMEDY)
    if done.existing:
        console.note("The file is there already, from these files and models.")


def evaluate(
    data: Annotated[Path, typer.Argument(metavar="FILE", help="A labelled data set.")],
    models: Models = None,
    group: Annotated[list[str] | None, typer.Option(help="Group of models; repeatable.")] = None,
    path_models: PathModels = MODELS,
    tag: Tag = None,
    algorithm: Algorithm = "",
    random_state: RandomState = None,
    config: Config = None,
    score_threshold: Annotated[
        float, typer.Option(min=0, max=1, help="A source with a higher score is predicted.")
    ] = 0.5,
    as_json: Json = False,
) -> None:
    """Measure trained models on a labelled data set that they were not trained on."""
    from ..classifiers import evaluation, loaded_models

    places = _places(models, group, path_models)
    chosen = _chosen(places, tag or (), algorithm, random_state, config)
    found, outcome = [], compute.Outcome()
    for run in chosen:
        try:
            measured = evaluation.evaluate(loaded_models.load(run), data, threshold=score_threshold)
        except AstrodomeError as error:
            outcome.failed.append((run.column, f"{error.message} {error.hint}".rstrip()))
            continue
        outcome.done += 1
        found.append({"random_state": run.random_state, **measured})
    console.show(found, columns=MEASURED, as_json=as_json)
    console.finish(outcome, "measured", "models")


def report(
    group: Annotated[str, typer.Argument(help="Name of the group.")] = "experiment",
    path_models: PathModels = MODELS,
    out: Annotated[
        Path | None, typer.Option(help="The page [report.html in the group's folder].")
    ] = None,
    as_json: JsonObject = False,
) -> None:
    """Write one self-contained HTML page about a group of trained classifiers."""
    from ..classifiers import report as page

    console.show_one({"report": str(page.write(path_models / group, out))}, as_json=as_json)


def fetch_datasets(
    path: Annotated[Path, typer.Argument(help="Folder for the files.")] = Path("data/training"),
    jobs: Annotated[int, typer.Option(min=1, help="Downloads at a time.")] = 4,
    as_json: JsonObject = False,
) -> None:
    """Fetch SCoPe's data sets from Google Cloud Storage; files that are there stay.

    Settings: gcs.bucket, gcs.credentials (a JSON file) or gcs.token (an access token), gcs.url.
    """
    _fetch("datasets/*.csv", path, jobs, as_json)


def fetch_models(
    path: Annotated[Path, typer.Argument(help="Folder for the files.")] = MODELS,
    jobs: Annotated[int, typer.Option(min=1, help="Downloads at a time.")] = 4,
    as_json: JsonObject = False,
) -> None:
    """Fetch SCoPe's trained models from Google Cloud Storage; files that are there stay.

    Settings: gcs.bucket, gcs.credentials (a JSON file) or gcs.token (an access token), gcs.url.
    """
    _fetch("models/**", path, jobs, as_json)


def _fetch(pattern: str, folder: Path, jobs: int, as_json: bool) -> None:
    from ..classifiers import cloud_storage

    with console.progress("Fetching", None, "files") as bar:
        outcome = cloud_storage.fetch(
            pattern, folder, jobs=jobs, on_file=lambda name: bar.advance(1, name)
        )
    console.finish(outcome, "fetched", "files", as_json=as_json)


def _places(models: list[Path] | None, groups: list[str] | None, root: Path) -> list[Path]:
    """Folders to look for models in: those that are named, or the groups."""
    named = [*(models or ()), *(root / name for name in groups or ())]
    return named or [root / "experiment"]


def _chosen(
    places: list[Path],
    tags: Sequence[str],
    algorithm: str,
    random_state: int | None,
    config: Path | None,
) -> list[TrainedModel]:
    """The models to score with; the configuration is for those that come without their own."""
    from ..classifiers import trained_models

    chosen = trained_models.find_models(places, tags, algorithm, random_state)
    alone = any(model.path.is_file() for model in chosen)
    if not alone and config is None:
        return chosen
    from ..classifiers.loaded_models import configure
    from ..config.loading import load_config

    scope = load_config(config)
    if not alone:
        console.warn(
            f"{config} changes no score: these models are scored with what they were trained with.",
            "It is for SCoPe's own files, which hold weights alone.",
        )
    return [configure(model, scope) for model in chosen]
