"""Extract random patches from the images in a folder."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from astrodome import AstrodomeError, compute, files
from astrodome_solar.formats import raster

from .folders import Advance, check_target, list_images, plan, prepare_target, process


def cut_patches(
    folder: str | os.PathLike[str],
    target: str | os.PathLike[str],
    size: int = 256,
    max_patches: int = 64,
    *,
    wavelength: int | str = "*",
    images: Sequence[Path] | None = None,
    crop: int = 0,
    seed: int = 0,
    overwrite: bool = False,
    jobs: int = 0,
    scheduler: str = "",
    advance: Advance | None = None,
) -> compute.Outcome:
    """Extract random patches from all images in a folder.

    Patch positions are drawn without replacement. They depend only on ``seed`` and the file name of
    the image.

    Parameters
    ----------
    folder, target : path
        Input folder, including its subfolders, and output folder for the patches. Patches are
        named ``{stem}__{number}.jpeg``.
    size : int
        Width and height of the patches in pixels.
    max_patches : int
        Maximum number of patches per image.
    wavelength : int or str
        Use only images with this wavelength in angstroms, or with a wavelength that matches this
        shell pattern.
    images : sequence of Path, optional
        Paths of the images to use, relative to ``folder``. By default, all matching images in the
        folder are used.
    crop : int
        Width in pixels of the image border that patches must not overlap.
    seed : int
        Seed for the random positions.
    overwrite : bool
        Whether to overwrite existing patches with the same source and settings.
    jobs : int
        Number of images to process in parallel. 0 means one per CPU core.
    scheduler : str
        Address of the Dask scheduler to use instead of local processes.
    advance : callable, optional
        Function that is called without arguments after each image.

    Returns
    -------
    astrodome.compute.Outcome
        Number of written patches, number of existing patches, and the name and reason for each
        failed image.

    Raises
    ------
    AstrodomeError
        If no images are found, if ``target`` and ``folder`` are the same, or if the patches cannot
        be written.

    Examples
    --------
    >>> cut_patches(images, "patches", size=16, max_patches=4).done
    12
    """
    folder, target = Path(folder).expanduser(), Path(target).expanduser()
    if images is None:
        images = list_images(folder, wavelength, outside=target)
    unique, conflicts = _unique(images)
    keep = prepare_target(images, folder, target) and not overwrite
    draw = partial(positions, size=size, count=max_patches, crop=crop, seed=seed)
    function = partial(_cut, folder.absolute(), target.absolute(), size, draw, keep)
    outcome = process(
        function, unique, threads=False, jobs=jobs, scheduler=scheduler, advance=advance
    )
    outcome.failed = sorted(outcome.failed + conflicts)
    return outcome


def plan_patches(
    folder: Path,
    target: Path,
    size: int,
    max_patches: int,
    images: Sequence[Path],
    *,
    crop: int = 0,
    seed: int = 0,
    overwrite: bool = False,
    jobs: int = 0,
) -> compute.Plan:
    """Return the files that :func:`cut_patches` would write. The pixels are not decoded."""
    folder, target = folder.expanduser(), target.expanduser()
    check_target(folder, target)
    unique, conflicts = _unique(images)

    surplus: list[str] = []

    def planned(name: Path) -> tuple[list[str], int]:
        with raster.reading():
            width, height = raster.open_image(folder / name).size
        corners = positions(width, height, size, max_patches, crop=crop, seed=seed, name=name.name)
        missing = _missing(folder, target, size, not overwrite, name, corners)
        surplus.extend(_surplus(str(target / name.with_suffix("")), len(corners), name.name))
        return [patch for patch, _, _ in missing], len(corners) - len(missing)

    found = plan(planned, unique, jobs)
    found.failed = sorted(found.failed + conflicts)
    found.deleted = sorted(surplus)
    return found


def _unique(images: Sequence[Path]) -> tuple[list[Path], list[tuple[str, str]]]:
    """Return the images whose patches have different names, and the reasons for the others."""
    by_stem: dict[Path, Path] = {}
    conflicts = []
    for name in images:
        first = by_stem.setdefault(name.with_suffix(""), name)
        if first is not name:
            conflicts.append((str(name), f"The patches of {first} have the same file names."))
    return list(by_stem.values()), conflicts


def positions(
    width: int, height: int, size: int, count: int, *, crop: int, seed: int, name: str
) -> list[tuple[int, int]]:
    """Return random (x, y) positions in pixels for the upper left corners of patches.

    At most ``count`` positions are returned, and all of them are different. Raises AstrodomeError
    if the image is smaller than a patch.
    """
    columns, rows = width - 2 * crop - size + 1, height - 2 * crop - size + 1
    if columns < 1 or rows < 1:
        border = f" and a border of {crop} pixels" if crop else ""
        raise AstrodomeError(
            f"An image with {width} x {height} pixels{border} is too small for patches with "
            f"{size} x {size} pixels."
        )
    places = columns * rows
    drawn = random.Random(f"{seed}/{name}").sample(range(places), min(count, places))
    return [(crop + place % columns, crop + place // columns) for place in drawn]


def _cut(
    folder: Path,
    target: Path,
    size: int,
    draw: Callable[..., list[tuple[int, int]]],
    keep: bool,
    name: Path,
) -> tuple[int, int]:
    """Extract patches from one image at the positions that ``draw`` returns.

    Return the number of written patches and the number of existing patches.
    """
    source, stem = folder / name, str(target / name.with_suffix(""))
    with raster.reading():
        image = raster.open_image(source)
        corners = draw(*image.size, name=name.name)
        missing = _missing(folder, target, size, keep, name, corners)
        pixels = raster.decoded(image) if missing else image
        for patch, comment, box in missing:
            content = raster.encoded(pixels.crop(box), patch, comment)
            files.write_bytes(Path(patch), content, sync=False)
    for patch in _surplus(stem, len(corners), name.name):
        os.unlink(patch)  # noqa: PTH108
    return len(missing), len(corners) - len(missing)


def _missing(
    folder: Path,
    target: Path,
    size: int,
    keep: bool,
    name: Path,
    corners: Sequence[tuple[int, int]],
) -> list[tuple[str, str, tuple[int, int, int, int]]]:
    """Return the file name, the comment and the box of each patch that must be written."""
    stem, modified = str(target / name.with_suffix("")), (folder / name).stat().st_mtime_ns
    missing = []
    for number, (x, y) in enumerate(corners):
        patch = f"{stem}__{number}.jpeg"
        comment = f"sdo data patch: {size} px at {x},{y} of {name.name}"
        if not (keep and raster.is_up_to_date(patch, comment, modified)):
            missing.append((patch, comment, (x, y, x + size, y + size)))
    return missing


def _surplus(stem: str, count: int, name: str) -> Iterator[str]:
    """Yield the patches of the image ``name`` that have the number ``count`` or higher.

    They were written by an earlier run with a larger number of patches.
    """
    end = count
    while os.path.exists(f"{stem}__{end}.jpeg"):  # noqa: PTH110
        end += 1
    # The highest number is deleted first, so that the numbers stay contiguous if interrupted.
    for number in reversed(range(count, end)):
        patch = f"{stem}__{number}.jpeg"
        comment = raster.comment_of(patch)
        if comment.startswith("sdo data patch: ") and comment.endswith(f" of {name}"):
            yield patch
