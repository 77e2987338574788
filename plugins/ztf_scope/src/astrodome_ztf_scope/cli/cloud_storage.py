"""Commands that download SCoPe data sets and models from Google Cloud Storage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from astrodome import console, outputs
from astrodome.option_groups import DryRun, Json

Folder = Annotated[Path, typer.Argument(help="Folder to which the files are downloaded.")]
Downloads = Annotated[int, typer.Option(help="Maximum number of parallel downloads.", min=1)]


@outputs.declare(outputs.OutcomeDocument | outputs.PlanDocument)
def fetch_datasets(
    path: Folder = Path("data/training"),
    jobs: Downloads = 4,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Download the SCoPe data sets from Google Cloud Storage. Existing files are not replaced.

    The settings gcs.bucket and gcs.url select the bucket. To authenticate, set gcs.credentials
    (path of a JSON file) or gcs.token (access token).
    """
    _fetch("datasets/*.csv", path, jobs, dry_run, as_json)


@outputs.declare(outputs.OutcomeDocument | outputs.PlanDocument)
def fetch_models(
    path: Folder = Path("models"),
    jobs: Downloads = 4,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Download the trained SCoPe models from Google Cloud Storage. Existing files are not replaced.

    The settings gcs.bucket and gcs.url select the bucket. To authenticate, set gcs.credentials
    (path of a JSON file) or gcs.token (access token).
    """
    _fetch("models/**", path, jobs, dry_run, as_json)


def _fetch(pattern: str, folder: Path, jobs: int, dry_run: bool, as_json: bool) -> None:
    from ..classifiers import cloud_storage

    if dry_run:
        plan = cloud_storage.plan_fetch(pattern, folder)
        console.show_plan(plan, "fetched", "files", as_json=as_json)
        return
    with console.progress("Downloading", None, "files") as bar:
        outcome = cloud_storage.fetch(
            pattern, folder, jobs=jobs, on_file=lambda name: bar.advance(1, name)
        )
    console.finish(outcome, "fetched", "files", as_json=as_json)
