"""Import image files into a folder, and add their metadata to ``meta.csv``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astrodome import AstrodomeError, compute, files
from astrodome_solar import metadata
from astrodome_solar.formats import raster, reading
from astrodome_solar.formats.reading import ImageReference
from astrodome_solar.times import parse_time

from .folders import MAX_AGE

if TYPE_CHECKING:
    from astrodome_solar import SolarImage

SAME_IMAGE = "Another of the files contains an image with the same time and channel."
BATCH = 64
"""Number of imported images after which ``meta.csv`` is updated."""


def import_files(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    folder: str | os.PathLike[str],
    *,
    wavelength: int | None = None,
    date: Any = None,
    exposure: float | None = None,
    plane: int | None = None,
    size: int = 0,
    overwrite: bool = False,
    jobs: int = 0,
    advance: Callable[[], object] | None = None,
) -> compute.Outcome:
    """Import image files as grayscale JPEG images with north up.

    Intensities in FITS files are divided by the exposure time, clipped to the intensity range of
    the channel, and scaled to eight bits. The values of images with eight bits per pixel are not
    changed. An image is skipped if it was already imported from the same file.

    Parameters
    ----------
    paths : path or iterable of paths
        FITS, JPEG 2000, JPX, JPEG or PNG files.
    folder : path
        Output folder for the images and ``meta.csv``.
    wavelength : int, optional
        Wavelength in angstroms for files that do not contain it.
    date : time, optional
        Observation time (UTC) for files that do not contain it.
    exposure : float, optional
        Exposure time in seconds for FITS files that do not contain it.
    plane : int, optional
        Index of the image to import from files with several images, starting at 0. By default, all
        images in a JPX file are imported, and FITS files with several images are rejected.
    size : int
        Width and height of the imported images in pixels. 0 keeps the size of the input image.
    overwrite : bool
        Whether to overwrite existing images.
    jobs : int
        Number of images to import in parallel. 0 means one per CPU core.
    advance : callable, optional
        Function that is called without arguments after each file.

    Returns
    -------
    astrodome.compute.Outcome
        Number of imported images, number of skipped images, and the name and reason for each
        failure.

    Examples
    --------
    >>> outcome = import_files(fits_file, "imported")
    >>> outcome.done, outcome.failed
    (1, [])
    """
    folder = Path(folder).expanduser()
    paths = [paths] if isinstance(paths, str | os.PathLike) else paths
    options = {
        "wavelength": wavelength or None,
        "date": None if date is None else parse_time(date),
        "exposure": exposure,
    }
    folder.mkdir(parents=True, exist_ok=True)
    files.sweep(folder, MAX_AGE)
    known = frozenset() if overwrite else frozenset(metadata.read_rows(folder))
    outcome = compute.Outcome()
    references, last_of_file, outcome.skipped = _references(paths, plane)
    origins: dict[str, ImageReference] = {}
    rows: list[dict[str, Any]] = []
    function = partial(_import_image, folder, known, _existing(folder), options, size, overwrite)
    try:
        jobs = min(jobs or compute.cores(), len(references) or 1)
        # Keep the order, so that the first of several images with the same name is imported.
        for result in compute.map(function, references, jobs=jobs, ordered=True, in_process=True):
            if result.value is None:
                outcome.failed.append((str(result.item), result.error))
            elif first := origins.get(result.value[0]):
                reason = f"{first}, which has the same time and channel, was already imported."
                outcome.failed.append((str(result.item), reason))
            else:
                name, content, row = result.value
                origins[name] = result.item
                if row is None:
                    outcome.skipped += 1
                else:
                    files.write_bytes(folder / name, content)
                    rows.append(row)
                    outcome.done += 1
            if advance and result.item in last_of_file:
                advance()
            if len(rows) >= BATCH:
                metadata.add_rows(folder, rows)
                rows.clear()
    finally:
        if rows:
            metadata.add_rows(folder, rows)
    outcome.failed.sort()
    return outcome


def plan_import(
    paths: Iterable[Path],
    folder: Path,
    *,
    wavelength: int | None = None,
    date: Any = None,
    exposure: float | None = None,
    plane: int | None = None,
    size: int = 0,
    overwrite: bool = False,
    jobs: int = 0,
    advance: Callable[[], object] = lambda: None,
) -> compute.Plan:
    """Return the files that :func:`import_files` would write. All images are read and encoded."""
    folder, plan, names = folder.expanduser(), compute.Plan(), set[str]()
    options = {"wavelength": wavelength or None, "date": date, "exposure": exposure}
    known = frozenset() if overwrite else frozenset(metadata.read_rows(folder))
    references, last_of_file, plan.skipped = _references(paths, plane)
    function = partial(_import_image, folder, known, _existing(folder), options, size, overwrite)
    jobs = min(jobs or compute.cores(), len(references) or 1)
    for result in compute.map(function, references, jobs=jobs, ordered=True, in_process=True):
        if result.value is None:
            plan.failed.append((str(result.item), result.error))
        elif result.value[0] in names:
            plan.failed.append((str(result.item), SAME_IMAGE))
        else:
            name, _, row = result.value
            names.add(name)
            plan.planned += [str(folder / name)] if row is not None else []
            plan.skipped += row is None
        if result.item in last_of_file:
            advance()
    plan.failed.sort()
    return plan


def _references(
    paths: Iterable[str | os.PathLike[str]], plane: int | None
) -> tuple[list[ImageReference], set[ImageReference], int]:
    """Return all images in the files, the last image of each file, and the number of others."""
    references: list[ImageReference] = []
    last_of_file: set[ImageReference] = set()
    skipped = 0
    for path in dict.fromkeys(Path(path).expanduser() for path in paths):
        found, ignored = [ImageReference(path, plane)], 0
        if plane is None:
            found, ignored = reading.find_images(path)
        references += found
        last_of_file.add(found[-1])
        skipped += ignored
    return references, last_of_file, skipped


def _existing(folder: Path) -> frozenset[str]:
    """Return the names of the files in a folder."""
    return frozenset(path.name for path in folder.iterdir()) if folder.is_dir() else frozenset()


def _import_image(
    folder: Path,
    known: frozenset[str],
    before: frozenset[str],
    options: dict[str, Any],
    size: int,
    overwrite: bool,
    reference: ImageReference,
) -> tuple[str, bytes, dict[str, Any] | None]:
    """Return the name, the content and the metadata of an image.

    ``known`` contains the names in the metadata table, and ``before`` the names of the files that
    existed when the command started. If the image already exists, the content is empty, and the
    metadata are None.
    """
    if reference.path.is_dir():
        raise AstrodomeError("Expected a file, got a folder. Specify the files in the folder.")
    image = reading.read(reference, **options)
    name, path = image.file_name, str(folder / image.file_name)
    origin = f" px, of {reference.name}"
    comment = f"sdo data import: {size or 'all'}{origin}"
    if name in known and raster.is_up_to_date(path, comment, reference.path.stat().st_mtime_ns):
        return name, b"", None
    existing = raster.comment_of(path) if name in before else ""
    if existing.startswith("sdo data import: ") and not existing.endswith(origin) and not overwrite:
        other = existing.partition(" px, of ")[2]
        raise AstrodomeError(
            f"{name} was already imported from {other}. To replace it, overwrite existing images."
        )
    upright = image.north_up()
    row = _metadata_row(upright) | {"FILE_NAME": name}
    if stamp := image.header.get("date-obs"):
        row["DATE_OBS"] = str(stamp)
    return name, bytes(raster.encoded(upright.to_picture(size), name, comment)), row


def _metadata_row(image: SolarImage) -> dict[str, Any]:
    """Return the row of an image for the metadata table.

    If the image has no header, the row in the metadata table of its folder is used, if it exists.
    """
    row = image.metadata_row()
    if not image.header and image.path:
        try:
            known = metadata.find_row(image.path)
        except AstrodomeError:
            return row
        row |= {key: known[key] for key in row if known.get(key)}
    return row
