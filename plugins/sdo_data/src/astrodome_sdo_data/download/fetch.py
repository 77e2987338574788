"""Images of a plan: fetched aside, verified, given their names, and written into the journal."""

from __future__ import annotations

import errno
import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astrodome import AstrodomeError
from astrodome_solar.formats import raster
from astrodome_solar.protocols import FetchedImage

from .. import manifest, parameters
from .plan import CHECK, Plan

DAMAGED = ".damaged"
"""Ending of a file that was in the place of an image and is no good one."""
ELSEWHERE = "elsewhere"
"""Status of an image that another process has brought since the plan was made."""
HOPELESS = 24
"""Failures one after the other from which the source counts as down."""
ENDS_ALL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@dataclass(frozen=True)
class Result:
    """What became of an image.

    ``bytes`` are those of an image fetched now, ``parts`` says that its header or parameters
    were; neither, that it was checked. ``moved`` is a damaged file that was in its place.
    """

    file_name: str
    status: str
    reason: str = ""
    bytes: int = 0
    parts: bool = False
    moved: str = ""


@dataclass
class _Need:
    """What a row lacks; ``found`` describes the file, if a good one is there."""

    position: int
    file_name: str
    image: bool
    header: bool
    parameters: bool
    found: dict[str, Any] | None = None
    moved: str = ""


class Transfer:
    """The work on the rows of a plan; threads share it."""

    def __init__(self, plan: Plan, book: manifest.Book) -> None:
        self.plan, self.book = plan, book
        self.hopeless = False
        self._in_a_row = 0
        self._known = plan.record["status"].notna().tolist()
        names = ("file_name", "todo", "need_image", "need_header", "need_parameters", "wavelength")
        self._columns = {name: plan.rows[name].tolist() for name in names}
        seconds = plan.rows["t_obs"].to_numpy("datetime64[s]")
        self._columns["t_obs"] = np.datetime_as_string(seconds).tolist()

    def stop(self) -> None:
        """Let running transfers end soon, if the source can."""
        self.hopeless = True
        if stop := getattr(self.plan.source, "stop", None):
            stop()

    def work(self, positions: Sequence[int]) -> list[Result]:
        """Do what is to be done about these rows; a failure is a result too.

        When too many fail one after the other it is ``hopeless``, and the others are left.
        An OSError that ends everything, a full disk say, is raised.
        """
        if self.hopeless:
            return []
        results, wanted = [], {}
        for position in positions:
            need = self._need(position)
            if need is None:
                results.append(Result(self._columns["file_name"][position], ELSEWHERE))
            elif need.image or need.header or need.parameters:
                wanted[position] = need
            else:
                results.append(self._finish(need, FetchedImage(position)))
        if wanted:
            for result in self._fetch(wanted):
                results.append(result)
                self._in_a_row = self._in_a_row + 1 if result.status == manifest.FAILED else 0
                if self._in_a_row >= HOPELESS:
                    self.stop()
                    break
        return results

    def failed(self, positions: Sequence[int], why: str) -> list[Result]:
        """Keep that these rows failed."""
        return [self._refuse(self._plain(position), why) for position in positions]

    def _plain(self, position: int) -> _Need:
        columns = self._columns
        parts = (columns[f"need_{part}"][position] for part in ("image", "header", "parameters"))
        return _Need(position, columns["file_name"][position], *parts)

    def _need(self, position: int) -> _Need | None:
        """What a row needs now; None when its image has come since."""
        need = self._plain(position)
        path = self.plan.folder / need.file_name
        if self._columns["todo"][position] == CHECK:
            need.found = self._checked(path, position)
            need.image = need.found is None
            if need.found is None:
                need.moved = _move_aside(path)
        elif need.image and path.exists():
            return None
        need.header |= need.image and self.plan.wish.quality is not None
        return need

    def _checked(self, path: Path, position: int) -> dict[str, Any] | None:
        """The file's length, digest and time, if it is what was published or a good image."""
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        found = _about(content, path)
        known = self.plan.record["sha256"].iloc[position] if self._known[position] else None
        if isinstance(known, str):
            return found if known == found["sha256"] else None
        try:
            check(content, path, side(self.plan.wish.size))
        except AstrodomeError:
            return None
        return found

    def _fetch(self, wanted: dict[int, _Need]) -> Iterator[Result]:
        rows = self.plan.rows.iloc[list(wanted)]
        if len(self.plan.about.parts) > 1:
            for part in ("image", "header", "parameters"):
                rows = rows.assign(**{part: [getattr(need, part) for need in wanted.values()]})
        labels = {need.file_name: position for position, need in wanted.items()}
        why = "The source did not say what became of it."
        try:
            for found in self.plan.source.fetch(rows, self.book.aside):
                if isinstance(found, Path):
                    found = FetchedImage(labels.get(found.name), found)
                if need := wanted.pop(found.row, None):
                    yield self._taken(need, found)
        except AstrodomeError as error:
            why = error.message
        except Exception as error:
            if isinstance(error, OSError) and error.errno in ENDS_ALL:
                raise
            why = f"{type(error).__name__}: {error}"
        for need in wanted.values():
            yield self._refuse(need, why)

    def _taken(self, need: _Need, found: FetchedImage) -> Result:
        try:
            return self._finish(need, found)
        except AstrodomeError as error:
            return self._refuse(need, error.message)

    def _finish(self, need: _Need, found: FetchedImage) -> Result:
        """Verify and publish what was brought."""
        if found.status != manifest.DONE:
            status = found.status if need.image else manifest.FAILED
            return self._refuse(need, found.reason, status, found.header)
        file = need.found or {}
        if need.image:
            if found.path is None:
                raise AstrodomeError("The source brought no file.")
            content = found.path.read_bytes()
            if not self.plan.about.checked:
                check(content, found.path, side(self.plan.wish.size))
            if bad := self._poor(found.header):
                found.path.unlink()
                return self._refuse(need, bad, manifest.SKIPPED, found.header)
            file = _about(content, found.path)
            found.path.replace(self.plan.folder / need.file_name)
        if found.parameters is not None:
            file = file | {"parameters_bytes": self._keep_parameters(need, found.parameters)}
        about = file | _header(found.header)
        if need.header:  # also if the source has none: there is no more to get
            about["has_header"] = True
        self._write(need, manifest.DONE, "", about)
        fetched = file["bytes"] if need.image else 0
        parts = need.header or need.parameters
        return Result(need.file_name, manifest.DONE, "", fetched, parts, need.moved)

    def _poor(self, header: Mapping[str, Any] | None) -> str:
        mask = self.plan.wish.quality
        bits = 0 if mask is None or not header else int(header.get("QUALITY") or 0) & ~mask
        return f"Its quality has the bits {bits:#x}." if bits else ""

    def _keep_parameters(self, need: _Need, cube: Any) -> int:
        row = self.plan.rows.iloc[need.position]
        name = Path(need.file_name).with_suffix(".parquet").name
        aside = self.book.aside / name
        parameters.write(aside, cube, row["t_obs"], int(row["wavelength"]))
        target = self.plan.folder / parameters.FOLDER
        target.mkdir(exist_ok=True)
        aside.replace(target / name)
        return (target / name).stat().st_size

    def _refuse(
        self,
        need: _Need,
        why: str,
        status: str = manifest.FAILED,
        header: Mapping[str, Any] | None = None,
    ) -> Result:
        self._write(need, status, why, (need.found or {}) | _header(header))
        return Result(need.file_name, status, why, moved=need.moved)

    def _write(self, need: _Need, status: str, why: str, about: Mapping[str, Any]) -> None:
        record: dict[str, Any] = {"has_header": False}
        if self._known[need.position]:
            before = self.plan.record.iloc[need.position].dropna().to_dict()
            record |= {
                key: getattr(value, "item", lambda v=value: v)() for key, value in before.items()
            }
        record |= {
            "t_obs": self._columns["t_obs"][need.position],
            "wavelength": int(self._columns["wavelength"][need.position]),
            "status": status,
            "reason": why,
            "source": self.plan.wish.source,
            "size": self.plan.wish.form,
        }
        self.book.add(need.file_name, record | dict(about))


