"""Download single images, verify them, move them to the folder, and record the results."""

from __future__ import annotations

import errno
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from astrodome import AstrodomeError
from astrodome_solar.protocols import FetchedImage

from .. import manifest, parameters
from .plan import CHECK, DownloadPlan
from .verify import check_image, file_record, is_image, pixels_of_size, set_aside

DOWNLOADED, COMPLETED, CHECKED = "downloaded", "completed", "checked"
PARTS = ("image", "header", "parameters")
MAX_FAILURES = 24
"""Number of consecutive failures after which the source is considered unavailable."""
FATAL_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@dataclass(frozen=True)
class FetchResult:
    """Download result for one image.

    The possible outcomes are described in :class:`DownloadReport`. ``bytes`` is the size of the
    downloaded image. If an invalid file was renamed, ``damaged`` is its new name.
    """

    file_name: str
    outcome: str
    reason: str = ""
    bytes: int = 0
    damaged: str = ""


@dataclass
class _Task:
    """Row of the plan for one image, and flags for the parts to download.

    ``record`` contains the manifest values for the existing file, or None if no valid file exists.
    """

    row: Mapping[str, Any]
    image: bool
    header: bool
    parameters: bool
    record: Mapping[str, Any] | None = None
    damaged: str = ""

    @property
    def file_name(self) -> str:
        return str(self.row["file_name"])


