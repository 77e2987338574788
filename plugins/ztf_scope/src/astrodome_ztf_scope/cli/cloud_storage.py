"""Commands that download the data sets and models of SCoPe from Google Cloud Storage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from astrodome import console

from .options import Json

Folder = Annotated[Path, typer.Argument(help="Folder for the files.")]
Downloads = Annotated[int, typer.Option(help="Maximum number of parallel downloads.", min=1)]


def fetch_datasets(
    path: Folder = Path("data/training"), jobs: Downloads = 4, as_json: Json = False
) -> None:
    """Download the data sets of SCoPe from Google Cloud Storage; existing files are kept.

    Settings: gcs.bucket, gcs.credentials (a JSON file) or gcs.token (an access token), gcs.url.
    """
    _fetch("datasets/*.csv", path, jobs, as_json)


def fetch_models(path: Folder = Path("models"), jobs: Downloads = 4, as_json: Json = False) -> None:
    """Download the trained models of SCoPe from Google Cloud Storage; existing files are kept.

    Settings: gcs.bucket, gcs.credentials (a JSON file) or gcs.token (an access token), gcs.url.
    """
    _fetch("models/**", path, jobs, as_json)


def _fetch(pattern: str, folder: Path, jobs: int, as_json: bool) -> None:
    from ..classifiers import cloud_storage

    with console.progress("Downloading", None, "files") as bar:
        outcome = cloud_storage.fetch(
            pattern, folder, jobs=jobs, on_file=lambda name: bar.advance(1, name)
        )
    console.finish(outcome, "fetched", "files", as_json=as_json)
