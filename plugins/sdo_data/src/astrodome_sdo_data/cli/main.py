"""The commands under ``sdo data``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from astrodome import console, times

from . import download, sources, views

app = typer.Typer(
    help="Images of the Sun: download, import, resize, cut into patches.", no_args_is_help=True
)
app.command()(download.download)
app.add_typer(views.app)
app.command()(sources.sources)

Images = Annotated[Path, typer.Option("--path", help="Folder of the images, with its sub-folders.")]
Wavelength = Annotated[
    str, typer.Option(help="Only images of this wavelength (angstrom) or pattern.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Do again what is there already.")]
Jobs = Annotated[int, typer.Option(min=0, help="Images worked on at a time; 0: one a core.")]
Scheduler = Annotated[
    str, typer.Option(help="Address of a Dask cluster that does the work, as tcp://HOST:8786.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def _utc(text: str) -> datetime:
    return times.utc(text).replace(tzinfo=UTC)


@app.command("import")
def import_files(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="FITS, JPEG 2000, JPX, JPEG or PNG.")
    ],
    path: Annotated[Path, typer.Option(help="Folder for the images and their meta.csv.")],
    wavelength: Annotated[
        int, typer.Option(min=0, help="Wavelength (angstrom) of files that do not say it.")
    ] = 0,
    date: Annotated[
        datetime | None,
        typer.Option(parser=_utc, metavar="TIME", help="Time (UTC) of files that do not say it."),
    ] = None,
    exposure: Annotated[
        float | None,
        typer.Option(min=0.000001, help="Exposure time (s) of files without a valid EXPTIME."),
    ] = None,
    plane: Annotated[
        int | None,
        typer.Option(min=0, help="Image to import from files with several images, from 0."),
    ] = None,
    size: Annotated[
        int, typer.Option(min=0, help="Pixels a side of the images; 0: those of the file.")
    ] = 0,
    overwrite: Overwrite = False,
    jobs: Jobs = 0,
    as_json: Json = False,
) -> None:
    """Bring files into a folder as named grey images, north up, described in meta.csv."""
    from ..processing.importing import ingest

    with console.progress("Importing", len(files), "files") as bar:
        outcome = ingest(
            files,
            path,
            wavelength=wavelength,
            t_obs=date,
            exposure=exposure,
            plane=plane,
            size=size,
            overwrite=overwrite,
            jobs=jobs,
            advance=bar.advance,
        )
    console.finish(outcome, "imported", "images", as_json=as_json)


@app.command()
def resize(
    path: Images,
    targetpath: Annotated[Path, typer.Option(help="Folder for the smaller images.")] = Path(
        "data_resized/train/aia"
    ),
    wavelength: Wavelength = "*",
    size: Annotated[int, typer.Option(min=1, help="Pixels a side of the new images.")] = 32,
    exact: Annotated[
        bool, typer.Option("--exact", help="Decode all pixels; slower, see the documentation.")
    ] = False,
    overwrite: Overwrite = False,
    jobs: Jobs = 0,
    scheduler: Scheduler = "",
    as_json: Json = False,
) -> None:
    """Make every image of a folder smaller, under its own name."""
    from .. import images

    names = images.find(path, wavelength, outside=targetpath)
    with console.progress("Resizing", len(names), "images") as bar:
        outcome = images.resize(
            names,
            path,
            targetpath,
            size,
            exact=exact,
            overwrite=overwrite,
            jobs=jobs,
            scheduler=scheduler,
            advance=bar.advance,
        )
    console.finish(outcome, "resized", "images", as_json=as_json)


@app.command()
def patch(
    path: Images,
    targetpath: Annotated[Path, typer.Option(help="Folder for the patches.")] = Path(
        "data_patches/train/aia"
    ),
    wavelength: Wavelength = "*",
    size: Annotated[int, typer.Option(min=1, help="Pixels a side of a patch.")] = 256,
    max_patches: Annotated[int, typer.Option(min=1, help="Patches of an image, at most.")] = 64,
    crop_size: Annotated[
        int, typer.Option(min=0, help="Pixels taken off each side of an image first.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same patches.")] = 0,
    overwrite: Overwrite = False,
    jobs: Jobs = 0,
    scheduler: Scheduler = "",
    as_json: Json = False,
) -> None:
    """Cut random patches out of every image of a folder."""
    from .. import images

    names = images.find(path, wavelength, outside=targetpath)
    with console.progress("Cutting", len(names), "images") as bar:
        outcome = images.patch(
            names,
            path,
            targetpath,
            size,
            max_patches,
            crop=crop_size,
            seed=seed,
            overwrite=overwrite,
            jobs=jobs,
            scheduler=scheduler,
            advance=bar.advance,
        )
    console.finish(outcome, "written", "patches", as_json=as_json)