def side(size: str) -> int:
    """Pixels a side of a size such as ``256`` or ``2k``; 0 for one that does not say."""
    number = size.removesuffix("k")
    return int(number) * (1024 if size.endswith("k") else 1) if number.isdigit() else 0


def check(content: bytes, path: Path, pixels: int = 0) -> None:
    """Object unless ``content`` is what the ending of ``path`` says, whole; ``pixels`` a side or 0.

    Raises AstrodomeError with the reason.
    """
    ending = path.suffix.lower()
    if ending in (".jpeg", ".jpg"):
        raster.check_jpeg(content, pixels)
    elif ending in raster.FORMATS:
        with raster.reading():
            raster.decoded(raster.from_bytes(content))
    elif ending in (".fits", ".fts"):
        if content[:9] != b"SIMPLE  =" or len(content) % 2880:
            raise AstrodomeError("It is no whole FITS file.")
    elif not content:
        raise AstrodomeError("It is empty.")


def _about(content: bytes, path: Path) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    return {"bytes": len(content), "sha256": digest, "mtime_ns": path.stat().st_mtime_ns}


def _header(header: Mapping[str, Any] | None) -> dict[str, Any]:
    """The header as the manifest has it: numbers, and nothing where there is none."""
    if header is None:
        return {}
    found: dict[str, Any] = {"has_header": True}
    for name in manifest.HEADER:
        value = header.get(name)
        if value not in (None, "") and math.isfinite(float(value)):
            found[name] = int(value) if name == "QUALITY" else float(value)
    return found


def _move_aside(path: Path) -> str:
    """Keep a file that is no good image under another name."""
    if not path.exists():
        return ""
    target = path.with_name(path.name + DAMAGED)
    path.replace(target)
    return target.name
