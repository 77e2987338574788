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


def losses(metrics: pd.DataFrame) -> str:
    """Return an SVG plot of the losses and the terms of the validation loss for each epoch."""
    terms = [name for name in metrics if name.startswith("val_") and name != "val_loss"]
    panels = {"loss": [name for name in ("loss", "val_loss") if name in metrics]}
    panels |= {"term (validation)": terms} if terms else {}
    epochs = metrics["epoch"] + 1
    with mpl.rc_context(STYLE):
        figure = Figure((10, 3.3), layout="constrained")
        for axes, (label, names) in zip(
            figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
        ):
            axes.plot(epochs, metrics[names], label=names, marker="o" if len(epochs) < 3 else "")
            axes.set(xlabel="epoch", ylabel=label, yscale="linear" if label == "loss" else "log")
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
