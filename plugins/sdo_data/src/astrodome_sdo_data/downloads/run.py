"""Execute a download plan with several threads.

Other processes can download into the same folder at the same time.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from astrodome import AstrodomeError, compute
from astrodome_solar import metadata

from .. import manifest
from .fetch import FetchResult, ImageFetcher
from .plan import ABSENT, KEEP, SKIP, DownloadPlan

MERGE_INTERVAL = 60.0
"""Time between two updates of the manifest during a download, in seconds."""

ResultCallback = Callable[[FetchResult], object]


@dataclass(repr=False)
class DownloadReport:
    """Result of a download.

    Attributes
    ----------
    files : pandas.DataFrame
        One row per requested image with the columns ``file_name``, ``t_obs`` (UTC), ``wavelength``
        (in angstroms), ``outcome``, ``reason`` and ``bytes`` (size of a downloaded image). The
        outcome is ``existing``, ``downloaded``, ``completed`` (only the header or the image
        parameters were downloaded), ``checked`` (the existing file was verified), ``skipped``,
        ``missing`` (at the source), ``failed`` or ``not reached`` (the download ended before the
        image was requested).
    damaged : list of str
        New names of invalid files that were renamed.
    """

    files: pd.DataFrame
    damaged: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"DownloadReport({self.files['outcome'].value_counts().to_dict()})"

    def count(self, outcome: str) -> int:
        """Return the number of images with the given outcome."""
        return int(self.files["outcome"].eq(outcome).sum())

    @property
    def is_complete(self) -> bool:
        """Whether every image exists or was skipped."""
        return not self.files["outcome"].isin(["missing", "failed", "not reached"]).any()

    @property
    def bytes(self) -> int:
        """Total size of the downloaded images in bytes."""
        return int(self.files["bytes"].sum())

    @property
    def skipped(self) -> dict[str, int]:
        """Number of skipped images, keyed by reason, for example ``quality`` or ``flux``."""
        reasons = self.files.loc[self.files["outcome"].eq("skipped"), "reason"]
        return dict(Counter(map(_kind_of_reason, reasons)))

    def problems(self) -> list[dict[str, str]]:
        """Return the name, status and reason for each missing or failed image."""
        bad = self.files[self.files["outcome"].isin(["missing", "failed"])]
        columns = {"file_name": "image", "outcome": "status"}
        table = bad.rename(columns=columns)[["image", "status", "reason"]].sort_values("image")
        problems: list[dict[str, str]] = table.to_dict("records")
        return problems

    def as_dict(self) -> dict[str, Any]:
        """Return the image counts and the problems as a JSON-serializable dict."""
        return {
            "planned": len(self.files),
            **{
                name: self.count(name)
                for name in ("existing", "downloaded", "completed", "checked")
            },
            "bytes": self.bytes,
            "skipped": self.skipped,
            "missing": self.count("missing"),
            "failed": self.count("failed"),
            "not_reached": self.count("not reached"),
            "damaged": self.damaged,
            "problems": self.problems(),
        }


def _kind_of_reason(reason: str) -> str:
    """Return the first word of a reason in lower case, or "no flux" if the flux is unknown."""
    words = reason.lower().split()
    return " ".join(words[:2]) if words[:1] == ["no"] else words[0]


def _report(plan: DownloadPlan, results: Sequence[FetchResult]) -> DownloadReport:
    """Return the report for a plan, computed from all results in chronological order."""
    outcome = plan.rows["action"].map({KEEP: "existing", SKIP: "skipped", ABSENT: "missing"})
    files = plan.rows[["file_name", "t_obs", "wavelength"]].assign(
        outcome=outcome.fillna("not reached"), reason=plan.rows["reason"], bytes=0
    )
    latest = {result.file_name: result for result in results}
    for name in ("outcome", "reason", "bytes"):
        new = {key: getattr(result, name) for key, result in latest.items()}
        files[name] = [
            new.get(key, old) for key, old in zip(files["file_name"], files[name], strict=True)
        ]
    return DownloadReport(files, [result.damaged for result in results if result.damaged])


def run_download(
    plan: DownloadPlan, *, jobs: int = 8, on_result: ResultCallback | None = None
) -> DownloadReport:
    """Execute a plan with at most ``jobs`` parallel transfers.

    ``on_result`` is called with the :class:`FetchResult` for each image. The manifest and, if
    requested, ``meta.csv`` are written even if the download is interrupted. Raises AstrodomeError
    if the output path is not a writable folder, or if the disk is full.
    """
    with manifest.open_journal(plan.folder) as journal:
        journal.merge(plan.manifest_rows())
        try:
            results = _execute(plan, journal, jobs, on_result)
        except BaseException:
            with suppress(OSError, AstrodomeError):  # If the disk is full, keep the journal.
                _merge(plan, journal)
            raise
        _merge(plan, journal)
    return _report(plan, results)


def _execute(
    plan: DownloadPlan,
    journal: manifest.DownloadJournal,
    jobs: int,
    on_result: ResultCallback | None,
) -> list[FetchResult]:
    """Download all pending images, and return one result per image."""
    pending = plan.pending().index.tolist()
    if not pending:
        return []
    size = plan.info.batch
    # Start at a random position, so that parallel processes rarely download the same images.
    if journal.is_shared():
        start = random.randrange(len(pending))
        pending = pending[start:] + pending[:start]
        size = 1
    fetcher = ImageFetcher(plan, journal)
    jobs = min(jobs, plan.info.connections, len(pending))
    size = min(size, -(-len(pending) // jobs))
    batches = [pending[start : start + size] for start in range(0, len(pending), size)]
    done = compute.map(fetcher.fetch, batches, jobs=jobs, threads=True, stop=fetcher.stop)
    merged = time.monotonic()
    results: list[FetchResult] = []
    for each in done:
        batch = fetcher.fail(each.item, each.error) if each.value is None else each.value
        for result in batch:
            if time.monotonic() - merged > MERGE_INTERVAL:
                _merge(plan, journal)
                merged = time.monotonic()
            results.append(result)
            if on_result:
                on_result(result)
    return results


def _merge(plan: DownloadPlan, journal: manifest.DownloadJournal) -> None:
    table = journal.merge()
    if plan.request.metadata:
        complete = table["status"].eq(manifest.DONE) & table["has_header"]
        headers = table.loc[complete, list(metadata.COLUMNS[:-1])].rename_axis("FILE_NAME")
        rows = headers.reset_index().astype(object)
        rows = rows.where(rows.notna(), None)
        metadata.add_rows(plan.folder, rows.to_dict("records"), parquet=True)
