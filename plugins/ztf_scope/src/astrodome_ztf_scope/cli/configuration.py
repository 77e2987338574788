"""Commands that show and write the configuration."""

from __future__ import annotations

from pathlib import Path

import typer
from astrodome import console
from astrodome.option_groups import option

from .options import Config, Json

COLUMNS = (
    *("tag", "label", "parent", "features", "threshold", "balance", "weight_per_class"),
    "trained",
)


def init(
    path: Path = typer.Argument(Path("config.yaml"), help="File to write, or its folder."),
    force: bool = option(False, "Overwrite an existing file.", "--force"),
) -> None:
    """Write a commented configuration with all classes."""
    from ..config.loading import write_defaults

    written = write_defaults(path, replace=force)
    console.note(f"Wrote {written}. To show its classes: scope classes --config {written}")


def classes(
    tags: list[str] | None = typer.Argument(
        None, metavar="[TAG]...", help="Show only these classes."
    ),
    config: Config = None,
    path_models: Path = option(Path("models"), "Folder with the groups of models."),
    as_json: Json = False,
) -> None:
    """Show the configured classes, their training parameters and the trained models.

    Trained models are counted by group and algorithm. With --json, the output also contains the
    runs, the number of features and all training parameters of each class.
    """
    from ..classifiers import trained_models
    from ..config.loading import class_records, load_config

    scope = load_config(config)
    trained = trained_models.by_tag(path_models)
    records = class_records(scope, tags or ())
    for record in records:
        runs = trained.get(record["tag"], [])
        record["trained"] = trained_models.counted(runs, path_models)
        record["runs"] = [str(run.path) for run in runs]
    title = f"{len(records)} classes from {scope.origin}"
    console.show(records, title=title, columns=COLUMNS, as_json=as_json)
