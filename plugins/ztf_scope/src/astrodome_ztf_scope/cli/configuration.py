"""Commands that show and write the configuration."""

from __future__ import annotations

from pathlib import Path

import typer
from astrodome import console, outputs
from astrodome.option_groups import option

from . import documents
from .options import Config, Json

COLUMNS = (
    *("tag", "label", "parent", "features", "threshold", "balance", "weight_per_class"),
    "trained",
)
LESS_IMPORTANT = (("balance", "weight_per_class"), ("parent",), ("threshold",))
"""Columns that are hidden in narrow terminals, in this order."""


@outputs.declare(None)
def init(
    path: Path = typer.Argument(
        Path("config.yaml"), help="File to write, or a folder in which config.yaml is written."
    ),
    force: bool = option(False, "Overwrite an existing file.", "--force"),
) -> None:
    """Write the default configuration, with comments, to a file."""
    from ..config.loading import write_defaults

    written = write_defaults(path, replace=force)
    console.note(f"Wrote {written}. To show its classes: scope classes --config {written}")


@outputs.declare(list[documents.ClassDocument], reads_only=True)
def classes(
    tags: list[str] | None = typer.Argument(
        None, metavar="[TAG]...", help="Tags of the classes to show (default: all classes)."
    ),
    config: Config = None,
    path_models: Path = option(Path("models"), "Folder that contains the groups of runs."),
    as_json: Json = False,
) -> None:
    """Show the configured classes, their training parameters and the trained models.

    The column 'trained' shows the number of trained models by group and algorithm. With --json, the
    output also contains the run folders, the number of features and all training parameters of each
    class.
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
    console.show(records, title=title, columns=COLUMNS, as_json=as_json, optional=LESS_IMPORTANT)
