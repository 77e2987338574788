"""``sdo data import``, ``sdo data resize`` and ``sdo data patch``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from astrodome import console

from .options import ImageFolder, Jobs, Json, Overwrite, Scheduler, Wavelength, time_option


def import_(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="FITS, JPEG 2000, JPX, JPEG or PNG.")
    ],
    path: Annotated[Path, typer.Option(help="Folder for the images and their meta.csv.")],
    wavelength: Annotated[
        int, typer.Option(min=0, help="Wavelength (angstrom) of files that do not contain it.")
    ] = 0,
    date: Annotated[
        datetime | None, time_option("Time of observation of files that do not contain it")
    ] = None,
    exposure: Annotated[
        float | None,
        typer.Option(min=0.000001, help="Exposure time (s) of files without a valid EXPTIME."),
    ] = None,
    plane: Annotated[
        int | None,
        typer.Option(
            min=0, help="Number of the image to import from a file with several, counted from 0."
        ),
    ] = None,
    size: Annotated[
        int, typer.Option(min=0, help="Size of the images in pixels per side; 0: unchanged.")
    ] = 0,
    overwrite: Overwrite = False,
    jobs: Jobs = 0,
    as_json: Json = False,
) -> None:
    """Import observations as named grey images with north up, and add them to meta.csv."""
    from ..processing.importing import import_files

    with console.progress("Importing", len(files), "files") as bar:
        outcome = import_files(
            files,
            path,
            wavelength=wavelength,
            date=date,
            exposure=exposure,
            plane=plane,
            size=size,
            overwrite=overwrite,
            jobs=jobs,
            advance=bar.advance,
        )
    console.finish(outcome, "imported", "images", as_json=as_json)


def resize(
    path: ImageFolder,
    targetpath: Annotated[Path, typer.Option(help="Folder for the resized images.")] = Path(
        "data_resized/train/aia"
    ),
    wavelength: Wavelength = "*",
    size: Annotated[
        int, typer.Option(min=1, help="Size of the resized images in pixels per side.")
    ] = 32,
    exact: Annotated[
        bool, typer.Option("--exact", help="Decode all pixels first; slower, see the README.")
    ] = False,
    overwrite: Overwrite = False,
    jobs: Jobs = 0,
    scheduler: Scheduler = "",
    as_json: Json = False,
) -> None:
    """Resize all images of a folder and keep their names."""
    from ..processing import resizing
    from ..processing.folders import list_images

    images = list_images(path, wavelength, outside=targetpath)
    with console.progress("Resizing", len(images), "images") as bar:
        outcome = resizing.resize(
            path,
            targetpath,
            size,
            images=images,
            exact=exact,
            overwrite=overwrite,
            jobs=jobs,
            scheduler=scheduler,
            advance=bar.advance,
        )
    console.finish(outcome, "resized", "images", as_json=as_json)


def patch(
    path: ImageFolder,
    targetpath: Annotated[Path, typer.Option(help="Folder for the patches.")] = Path(
        "data_patches/train/aia"
    ),
    wavelength: Wavelength = "*",
    size: Annotated[int, typer.Option(min=1, help="Size of the patches in pixels per side.")] = 256,
    max_patches: Annotated[
        int, typer.Option(min=1, help="Maximum number of patches per image.")
    ] = 64,
    crop_size: Annotated[
        int, typer.Option(min=0, help="Width of the border that patches exclude, in pixels.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the random positions.")] = 0,
    overwrite: Overwrite = False,
    jobs: Jobs = 0,
    scheduler: Scheduler = "",
    as_json: Json = False,
) -> None:
    """Cut random patches out of all images of a folder."""
    from ..processing import patches
    from ..processing.folders import list_images

    images = list_images(path, wavelength, outside=targetpath)
    with console.progress("Cutting", len(images), "images") as bar:
        outcome = patches.cut_patches(
            path,
            targetpath,
            size,
            max_patches,
            images=images,
            crop=crop_size,
            seed=seed,
            overwrite=overwrite,
            jobs=jobs,
            scheduler=scheduler,
            advance=bar.advance,
        )
    console.finish(outcome, "written", "patches", as_json=as_json)
