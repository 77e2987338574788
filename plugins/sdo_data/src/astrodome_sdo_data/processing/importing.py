"""Files of observers turned into named images and rows of ``meta.csv``, in one folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from astrodome import AstrodomeError, compute, files
from astrodome_solar import filenames, metadata
from astrodome_solar.formats import raster, solar_image
from astrodome_solar.formats.solar_image import Part

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
    known = frozenset() if overwrite else frozenset(metadata.read(folder))
    outcome = compute.Outcome()
    wanted: list[Part] = []
    last = set()
    for path in dict.fromkeys(paths):
        found, others = solar_image.parts(path)
        wanted += found
        last.add(found[-1])
        outcome.skipped += others
    work = partial(_import_one, folder, known, t_obs, wavelength, size)
    origins: dict[str, Part] = {}
    rows: list[dict[str, Any]] = []
    try:
        jobs = min(jobs or compute.cores(), len(wanted) or 1)
        # In order, so that of two images with one name the first comes in.
        for ended in compute.map(work, wanted, jobs=jobs, ordered=True):
            if ended.value is None:
                outcome.failed.append((str(ended.item), ended.error))
            elif first := origins.get(ended.value.name):
                why = f"It has the time and wavelength of {first}, which is imported already."
                outcome.failed.append((str(ended.item), why))
            else:
                origins[ended.value.name] = ended.item
                _publish(folder, ended.value, rows, outcome)
            if advance and ended.item in last:
                advance()
            if len(rows) >= BATCH:
                metadata.add(folder, rows)
                rows.clear()
    finally:
        if rows:
            metadata.add(folder, rows)
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
    t_obs: datetime | None,
    wavelength: int,
    size: int,
    part: Part,
) -> Imported:
    if part.path.is_dir():
        raise AstrodomeError("It is a folder; give the files in it.")
    seen = solar_image.read(part, t_obs, wavelength)
    name = filenames.file_name(seen.t_obs, seen.wavelength)
    label = part.path.name if part.index is None else f"{part.path.name}[{part.index}]"
    comment = f"sdo data import: {size or 'all'} px, of {label}"
    since = part.path.stat().st_mtime_ns
    if name in known and raster.is_made(str(folder / name), comment, since):
        return Imported(name)
    image, about = seen.render(size)
    row = dict.fromkeys(metadata.COLUMNS, "") | about | {"FILE_NAME": name}
    return Imported(name, bytes(raster.encoded(image, name, comment)), row)
