"""A plugin in one file that adds a section and an exporter to ``sdo sood report``."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from astrodome import ViewSpec, hookimpl
from astrodome.views import Section

if TYPE_CHECKING:
    from astrodome_sood import RunReport


@hookimpl
def register_views() -> Iterator[ViewSpec]:
    """Register the views of the report."""
    target = f"{__name__}:ObservationTimes"
    yield ViewSpec("sood-report", "times", target, "Range of the observation times.")
    yield ViewSpec("sood-report", "jsonl", target, "Scores as JSON.", "exporter", "jsonl")


class ObservationTimes:
    """The observation times of the predictions."""

    def section(self, report: RunReport) -> Section | None:
        """Return the first and the last time, or None if no time is known."""
        if not report.predictions:
            return None
        times = sorted(report.table()["t_obs"].dropna())
        if not times:
            return None
        text = f"{len(times)} images, {times[0]} to {times[-1]}."
        return Section("Observation times", f"<p>{html.escape(text)}</p>")

    def export(self, report: RunReport, path: Path) -> None:
        """Write the time and the score of each image."""
        columns = ["path", "t_obs", "score"]
        report.table()[columns].to_json(path, orient="records", lines=True)
