"""Create figures for HTML pages: images as data URLs, and plots as SVG."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from astrodome_solar.colormaps import colormap
from astrodome_solar.figures import STYLE, to_data_url, to_svg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

MAP_COLORMAP = "inferno"
LOSSES = ("loss", "train_loss", "val_loss")
NOT_PLOTTED = ("epoch", "step", "seconds")
"""Columns of ``metrics.csv`` that describe the epoch and are not metrics of the model."""


def image(path: Path, wavelength: int | None, side: int) -> str:
    """Return an image as a data URL.

    The image is drawn with its colormap, and is at most ``side`` pixels wide and high.
    Return an empty string if the image cannot be read.
    """
    try:
        with Image.open(path) as source:
            source.draft("L", (side, side))
            gray = source.convert("L")
    except OSError:
        return ""
    gray.thumbnail((side, side))
    return to_data_url(colormap(wavelength)(np.asarray(gray)))


def score_map(scores: NDArray[np.float32], low: float, high: float) -> str:
    """Return a score map as a data URL, with a square-root color scale from ``low`` to ``high``."""
    span = high - low if high > low else np.inf
    levels = np.sqrt(np.clip((scores - low) / span, 0, 1))
    return to_data_url(mpl.colormaps[MAP_COLORMAP](levels))


def color_bar() -> str:
    """Return the color bar of the maps as a data URL, from the lowest to the highest score."""
    return score_map(np.linspace(0, 1, 256, dtype=np.float32)[None], 0, 1)


def metric_panels(metrics: pd.DataFrame) -> dict[str, list[str]]:
    """Return the numeric columns to plot for each epoch, keyed by the label of their panel."""
    left = [name for name in metrics.select_dtypes("number") if name not in NOT_PLOTTED]
    panels = {"loss": [name for name in left if name in LOSSES]}
    left = [name for name in left if name not in LOSSES]
    panels["term (validation)"] = [name for name in left if name.startswith("val_")]
    panels["term (training)"] = [name for name in left if not name.startswith("val_")]
    return {label: names for label, names in panels.items() if names}


def plot_metrics(metrics: pd.DataFrame) -> str:
    """Return an SVG plot of the losses and of all other metrics for each epoch."""
    panels = metric_panels(metrics)
    epochs = 1 + metrics.get("epoch", metrics.index)
    with mpl.rc_context(STYLE):
        figure = Figure((10, 3.3), layout="constrained")
        for axes, (label, names) in zip(
            figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
        ):
            axes.plot(epochs, metrics[names], label=names, marker="o" if len(epochs) < 3 else "")
            positive = bool((metrics[names].min() > 0).all())
            scale = "log" if positive and label != "loss" else "linear"
            axes.set(xlabel="epoch", ylabel=label, yscale=scale)
            axes.legend()
        return to_svg(figure)


def histogram(predictions: pd.DataFrame, label: str) -> str:
    """Return an SVG histogram of the column ``score``."""
    with mpl.rc_context(STYLE):
        figure = Figure((10, 2.4), layout="constrained")
        axes = figure.subplots()
        axes.hist(predictions["score"], bins=min(60, max(10, len(predictions) // 8)))
        axes.set(xlabel=label, ylabel="images")
        return to_svg(figure)
