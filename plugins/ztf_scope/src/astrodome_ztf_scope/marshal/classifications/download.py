"""A download as a whole: from the rows of a file, or from groups, to the files that are written."""

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
from . import source_lookup

TAG = "_fritzDownload"


@dataclass
class Fetched:
    """What a download brought: the table, the sources in it, and the rows that failed."""

    table: pd.DataFrame
    sources: list[dict[str, Any]]
    origin: Path | None
    address: str
    name: str
    failed: list[tuple[str, str]] = field(default_factory=list)
    progress: source_lookup.Progress | None = None

    def write(self, folder: Path | None, ending: str, *, long: bool = False) -> dict[str, Any]:
        """Write the table, and with ``long`` the other one; where they are."""
        out = {"file": self.beside(folder, self.name, ending)}
        about = {
            "marshal": self.address,
            "downloaded": datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds"),
            **provenance(["astrodome-ztf-scope"]),
        }
        table_io.write_table(out["file"], self.table, about)
        if long:
            out["long"] = self.beside(folder, f"{self.name}_long", ending)
            table_io.write_table(out["long"], source_lookup.long(self.sources), about)
        if self.progress and not self.failed:
            self.progress.forget()
        return {name: str(path) for name, path in out.items()}

    def beside(self, folder: Path | None, name: str, ending: str) -> Path:
        """A file in the folder, or beside the one that was read, in its format unless told."""
        for known in table_io.EXTENSIONS.values():
            name = name.removesuffix(known)
        own = self.origin.suffix.lower() if self.origin else ".csv"
        ending = ending or (
            table_io.writable_extension(own) if own.lstrip(".") in table_io.EXTENSIONS else ".csv"
        )
        place = folder if folder is not None else self.origin.parent if self.origin else Path()
        return place / f"{name}{ending}"

    def counts(self) -> dict[str, int]:
        """Rows in all, found, not found, failed."""
        status = self.table[source_lookup.STATUS].astype(str)
        found = int(status.str.startswith("found").sum())
        missing = int((status == source_lookup.NOT_FOUND).sum())
        return {
            "rows": len(status),
            "found": found,
            "not found": missing,
            "failed": len(self.failed),
        }


def fetch(
    marshal: Any,
    path: Path | None,
    group_ids: Sequence[int],
    *,
    start: int = 0,
    radius: float = 2.0,
    jobs: int = 8,
    fresh: bool = False,
    watch: Callable[[], object] = lambda: None,
) -> Fetched:
    """The rows of a file with what the marshal says of them, or all sources of the groups."""
    if path is None:
        return _by_group(marshal, group_ids, start, watch)
    table = table_io.read_table(path)
    progress = source_lookup.Progress.of(marshal.address, files.digest([path]), start, radius)
    if fresh:
        progress.forget()
        progress.rows.clear()
    found = source_lookup.of_rows(
        marshal,
        table,
        progress,
        origin=path,
        start=start,
        radius=radius,
        jobs=jobs,
        watch=watch,
    )
    failed = [
        (f"row {number}", one.status.removeprefix("failed: "))
        for number, one in enumerate(found)
        if one.failed
    ]
    sources = {one.source["id"]: one.source for one in found if one.source}
    return Fetched(
        source_lookup.beside(table, found),
        [*sources.values()],
        path,
        marshal.address,
        f"{path.stem}{TAG}",
        failed,
        progress,
    )


def _by_group(
    marshal: Any, group_ids: Sequence[int], start: int, watch: Callable[[], object]
) -> Fetched:
    """All sources of the groups; when a page fails, those before it, and the failure by name."""
    sources: list[dict[str, Any]] = []
    failed = []
    start = max(start, 1)
    try:
        for source in marshal.in_groups(group_ids, start=start):
            sources.append(source)
            watch()
    except AstrodomeError as error:
        if not sources:
            raise
        failed.append(("listing", f"{error.message} Go on with --start PAGE."))
    name = f"parse{TAG}" + (f"_continued_page_{start}" if start > 1 else "")
    return Fetched(source_lookup.as_rows(sources), sources, None, marshal.address, name, failed)
