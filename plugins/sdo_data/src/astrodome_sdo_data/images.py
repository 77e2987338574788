"""Folders of images made smaller or cut into patches, on every core.

Nothing is imported but Pillow, so that the first image is done at once. What an image
was made of stands in its comment; a run leaves alone what is already there, and so
goes on where a stopped one ended.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

from astrodome import AstrodomeError, compute, files
from astrodome_solar.formats import raster

ABANDONED = 600.0
"""Age (s) from which a half-written file belongs to no running process."""

BATCH = 64
"""Patches encoded before they are written: one kind of work at a time is a quarter faster."""

Advance = Callable[[], object]


def find(folder: Path, wavelength: str = "*", *, outside: Path | None = None) -> list[Path]:
    """Images ``*__{wavelength}`` in a folder and below it, as sorted paths relative to it.

    ``wavelength`` is in angstrom, or a pattern such as ``*``; hidden files and all
    that is below ``outside`` are passed over. Raises AstrodomeError when there is none.
    """
    if not folder.is_dir():
        raise AstrodomeError(f"There is no folder {folder}.", "Give the folder of the images.")
    avoided = outside.resolve() if outside else None
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [f for f in folders if f[0] != "." and Path(place, f).resolve() != avoided]
        for name in names:
            stem, suffix = os.path.splitext(name)  # noqa: PTH122
            if (
                suffix.lower() in raster.FORMATS
                and name[0] != "."
                and fnmatchcase(stem, f"*__{wavelength}")
            ):
                found.append(Path(place, name).relative_to(folder))
    if not found:
        raise AstrodomeError(
            f"{folder} holds no image *__{wavelength} ({', '.join(raster.FORMATS)}).",
            "Check --path and --wavelength.",
        )
    return sorted(found)


def resize_folder(
    folder: Path, target: Path, size: int, *, wavelength: str = "*", **options: Any
) -> compute.Outcome:
    """Every image of a folder at ``size`` x ``size`` pixels under its own name in ``target``.

    ``options`` are those of :func:`resize`.
    """
    return resize(find(folder, wavelength, outside=target), folder, target, size, **options)


def resize(
    names: Sequence[Path],
    folder: Path,
    target: Path,
    size: int,
    *,
    exact: bool = False,
    overwrite: bool = False,
    jobs: int = 0,
    scheduler: str = "",
    advance: Advance | None = None,
) -> compute.Outcome:
    """Write the images ``names`` of a folder at ``size`` x ``size`` pixels to ``target``.

    Resampled by a Lanczos filter from what the codec has scaled down as far as it can
    without showing; with ``exact`` from all pixels. ``advance`` is called after each
    image. Raises AstrodomeError when the target is the folder itself, full or read-only;
    an image that cannot be read is named in the outcome.
    """
    keep = _prepare(names, folder, target) and not overwrite
    work = partial(_resize_one, folder.absolute(), target.absolute(), size, exact, keep)
    return _run(work, names, True, jobs, scheduler, advance)


def _resize_one(
    folder: Path, target: Path, size: int, exact: bool, keep: bool, name: Path
) -> tuple[int, int]:
    source, made = folder / name, str(target / name)
    comment = f"sdo data resize: {size} px{', exact' if exact else ''}, of {name.name}"
    if keep and raster.is_up_to_date(made, comment, source.stat().st_mtime_ns):
        return 0, 1
    with raster.reading():
        small = raster.resized(raster.open_image(source), size, exact=exact)
        content = raster.encoded(small, made, comment)
    files.write_small(made, content)
    return 1, 0


def patch_folder(
    folder: Path,
    target: Path,
    size: int,
    max_patches: int,
    *,
    wavelength: str = "*",
    **options: Any,
) -> compute.Outcome:
    """Random patches of every image of a folder, ``{stem}__{i}.jpeg`` in ``target``.

    ``options`` are those of :func:`patch`.
    """
    names = find(folder, wavelength, outside=target)
    return patch(names, folder, target, size, max_patches, **options)


def patch(
    names: Sequence[Path],
    folder: Path,
    target: Path,
    size: int,
    max_patches: int,
    *,
    crop: int = 0,
    seed: int = 0,
    overwrite: bool = False,
    jobs: int = 0,
    scheduler: str = "",
    advance: Advance | None = None,
) -> compute.Outcome:
    """Cut up to ``max_patches`` patches of ``size`` x ``size`` pixels out of each image.

    Positions are drawn without repetition, from ``seed`` and the image's file name
    alone, after ``crop`` pixels are taken off each side. The outcome counts patches
    and names the images that failed.
    """
    sources: dict[Path, Path] = {}
    twins = []
    for name in names:
        first = sources.setdefault(name.with_suffix(""), name)
        if first is not name:
            twins.append((str(name), f"Its patches would have the names of those of {first}."))
    keep = _prepare(names, folder, target) and not overwrite
    work = partial(
        _patch_one, folder.absolute(), target.absolute(), size, max_patches, crop, seed, keep
    )
    outcome = _run(work, list(sources.values()), False, jobs, scheduler, advance)
    outcome.failed = sorted(outcome.failed + twins)
    return outcome


def positions(
    width: int, height: int, size: int, count: int, *, crop: int, seed: int, name: str
) -> list[tuple[int, int]]:
    """Upper left corners (x, y) of ``count`` different patches of an image, or of all there are.

    Raises AstrodomeError when not one patch fits.
    """
    columns, rows = width - 2 * crop - size + 1, height - 2 * crop - size + 1
    if columns < 1 or rows < 1:
        without = f" without {crop} on each side" if crop else ""
        raise AstrodomeError(f"Its {width}x{height} pixels{without} hold no patch of {size}.")
    places = columns * rows
    drawn = random.Random(f"{seed}/{name}").sample(range(places), min(count, places))
    return [(crop + place % columns, crop + place // columns) for place in drawn]


def _patch_one(
    folder: Path,
    target: Path,
    size: int,
    count: int,
    crop: int,
    seed: int,
    keep: bool,
    name: Path,
) -> tuple[int, int]:
    source, stem = folder / name, str(target / name.with_suffix(""))
    since = source.stat().st_mtime_ns
    with raster.reading():
        image = raster.open_image(source)
        corners = positions(*image.size, size, count, crop=crop, seed=seed, name=name.name)
        todo = []
        for number, (x, y) in enumerate(corners):
            made = f"{stem}__{number}.jpeg"
            comment = f"sdo data patch: {size} px at {x},{y} of {name.name}"
            if not (keep and raster.is_up_to_date(made, comment, since)):
                todo.append((made, comment, (x, y, x + size, y + size)))
        whole = raster.decoded(image) if todo else image
    for start in range(0, len(todo), BATCH):
        batch = [
            (made, raster.encoded(whole.crop(box), made, comment))
            for made, comment, box in todo[start : start + BATCH]
        ]
        for made, content in batch:
            files.write_small(made, content)
    _remove_surplus(stem, len(corners), name.name)
    return len(todo), len(corners) - len(todo)


def _remove_surplus(stem: str, count: int, name: str) -> None:
    """Delete the patches of the image ``name`` that a run for more of them has left."""
    last = count
    while os.path.exists(f"{stem}__{last}.jpeg"):  # noqa: PTH110
        last += 1
    for number in reversed(range(count, last)):  # after a kill in between the rest is found again
        comment = raster.comment_of(f"{stem}__{number}.jpeg")
        if comment.startswith("sdo data patch: ") and comment.endswith(f" of {name}"):
            os.unlink(f"{stem}__{number}.jpeg")  # noqa: PTH108


def _prepare(names: Iterable[Path], folder: Path, target: Path) -> bool:
    """Make the target's folders; whether something is there that may be left alone.

    What a killed run left half-written is deleted.
    """
    if target.resolve() == folder.resolve():
        raise AstrodomeError(
            f"{target} holds the originals.", "Give another --targetpath.", exit_code=2
        )
    for place in {target / name.parent for name in names}:
        place.mkdir(parents=True, exist_ok=True)
        files.sweep(place, ABANDONED)
    return any(target.iterdir())


def _run(
    work: Callable[[Path], tuple[int, int]],
    names: Sequence[Path],
    threads: bool,
    jobs: int,
    scheduler: str,
    advance: Advance | None,
) -> compute.Outcome:
    """Count what ``work`` made and left alone over all images, and keep why some failed."""
    outcome = compute.Outcome()
    if not scheduler:
        jobs = min(jobs or compute.cores(), len(names))
    for ended in compute.map(work, names, jobs=jobs, threads=threads, scheduler=scheduler):
        if ended.value is None:
            outcome.failed.append((str(ended.item), ended.error))
        else:
            outcome.done += ended.value[0]
            outcome.skipped += ended.value[1]
        if advance:
            advance()
    outcome.failed.sort()
    return outcome
