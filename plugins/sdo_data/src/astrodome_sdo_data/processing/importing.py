"""Files of observers turned into named images and rows of ``meta.csv``, in one folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from astrodome import AstrodomeError, compute, files
from astrodome_solar import metadata
from astrodome_solar.formats import raster, reading
from astrodome_solar.formats.reading import ImageReference

from .. import images

BATCH = 64
"""Images between two writings of ``meta.csv``."""


@dataclass(frozen=True)
class Imported:
    """What became of a part: its name, and unless it was there already its bytes and row."""

    name: str
    content: bytes = b""
    row: dict[str, Any] | None = None


def ingest(
    paths: Sequence[Path],
    folder: Path,
    *,
    wavelength: int = 0,
    t_obs: datetime | None = None,
    exposure: float | None = None,
    plane: int | None = None,
    size: int = 0,
    overwrite: bool = False,
    jobs: int = 0,
    advance: Callable[[], object] | None = None,
) -> compute.Outcome:
    """Import files (FITS, JPEG 2000, JPX, JPEG, PNG) into a folder as grey JPEG, north up.

    ``wavelength`` (angstrom) and ``t_obs`` (UTC) serve where a file does not say them;
    ``size`` is in pixels a side, 0 for that of the file. FITS intensities are divided
    by the exposure time and scaled as :mod:`.scaling` says; eight-bit images keep their
    values. What was imported from the same file before is skipped. ``advance`` is
    called after each file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files.sweep(folder, images.ABANDONED)
    known = frozenset() if overwrite else frozenset(metadata.read_rows(folder))
    outcome = compute.Outcome()
    wanted: list[ImageReference] = []
    last = set()
    for path in dict.fromkeys(paths):
        found, others = (
            ([ImageReference(path, plane)], 0) if plane is not None else reading.find_images(path)
        )
        wanted += found
        last.add(found[-1])
        outcome.skipped += others
    options = {"date": t_obs, "wavelength": wavelength or None, "exposure": exposure}
    work = partial(_import_one, folder, known, options, size, overwrite)
    origins: dict[str, ImageReference] = {}
    rows: list[dict[str, Any]] = []
    try:
        jobs = min(jobs or compute.cores(), len(wanted) or 1)
        # In order, so that of two images with one name the first comes in.
        for ended in compute.map(work, wanted, jobs=jobs, ordered=True):
            if ended.value is None:
                outcome.failed.append((str(ended.item), ended.error))
            elif first := origins.get(ended.value.name):
                why = f"{ended.value.name} was imported from {first.name} already."
                outcome.failed.append((str(ended.item), why))
            else:
                origins[ended.value.name] = ended.item
                _publish(folder, ended.value, rows, outcome)
            if advance and ended.item in last:
                advance()
            if len(rows) >= BATCH:
                metadata.add_rows(folder, rows)
                rows.clear()
    finally:
        if rows:
            metadata.add_rows(folder, rows)
    outcome.failed.sort()
    return outcome


def _publish(
    folder: Path, imported: Imported, rows: list[dict[str, Any]], outcome: compute.Outcome
) -> None:
    if imported.row is None:
        outcome.skipped += 1
        return
    files.write_bytes(folder / imported.name, imported.content)
    rows.append(imported.row)
    outcome.done += 1


def _import_one(
    folder: Path,
    known: frozenset[str],
    options: dict[str, Any],
    size: int,
    overwrite: bool,
    reference: ImageReference,
) -> Imported:
    if reference.path.is_dir():
        raise AstrodomeError("This is a folder: specify the files in it.")
    image = reading.read(reference, **options)
    name, target = image.file_name, str(folder / image.file_name)
    origin = f" px, of {reference.name}"
    comment = f"sdo data import: {size or 'all'}{origin}"
    modified = reference.path.stat().st_mtime_ns
    if name in known and raster.is_up_to_date(target, comment, modified):
        return Imported(name)
    existing = raster.comment_of(target)
    if existing.startswith("sdo data import: ") and not existing.endswith(origin) and not overwrite:
        first = existing.partition(" px, of ")[2]
        raise AstrodomeError(
            f"{name} was imported from {first} already. Use --overwrite to replace it."
        )
    upright = image.north_up()
    row = upright.metadata_row() | {"FILE_NAME": name}
    if date := image.header.get("date-obs"):
        row["DATE_OBS"] = str(date)
    return Imported(name, bytes(raster.encoded(upright.to_picture(size), name, comment)), row)
