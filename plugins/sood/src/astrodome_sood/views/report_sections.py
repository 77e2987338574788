"""Sections of the HTML report about a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from astrodome.views import Section
from markupsafe import Markup

from . import figures
from .pages import render
from .report_content import RunReport, SavedPredictions

SIDE = 256
"""Maximum width of the images on the page, in pixels."""


class TrainingSection:
    """The losses and the other metrics of a run for each epoch."""

    def section(self, report: RunReport) -> Section | None:
        """Return a plot of the metrics, or None if the folder contains no metrics."""
        if report.metrics.empty or not figures.metric_panels(report.metrics):
            return None
        plot = figures.plot_metrics(report.metrics)
        return Section("Training", f'<div class="plot">{plot}</div>')


class PredictionsSection:
    """The most and the least anomalous images of each prediction folder, with their maps."""

    def section(self, report: RunReport) -> Section | None:
        """Return the images, their scores and a histogram of the scores.

        Return None if the report contains no predictions.
        """
        if not report.predictions:
            return None
        parts = [_part(done, report.count) for done in report.predictions]
        return Section(
            "Predictions", render("predictions.html", parts=parts, bar=figures.color_bar())
        )


def _part(done: SavedPredictions, count: int) -> dict[str, Any]:
    """Return the template variables for a prediction folder."""
    ranks = range(len(done.rows))
    most = ranks[:count]
    least = ranks[max(count, len(ranks) - count) :]
    table = pd.DataFrame(done.rows)
    return {
        "done": done,
        "title": Path(done.about.get("data_dir", done.folder)).name.replace("_", " "),
        "times": sorted(table["t_obs"].dropna()),
        "waves": sorted(table["wavelength"].dropna().astype(int).unique()),
        "groups": {
            "Most anomalous": [_card(done, rank) for rank in most],
            # These images are normal, so that a cause of their largest deviation would mislead.
            "Least anomalous": [_card(done, rank) | {"explanation": ""} for rank in least],
        },
        "histogram": Markup(figures.histogram(table, done.label)),
    }


def _card(done: SavedPredictions, rank: int) -> dict[str, Any]:
    """Return the template variables for an image and its map."""
    row = done.rows[rank]
    path = Path(row["path"])
    pictures = {"image": figures.image(path, row["wavelength"], SIDE)}
    if done.maps is not None and row.get("row") is not None:
        scores = done.maps[row["row"]]
        pictures["map"] = figures.score_map(scores, *done.limits)
    return row | {"rank": rank + 1, "name": path.stem, "pictures": pictures}
