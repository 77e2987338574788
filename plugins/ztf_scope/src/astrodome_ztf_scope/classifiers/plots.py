"""Plot classification metrics as SVG images, for run folders and for the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.style
import numpy as np
import pandas as pd
from astrodome import files
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve
from sklearn.metrics import ConfusionMatrixDisplay, precision_recall_curve, roc_curve

from ..config.appearance import DARK, LIGHT, svg
from .evaluation import THRESHOLD

BINS = 10
"""Number of score bins in the calibration plot."""
FEATURES = 15
"""Maximum number of features in the importance plot."""


@dataclass(frozen=True)
class ScoredSources:
    """Targets (0 or 1) and scores of the sources in a run, both with shape (N,).

    ``colour`` is the index of the curve color in the Matplotlib style.
    """

    target: NDArray[np.floating[Any]]
    score: NDArray[np.floating[Any]]
    colour: int = 0

    @property
    def both_labels(self) -> bool:
        """Whether the run contains both positive and negative sources."""
        return bool(0 < (self.target > 0).sum() < len(self.target))


def report_colours() -> list[str]:
    """Return the curve colors in the report, sorted by color index."""
    style = mpl.rc_params_from_file(DARK, use_default_template=False)
    return [str(colour) for colour in style["axes.prop_cycle"].by_key()["color"]]


def write(
    folder: Path,
    split: pd.DataFrame,
    importance: Mapping[str, float] | None = None,
    metrics: pd.DataFrame | None = None,
) -> list[Path]:
    """Write the plots for the test set of a run, and return the paths of the plot files.

    ``split`` has the columns ``part``, ``target`` and ``score``. ``importance`` maps feature names
    to importances, and ``metrics`` is the table from ``metrics.csv``. Undefined plots are skipped,
    for example the ROC curve if all labels are equal.
    """
    rows = split[split["part"] == "test"]
    if rows.empty:
        return []
    run = ScoredSources(rows["target"].to_numpy(), rows["score"].to_numpy())
    drawn: dict[str, Callable[[Axes], None]] = {
        "confusion": partial(confusion, run=run),
        "calibration": partial(calibration, runs=[run]),
    }
    if run.both_labels:
        drawn["roc"] = partial(roc, runs=[run])
        drawn["precision_recall"] = partial(precision_recall, runs=[run])
    if metrics is not None and len(metrics):
        drawn["training"] = partial(training, trained=[(metrics, 0)])
    if importance:
        drawn["importances"] = partial(importances, importance=importance)
    paths = []
    with mpl.style.context(LIGHT):
        for name, draw in drawn.items():
            figure = Figure((4.2, 3.4), layout="constrained")
            draw(figure.subplots())
            path = folder / f"{name}.svg"
            files.write_text(path, svg(figure))
            paths.append(path)
    return paths


def panels(runs: Sequence[ScoredSources], trained: Sequence[tuple[pd.DataFrame, int]]) -> str:
    """Plot the training curves and scores for all runs of a class as an SVG image with four panels.

    For each run, ``trained`` contains a table with the metrics per epoch or boosting round, and the
    number of the curve's color in the palette.
    """
    defined = [run for run in runs if run.both_labels]
    with mpl.style.context(DARK):
        figure = Figure((13, 3))
        # The computation of a layout would take as long as the rest of the plot.
        figure.subplots_adjust(left=0.045, right=0.995, bottom=0.16, top=0.91, wspace=0.42)
        left, center, right, last = figure.subplots(1, 4)
        roc(left, defined)
        precision_recall(center, defined)
        calibration(right, runs)
        training(last, trained)
        return svg(figure)


def roc(axes: Axes, runs: Sequence[ScoredSources]) -> None:
    """Plot the ROC curves. The x axis is logarithmic, because most sources are negative."""
    least = 1e-2
    for run in runs:
        false, true, _ = roc_curve(run.target, run.score)
        least = min(least, 0.5 / (run.target <= 0).sum())
        axes.step(false, true, color=f"C{run.colour}", lw=1.2, where="post")
    chance = np.geomspace(least, 1, 50)
    axes.plot(chance, chance, ":", color="gray", lw=1)
    axes.set(xlabel="false positive rate", ylabel="true positive rate", title="ROC")
    axes.set(xscale="log", xlim=(least, 1), ylim=(-0.02, 1.02))


def precision_recall(axes: Axes, runs: Sequence[ScoredSources]) -> None:
    """Plot the precision-recall curves."""
    for run in runs:
        precision, recall, _ = precision_recall_curve(run.target, run.score)
        # The points have ascending thresholds, so each step extends to the next recall value.
        axes.step(recall, precision, color=f"C{run.colour}", lw=1.2, where="post")
    axes.set(xlabel="recall", ylabel="precision", title="Precision and recall")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))


def calibration(axes: Axes, runs: Sequence[ScoredSources]) -> None:
    """Plot the fraction of positive sources as a function of the score."""
    for run in runs:
        fraction, score = calibration_curve(run.target > 0, run.score, n_bins=BINS)
        axes.plot(score, fraction, "o-", color=f"C{run.colour}", ms=3.5, lw=1)
    axes.plot([0, 1], [0, 1], ":", color="gray", lw=1)
    axes.set(xlabel="score", ylabel="fraction of positive sources", title="Calibration")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))


def training(axes: Axes, trained: Sequence[tuple[pd.DataFrame, int]]) -> None:
    """Plot the validation loss (solid) and training loss (dotted) per epoch or boosting round."""
    for metrics, colour in trained:
        steps = metrics.iloc[:, 0] + 1
        loss = next((c for c in metrics if c.startswith("val_") and "loss" in c), None)
        if loss is None:
            continue
        axes.plot(steps, metrics[loss], color=f"C{colour}", lw=1.2)
        if (own := loss.removeprefix("val_")) in metrics:
            axes.plot(steps, metrics[own], ":", color=f"C{colour}", lw=1)
    if trained:
        axes.set(xscale="log", yscale="log")
    axes.set(xlabel="epoch or round", ylabel="loss", title="Training (dotted) and validation")


def confusion(axes: Axes, run: ScoredSources) -> None:
    """Plot the confusion matrix with the number of sources in each cell."""
    ConfusionMatrixDisplay.from_predictions(
        run.target > 0,
        run.score > THRESHOLD,
        labels=[False, True],
        display_labels=["negative", "positive"],
        values_format=",d",
        cmap="Blues",
        colorbar=False,
        ax=axes,
    )
    axes.grid(False)
    axes.set_title("Confusion matrix")


def importances(axes: Axes, importance: Mapping[str, float]) -> None:
    """Plot the most important features and their fraction of the total gain."""
    top = sorted(importance.items(), key=lambda item: item[1])[-FEATURES:]
    axes.barh([name for name, _ in top], [share for _, share in top])
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", labelsize=7)
    axes.set(xlabel="fraction of the gain", title="Feature importance")
