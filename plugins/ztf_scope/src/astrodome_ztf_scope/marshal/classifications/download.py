"""Download classifications for the rows in a table or for all sources in groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from astrodome import AstrodomeError, files
from astrodome.runs import provenance

from ...tables import table_io
from ..protocol import Marshal
from . import result_tables
from .source_lookup import NOT_FOUND, ResumeFile, find_sources

SUFFIX = "_fritzDownload"


@dataclass
class DownloadResult:
    """The result of a download.

    ``table`` is the output table, and ``sources`` are the downloaded sources. ``failed`` contains
    the name and the error message of each failed row.

    ``origin`` is the path of the input file, or None if groups were downloaded. ``address``
    identifies the marshal, and ``name`` is the default name of the output file. ``resume`` is the
    file from which an interrupted download is resumed, or None.
    """

    table: pd.DataFrame
    sources: list[dict[str, Any]]
    origin: Path | None
    address: str
    name: str
    failed: list[tuple[str, str]] = field(default_factory=list)
    resume: ResumeFile | None = None

    def write(self, folder: Path | None, extension: str, *, long: bool = False) -> dict[str, Any]:
        """Write the table and return the paths of the written files.

        If ``long`` is True, the table from :func:`.result_tables.long_table` is written too.
        """
        about = {
            "marshal": self.address,
            "downloaded": datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds"),
            **provenance(["astrodome-ztf-scope"]),
        }
        paths = {"file": self.output_path(folder, self.name, extension)}
        table_io.write_table(paths["file"], self.table, about)
        if long:
            paths["long"] = self.output_path(folder, f"{self.name}_long", extension)
            table_io.write_table(paths["long"], result_tables.long_table(self.sources), about)
        if self.resume and not self.failed:
            self.resume.delete()
        return {name: str(path) for name, path in paths.items()}

    def output_path(self, folder: Path | None, name: str, extension: str) -> Path:
        """Return the path of an output file.

        By default, the folder and the format of the input file are used.
        """
        for known in table_io.EXTENSIONS.values():
            name = name.removesuffix(known)
        own = self.origin.suffix.lower().lstrip(".") if self.origin else ""
        extension = extension or table_io.EXTENSIONS.get(own, ".csv")
        if folder is None:
            folder = self.origin.parent if self.origin else Path()
        return folder / f"{name}{extension}"

    def counts(self) -> dict[str, int]:
        """Return the total number of rows and the numbers of found, not found and failed rows."""
        status = self.table[result_tables.STATUS].astype(str)
        return {
            "rows": len(status),
            "found": int(status.str.startswith("found").sum()),
            "not found": int((status == NOT_FOUND).sum()),
            "failed": len(self.failed),
        }


def download_rows(
    marshal: Marshal,
    path: Path,
    *,
    start: int = 0,
    radius: float = 2.0,
    jobs: int = 8,
    fresh: bool = False,
    on_source: Callable[[], object] = lambda: None,
) -> DownloadResult:
    """Download the source for each row in a file; see :func:`.source_lookup.find_sources`.

    An interrupted download of the same file is resumed unless ``fresh`` is True.
    """
    table = table_io.read_table(path)
    resume = ResumeFile(marshal.address, files.digest([path]), start, radius)
    if fresh:
        resume.delete()
    matches = find_sources(
        marshal,
        table,
        resume,
        origin=path,
        start=start,
        radius=radius,
        jobs=jobs,
        on_match=on_source,
    )
    failed = [
        (f"row {number}", match.status.removeprefix("failed: "))
        for number, match in enumerate(matches)
        if match.failed
    ]
    sources = {match.source["id"]: match.source for match in matches if match.source}
    return DownloadResult(
        result_tables.add_columns(table, matches),
        [*sources.values()],
        path,
        marshal.address,
        f"{path.stem}{SUFFIX}",
        failed,
        resume,
    )


def download_groups(
    marshal: Marshal,
    group_ids: Sequence[int],
    *,
    start: int = 1,
    on_source: Callable[[], object] = lambda: None,
) -> DownloadResult:
    """Download all sources in the groups, starting with page ``start`` of the listing.

    If a page cannot be downloaded, the result contains the sources from the previous pages and the
    reason for the failure.
    """
    sources: list[dict[str, Any]] = []
    failed = []
    try:
        for source in marshal.in_groups(group_ids, start=start):
            sources.append(source)
            on_source()
    except AstrodomeError as error:
        if not sources:
            raise
        failed.append(("listing", f"{error.message} To continue with a later page, specify start."))
    name = f"parse{SUFFIX}" + (f"_continued_page_{start}" if start > 1 else "")
    table = result_tables.source_table(sources, "found by group")
    return DownloadResult(table, sources, None, marshal.address, name, failed)
