"""Plot classification metrics as SVG, for run folders and for the report."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from astrodome import files
from astropy.stats import binom_conf_interval
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from .evaluation import classification_metrics

SERIES = ("#ffb454", "#59c2ff", "#b8cc52", "#f07178", "#d2a6ff", "#95e6cb")
ON_PAPER = ("#c26a00", "#0072b2", "#4f7a00", "#b3384a", "#7a4fb5", "#00806a")
POINTS = 200
"""Maximum number of points in a curve."""
BINS = 10
FEATURES = 15
"""Maximum number of features in the importance plot."""


@dataclass(frozen=True)
class ScoredSources:
    """Targets (0 or 1) and scores of a run, both with shape (N,); ``colour`` is a color index."""

    name: str
    target: NDArray[np.floating[Any]]
    score: NDArray[np.floating[Any]]
    colour: int = 0


def style(*, dark: bool) -> dict[Any, Any]:
    """Return the Matplotlib settings for the dark report, or for files with a white background."""
    ink, faint, grid = (
        ("#d7dce5", "#8b94a7", "#2a3140") if dark else ("#1d222b", "#5b6472", "#dde1e8")
    )
    return {
        "axes.axisbelow": True,
        "axes.edgecolor": grid,
        "axes.facecolor": "none" if dark else "white",
        "axes.grid": True,
        "axes.labelcolor": faint,
        "axes.prop_cycle": cycler(color=SERIES if dark else ON_PAPER),
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlecolor": ink,
        "axes.titlesize": 10,
        "figure.facecolor": "none" if dark else "white",
        "font.size": 9,
        "grid.color": grid,
        "grid.linewidth": 0.6,
        "legend.frameon": False,
        "legend.labelcolor": ink,
        "svg.fonttype": "none",
        "svg.hashsalt": "astrodome",
        "text.color": ink,
        "xtick.color": faint,
        "ytick.color": faint,
    }


def write(
    folder: Path,
    split: pd.DataFrame,
    importance: Mapping[str, float] | None = None,
    metrics: pd.DataFrame | None = None,
    part: str = "test",
) -> list[Path]:
    """Write the plots for a run, and return the paths of the plot files.

    ``split`` has the columns ``part``, ``target`` and ``score``. ``importance`` maps feature names
    to importances, and ``metrics`` is the table from ``metrics.csv``. Undefined plots are skipped,
    for example the ROC curve if all labels are equal.
    """
    rows = split[split["part"] == part]
    if rows.empty:
        return []
    runs = [ScoredSources(part, rows["target"].to_numpy(), rows["score"].to_numpy())]
    drawn: dict[str, Callable[[Axes], None]] = {
        "confusion": lambda axes: confusion(axes, runs[0]),
        "calibration": lambda axes: calibration(axes, runs),
    }
    if _both(runs[0]):
        drawn["roc"] = lambda axes: roc(axes, runs)
        drawn["precision_recall"] = lambda axes: precision_recall(axes, runs)
    if metrics is not None and len(metrics):
        drawn["training"] = lambda axes: training(axes, [(metrics, 0)])
    if importance:
        drawn["importances"] = lambda axes: importances(axes, importance)
    paths = []
    with mpl.rc_context(style(dark=False)):
        for name, draw in drawn.items():
            figure = Figure((4.2, 3.4), layout="constrained")
            draw(figure.subplots())
            path = folder / f"{name}.svg"
            files.write_text(path, _svg(figure))
            paths.append(path)
    return paths


def panels(runs: Sequence[ScoredSources], trained: Sequence[tuple[pd.DataFrame, int]]) -> str:
    """Plot the curves for all runs of a class side by side, and return the SVG for the report."""
    defined = [run for run in runs if _both(run)]
    draws: list[Callable[[Axes], None]] = [
        lambda axes: roc(axes, defined),
        lambda axes: precision_recall(axes, defined),
        lambda axes: calibration(axes, runs),
        lambda axes: training(axes, trained),
    ]
    with mpl.rc_context(style(dark=True)):
        figure = Figure((13, 3), layout="constrained")
        for axes, draw in zip(figure.subplots(1, len(draws)), draws, strict=True):
            draw(axes)
        return _svg(figure)


def roc(axes: Axes, runs: Sequence[ScoredSources]) -> None:
    """Plot the ROC curves, with a logarithmic axis because most sources are negative."""
    least = 1e-2
    for run in runs:
        false, true, _ = roc_curve(run.target, run.score)
        least = min(least, 0.5 / (run.target <= 0).sum())
        axes.step(*_thin(false, true), color=_colour(run.colour), lw=1.2, where="post",
                  label=run.name)  # fmt: skip
    chance = np.geomspace(least, 1, 50)
    axes.plot(chance, chance, ":", color="gray", lw=1)
    axes.set(xlabel="false positives", ylabel="true positives", title="ROC")
    axes.set(xscale="log", xlim=(least, 1), ylim=(-0.02, 1.02))
    if len({run.colour for run in runs}) > 1:
        handles, labels = axes.get_legend_handles_labels()
        one = dict(zip(labels, handles, strict=True))
        axes.legend(list(one.values()), list(one), loc="lower right")


def precision_recall(axes: Axes, runs: Sequence[ScoredSources]) -> None:
    """Plot the precision-recall curves."""
    for run in runs:
        precision, recall, _ = precision_recall_curve(run.target, run.score)
        # The points have ascending thresholds, so each step extends to the next recall value.
        axes.step(*_thin(recall, precision), color=_colour(run.colour), lw=1.2, where="post")
    axes.set(xlabel="recall", ylabel="precision", title="Precision and recall")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))


def calibration(axes: Axes, runs: Sequence[ScoredSources]) -> None:
    """Plot the fraction of positive sources by score, with 68 % confidence intervals.

    The bars show the number of sources on a logarithmic scale. Runs with the same color are
    combined.
    """
    edges = np.linspace(0, 1, BINS + 1)
    counts = axes.twinx()
    counts.set_yscale("log")
    counts.tick_params(right=False, labelright=False, which="both")
    counts.grid(False)
    counts.spines[:].set_visible(False)
    for number in sorted({run.colour for run in runs}):
        score = np.concatenate([run.score for run in runs if run.colour == number])
        target = np.concatenate([run.target for run in runs if run.colour == number]) > 0
        place = np.clip(np.digitize(score, edges) - 1, 0, BINS - 1)
        size = np.bincount(place, minlength=BINS)
        there = np.flatnonzero(size)
        hits = np.bincount(place, target, BINS)[there]
        share = hits / size[there]
        ends = np.abs(binom_conf_interval(hits, size[there], interval="wilson") - share)
        mean = np.bincount(place, score, BINS)[there] / size[there]
        colour = _colour(number)
        axes.errorbar(mean, share, ends, fmt="o", color=colour, ms=3.5, lw=1)
        counts.bar(edges[:-1], size, 1 / BINS, align="edge", color=colour, alpha=0.15)
    axes.plot([0, 1], [0, 1], ":", color="gray", lw=1)
    axes.set(xlabel="score", ylabel="share of positives", title="Calibration, numbers of sources")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.set_zorder(counts.get_zorder() + 1)
    axes.patch.set_visible(False)


def training(axes: Axes, trained: Sequence[tuple[pd.DataFrame, int]]) -> None:
    """Plot the validation loss (solid) and training loss (dotted) by epoch or boosting round."""
    for metrics, colour in trained:
        steps = metrics.iloc[:, 0] + 1
        loss = next((c for c in metrics if c.startswith("val_") and "loss" in c), None)
        if loss is None:
            continue
        axes.plot(steps, metrics[loss], color=_colour(colour), lw=1.2)
        if (own := loss.removeprefix("val_")) in metrics:
            axes.plot(steps, metrics[own], ":", color=_colour(colour), lw=1)
    if trained:
        axes.set(xscale="log", yscale="log")
    axes.set(xlabel="epoch or round", ylabel="loss", title="Training (dotted) and validation")


def confusion(axes: Axes, run: ScoredSources) -> None:
    """Plot the confusion matrix, with colors that show the fraction of each true label."""
    found = classification_metrics(run.target, run.score)
    cells = [[found["true_negative"], found["false_positive"]],
             [found["false_negative"], found["true_positive"]]]  # fmt: skip
    numbers = np.array(cells, float)
    shares = numbers / np.maximum(numbers.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.grid(False)
    for (row, column), share in np.ndenumerate(shares):
        text = f"{numbers[row, column]:,.0f}\n{share:.1%}"
        ink = "white" if share > 0.5 else "black"
        axes.text(column, row, text, ha="center", va="center", color=ink)
    axes.set_xticks([0, 1], ["not predicted", "predicted"])
    axes.set_yticks([0, 1], ["negative", "positive"])
    axes.set_title("Confusion")


def importances(axes: Axes, importance: Mapping[str, float]) -> None:
    """Plot the most important features and their share of the total gain."""
    top = sorted(importance.items(), key=lambda item: item[1])[-FEATURES:]
    axes.barh([name for name, _ in top], [share for _, share in top])
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", labelsize=7)
    axes.set(xlabel="share of the gain", title="Importance of features")


def _both(run: ScoredSources) -> bool:
    return bool(0 < (run.target > 0).sum() < len(run.target))


def _colour(number: int) -> str:
    colours = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    return str(colours[number % len(colours)])


def _thin(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Reduce a monotonic curve to fewer points, which are equally spaced along the curve."""
    if len(x) <= POINTS:
        return x, y
    length = np.concatenate([[0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))])
    kept = np.searchsorted(length, np.linspace(0, length[-1], POINTS)).clip(max=len(x) - 1)
    kept = np.unique(np.concatenate([[0], kept, [len(x) - 1]]))
    return x[kept], y[kept]


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]
