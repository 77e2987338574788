"""The commands ``sdo data import``, ``sdo data resize`` and ``sdo data patch``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from astrodome import console, outputs
from astrodome.option_groups import DryRun, option, time_option

from .options import ImageFolder, Jobs, Json, Overwrite, ProcessingOptions


@outputs.declare(outputs.OutcomeDocument | outputs.PlanDocument)
def import_(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="FITS, JPEG 2000, JPX, JPEG or PNG files."),
    ],
    path: Path = option(..., "Output folder for the images and meta.csv."),
    wavelength: int = option(
        0, "Wavelength for files that do not contain it, in angstroms.", min=0
    ),
    date: datetime | None = time_option(None, "Observation time for files that do not contain it"),
    exposure: float | None = option(
        None, "Exposure time for files without a valid EXPTIME, in seconds.", min=0.000001
    ),
    plane: int | None = option(
        None, "Index (starting at 0) of the image to import from files with several images.", min=0
    ),
    size: int = option(
        0, "Width and height of the imported images, in pixels; 0 keeps the original size.", min=0
    ),
    overwrite: Overwrite = False,
    jobs: Jobs = 0,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Import images as grayscale JPEG images with north up, and add their metadata to meta.csv."""
    from ..processing.importing import import_files, plan_import

    options: dict[str, Any] = {
        "wavelength": wavelength,
        "date": date,
        "exposure": exposure,
        "plane": plane,
        "size": size,
        "overwrite": overwrite,
        "jobs": jobs,
    }
    if dry_run:
        with console.progress("Reading", len(files), "files", resumes=False) as bar:
            plan = plan_import(files, path, **options, advance=bar.advance)
        console.show_plan(plan, "written", "images", as_json=as_json)
        return
    with console.progress("Importing", len(files), "files") as bar:
        outcome = import_files(files, path, **options, advance=bar.advance)
    console.finish(outcome, "imported", "images", as_json=as_json)


@outputs.declare(outputs.OutcomeDocument | outputs.PlanDocument)
def resize(
    path: ImageFolder,
    targetpath: Path = option(
        Path("data_resized/train/aia"), "Output folder for the resized images."
    ),
    size: int = option(32, "Width and height of the resized images, in pixels.", min=1),
    exact: bool = option(
        False, "Decode all pixels before resizing. This is more accurate, but slower."
    ),
    dry_run: DryRun = False,
    as_json: Json = False,
    *,
    processing: ProcessingOptions,
) -> None:
    """Resize all images in a folder, and keep their file names."""
    from ..processing import resizing
    from ..processing.folders import list_images

    images = list_images(path, processing.wavelength, outside=targetpath)
    if dry_run:
        plan = resizing.plan_resize(
            *(path, targetpath, size, images),
            exact=exact,
            overwrite=processing.overwrite,
            jobs=processing.jobs,
        )
        console.show_plan(plan, "written", "images", as_json=as_json)
        return
    with console.progress("Resizing", len(images), "images") as bar:
        outcome = resizing.resize(
            path,
            targetpath,
            size,
            images=images,
            exact=exact,
            advance=bar.advance,
            **vars(processing),
        )
    console.finish(outcome, "resized", "images", as_json=as_json)


@outputs.declare(outputs.OutcomeDocument | outputs.PlanDocument)
def patch(
    path: ImageFolder,
    targetpath: Path = option(Path("data_patches/train/aia"), "Output folder for the patches."),
    size: int = option(256, "Width and height of the patches, in pixels.", min=1),
    max_patches: int = option(64, "Maximum number of patches per image.", min=1),
    crop_size: int = option(
        0, "Width of the image border that patches must not overlap, in pixels.", min=0
    ),
    seed: int = option(0, "Seed for the random patch positions."),
    dry_run: DryRun = False,
    as_json: Json = False,
    *,
    processing: ProcessingOptions,
) -> None:
    """Extract random patches from all images in a folder."""
    from ..processing import patches
    from ..processing.folders import list_images

    images = list_images(path, processing.wavelength, outside=targetpath)
    if dry_run:
        plan = patches.plan_patches(
            *(path, targetpath, size, max_patches, images),
            crop=crop_size,
            seed=seed,
            overwrite=processing.overwrite,
            jobs=processing.jobs,
        )
        console.show_plan(plan, "written", "patches", as_json=as_json)
        return
    with console.progress("Cutting", len(images), "images") as bar:
        outcome = patches.cut_patches(
            path,
            targetpath,
            size,
            max_patches,
            images=images,
            crop=crop_size,
            seed=seed,
            advance=bar.advance,
            **vars(processing),
        )
    console.finish(outcome, "written", "patches", as_json=as_json)
