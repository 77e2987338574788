"""List the images in a folder, and process them in parallel."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from astrodome import AstrodomeError, InvalidInputError, compute, errors, files
from astrodome_solar.formats import raster

MAX_AGE = 600.0
"""Age in seconds after which a temporary file is deleted.

Younger files may belong to a process that is still running."""

Advance = Callable[[], object]


def list_images(
    folder: str | os.PathLike[str], wavelength: int | str = "*", *, outside: Path | None = None
) -> list[Path]:
    """List the images named ``*__{wavelength}`` in a folder and its subfolders.

    Parameters
    ----------
    folder : path
        Folder to search. Hidden files are ignored.
    wavelength : int or str
        Wavelength in angstroms, or a shell pattern such as ``*``.
    outside : path, optional
        Subfolder to ignore.

    Returns
    -------
    list of Path
        Paths relative to the folder, in sorted order.

    Raises
    ------
    AstrodomeError
        If the folder does not exist or contains no matching images.
    """
    folder = Path(folder).expanduser()
    pattern = f"*__{wavelength}"
    patterns = (pattern, f"{pattern}_[A-Za-z]*")  # The wavelength may be followed by an observable.
    found = [
        path.relative_to(folder)
        for path in image_files(folder, outside)
        if any(fnmatchcase(path.stem, each) for each in patterns)
    ]
    if not found:
        raise AstrodomeError(
            f"No image with a name such as {pattern}.jpeg found in {folder}.",
            "Check the folder and the wavelength. Supported file extensions: "
            f"{', '.join(raster.FORMATS)}.",
        )
    return sorted(found)


def image_files(folder: Path, outside: Path | None = None) -> Iterator[Path]:
    """Yield the image files in a folder and its subfolders.

    Hidden files and the subfolder ``outside`` are ignored. Raises AstrodomeError if the folder does
    not exist.
    """
    if not folder.is_dir():
        raise errors.not_found(folder, "Check the path of the images.", kind="Folder")
    ignored = outside.resolve() if outside else None
    for parent, folders, names in os.walk(folder):
        folders[:] = [f for f in folders if f[0] != "." and Path(parent, f).resolve() != ignored]
        for path in (Path(parent, name) for name in names if name[0] != "."):
            if path.suffix.lower() in raster.FORMATS:
                yield path


def check_target(folder: Path, target: Path) -> None:
    """Raise AstrodomeError if ``target`` and ``folder`` are the same folder."""
    if target.resolve() == folder.resolve():
        raise InvalidInputError(
            f"The output folder {target} must not be the input folder.",
            "Choose another output folder.",
        )


def prepare_target(images: Sequence[Path], folder: Path, target: Path) -> bool:
    """Create the target folder and its subfolders, and return whether it contains files.

    Temporary files of killed processes are deleted. Raises AstrodomeError if ``target`` and
    ``folder`` are the same folder.
    """
    check_target(folder, target)
    for parent in {target / image.parent for image in images}:
        parent.mkdir(parents=True, exist_ok=True)
        files.sweep(parent, MAX_AGE)
    return any(target.iterdir())


def process(
    function: Callable[[Path], tuple[int, int]],
    images: Sequence[Path],
    *,
    threads: bool,
    jobs: int,
    scheduler: str,
    advance: Advance | None,
) -> compute.Outcome:
    """Apply a function to all images in parallel.

    The function returns the number of written files and the number of existing files.
    """
    outcome = compute.Outcome()
    if not scheduler:
        jobs = min(jobs or compute.cores(), len(images))
    for result in compute.map(
        function, images, jobs=jobs, threads=threads, scheduler=scheduler, in_process=True
    ):
        if result.value is None:
            outcome.failed.append((str(result.item), result.error))
        else:
            outcome.done += result.value[0]
            outcome.skipped += result.value[1]
        if advance:
            advance()
    outcome.failed.sort()
    return outcome


def plan(
    function: Callable[[Path], tuple[list[str], int]], images: Sequence[Path], jobs: int
) -> compute.Plan:
    """Call a function for all images in threads, and return the planned files.

    The function returns the files that would be written and the number of existing files.
    """
    planned = compute.Plan()
    for result in compute.map(function, images, jobs=jobs, threads=True, ordered=True):
        if result.value is None:
            planned.failed.append((str(result.item), result.error))
        else:
            planned.planned += result.value[0]
            planned.skipped += result.value[1]
    return planned