class ImageFetcher:
    """Thread-safe downloader for the images in a plan."""

    def __init__(self, plan: DownloadPlan, journal: manifest.DownloadJournal) -> None:
        self.plan, self.journal = plan, journal
        self.stopped = False
        self._failures = 0
        self._rows = plan.pending().to_dict("index")
        self._side = pixels_of_size(plan.request.size)

    def stop(self) -> None:
        """Start no further downloads, and cancel running transfers if the source supports it."""
        self.stopped = True
        if stop := getattr(self.plan.source, "stop", None):
            stop()

    def fetch(self, positions: Sequence[int]) -> list[FetchResult]:
        """Download the images at the given row positions, and return one result per image.

        Failed downloads also have a result. After ``MAX_FAILURES`` consecutive failures, no further
        images are downloaded, and the remaining rows have no result. Raises OSError if no further
        images can be written, for example because the disk is full.
        """
        if self.stopped:
            return []
        results, tasks = [], {}
        for position in positions:
            task = self._task(position)
            try:
                self._check_existing(task)
            except AstrodomeError as error:
                results.append(self._reject(task, error.message))
                continue
            if task.image or task.header or task.parameters:
                tasks[position] = task
            else:
                results.append(self._publish(task, FetchedImage(position)))
        for result in self._fetch_tasks(tasks):
            results.append(result)
            self._failures = self._failures + 1 if result.outcome == manifest.FAILED else 0
            if self._failures >= MAX_FAILURES:
                self.stop()
                break
        return results

    def fail(self, positions: Sequence[int], reason: str) -> list[FetchResult]:
        """Record that the download failed for the given row positions."""
        return [self._reject(self._task(position), reason) for position in positions]

    def _task(self, position: int) -> _Task:
        row = self._rows[position]
        return _Task(row, *(row[f"need_{part}"] for part in PARTS))

    def _check_existing(self, task: _Task) -> None:
        """Verify an existing file, which another process may have downloaded in the meantime."""
        path = self.plan.folder / task.file_name
        is_planned = task.row["action"] == CHECK
        if is_planned or (task.image and path.exists()):
            task.record = self._checked_file(path, task.row["sha256"] if is_planned else None)
            task.image = task.record is None
            if task.image:
                task.damaged = set_aside(path)
        task.header |= task.image and self.plan.request.quality is not None

    def _checked_file(self, path: Path, checksum: Any) -> dict[str, Any] | None:
        """Return the manifest values for an existing file, or None if the file is invalid.

        A file is valid if it has the checksum in the manifest or contains a valid image. Raises
        AstrodomeError if it contains a valid image of another size.
        """
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        record = file_record(content, path)
        if isinstance(checksum, str):
            return record if checksum == record["sha256"] else None
        if is_image(content, path, self._side):
            return record
        if is_image(content, path):
            raise AstrodomeError(
                "The folder already contains this image with a different size: use another folder."
            )
        return None

    def _fetch_tasks(self, tasks: dict[int, _Task]) -> Iterator[FetchResult]:
        if not tasks:
            return
        rows = self.plan.rows.loc[list(tasks)]
        if len(self.plan.info.parts) > 1:
            for part in PARTS:
                rows[part] = [getattr(task, part) for task in tasks.values()]
        labels = {task.file_name: position for position, task in tasks.items()}
        reason, unexpected = "", ""
        try:
            for fetched in self.plan.source.fetch(rows, self.journal.staging):
                if isinstance(fetched, Path):
                    fetched = FetchedImage(labels.get(fetched.name), fetched)
                if fetched.row not in rows.index and fetched.path:
                    unexpected = f"The source returned the file {fetched.path.name}, expected "
                if task := tasks.pop(fetched.row, None):
                    try:
                        yield self._publish(task, fetched)
                    except AstrodomeError as error:
                        yield self._reject(task, error.message)
        except AstrodomeError as error:
            reason = error.message
        except Exception as error:  # Sources can raise any exception.
            if isinstance(error, OSError) and error.errno in FATAL_ERRORS:
                raise
            reason = f"{type(error).__name__}: {error}"
        for task in tasks.values():
            missing = "The source returned no result for this image."
            if unexpected:
                missing = f"{unexpected}{task.file_name}."
            yield self._reject(task, reason or missing)

    def _publish(self, task: _Task, fetched: FetchedImage) -> FetchResult:
        """Verify the downloaded parts, move them to the folder, and record the result."""
        if fetched.status != manifest.DONE:
            status = fetched.status if task.image else manifest.FAILED
            return self._reject(task, fetched.reason, status, fetched.header)
        record = dict(task.record or {})
        if task.image:
            if fetched.path is None:
                raise AstrodomeError("The source returned no file for this image.")
            content = fetched.path.read_bytes()
            if not self.plan.info.checked:
                check_image(content, fetched.path, self._side)
            if bits := self._rejected_bits(fetched.header):
                fetched.path.unlink()
                reason = f"Quality bits {bits:#x} are set."
                return self._reject(task, reason, manifest.SKIPPED, fetched.header)
            record = file_record(content, fetched.path)
            fetched.path.replace(self.plan.folder / task.file_name)
        if fetched.parameters is not None:
            record["parameters_bytes"] = self._publish_parameters(task, fetched.parameters)
        record |= _header_record(fetched.header)
        if task.header:  # The value is also set if the header is empty.
            record["has_header"] = True
        self._write(task, manifest.DONE, "", record)
        outcome = COMPLETED if task.header or task.parameters else CHECKED
        if task.image:
            outcome = DOWNLOADED
        size = record["bytes"] if task.image else 0
        return FetchResult(task.file_name, outcome, "", size, task.damaged)

    def _rejected_bits(self, header: Mapping[str, Any] | None) -> int:
        allowed = self.plan.request.quality
        return 0 if allowed is None or not header else int(header.get("QUALITY") or 0) & ~allowed

    def _publish_parameters(self, task: _Task, cube: Any) -> int:
        """Write the image parameters, and return the file size in bytes."""
        name = Path(task.file_name).with_suffix(".parquet").name
        staged = self.journal.staging / name
        parameters.write(staged, cube, task.row["t_obs"], int(task.row["wavelength"]))
        target = self.plan.folder / parameters.FOLDER
        target.mkdir(exist_ok=True)
        return staged.replace(target / name).stat().st_size

    def _reject(
        self,
        task: _Task,
        reason: str,
        status: str = manifest.FAILED,
        header: Mapping[str, Any] | None = None,
    ) -> FetchResult:
        self._write(task, status, reason, {**(task.record or {}), **_header_record(header)})
        return FetchResult(task.file_name, status, reason, damaged=task.damaged)

    def _write(self, task: _Task, status: str, reason: str, changes: Mapping[str, Any]) -> None:
        record = {
            "t_obs": f"{task.row['t_obs']:%Y-%m-%dT%H:%M:%S}",
            "wavelength": int(task.row["wavelength"]),
            "status": status,
            "reason": reason,
            "source": self.plan.request.source,
            "size": self.plan.request.variant,
        }
        self.journal.add(task.file_name, record | dict(changes))


def _header_record(header: Mapping[str, Any] | None) -> dict[str, Any]:
    """Convert a header to manifest columns, without NaN and infinite values."""
    if header is None:
        return {}
    record: dict[str, Any] = {"has_header": True}
    for name in manifest.HEADER:
        value = header.get(name)
        if value not in (None, "") and math.isfinite(float(value)):
            record[name] = int(value) if name == "QUALITY" else float(value)
    return record
