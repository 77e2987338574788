"""Create figures for HTML pages: images as data URLs, and plots as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from astrodome_solar.colormaps import colormap
from astrodome_solar.figures import FAINT, SERIES, STYLE, to_data_url, to_svg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

MAP_COLORMAP = "inferno"


def image(path: Path, wavelength: int | None, side: int) -> str:
    """Return an image in its colormap, scaled down to at most ``side`` pixels.

    Return an empty string if the image cannot be read.
    """
    grey = _grey_image(path, side)
    return to_data_url(colormap(wavelength)(np.asarray(grey))) if grey else ""


def score_map(scores: NDArray[np.float32], low: float, high: float) -> str:
    """Return a pixel score map with a square-root color scale from ``low`` to ``high``."""
    return to_data_url(mpl.colormaps[MAP_COLORMAP](_relative_scores(scores, low, high)))


def overlay(path: Path, scores: NDArray[np.float32], low: float, high: float, side: int) -> str:
    """Return the grey image with an overlay of its pixel scores.

    Higher scores are more opaque.
    """
    grey = _grey_image(path, side)
    if grey is None:
        return ""
    levels = Image.fromarray(_relative_scores(scores, low, high))
    weight = np.asarray(levels.resize(grey.size, Image.Resampling.BILINEAR))[..., None]
    hot = mpl.colormaps[MAP_COLORMAP](weight[..., 0])[..., :3]
    return to_data_url(np.asarray(grey)[..., None] / 255 * 0.7 * (1 - weight) + hot * weight)


def color_bar() -> str:
    """Return the color bar of the maps, from the lowest to the highest score."""
    return score_map(np.linspace(0, 1, 256, dtype=np.float32)[None], 0, 1)


def losses(metrics: Mapping[str, NDArray[np.float64]]) -> str:
    """Plot the training and validation losses by epoch, and the terms of the validation loss."""
    terms = [name for name in metrics if name.startswith("val_") and name != "val_loss"]
    with mpl.rc_context(STYLE):
        figure = Figure((10, 3.3), layout="constrained")
        left, right = figure.subplots(1, 2)
        epochs = metrics["epoch"] + 1
        marker = "o" if len(epochs) < 3 else ""
        curves = {"loss": ("training", SERIES[0]), "val_loss": ("validation", SERIES[1])}
        for name, (label, color) in curves.items():
            if name in metrics:
                left.plot(epochs, metrics[name], color=color, label=label, marker=marker)
        if "val_loss" in metrics:
            best = epochs[np.argmin(metrics["val_loss"])]
            left.axvline(best, color=FAINT, ls=":", lw=1, label="best weights")
        for name, color in zip(terms, SERIES[1:], strict=False):
            label = name.removeprefix("val_")
            right.plot(epochs, metrics[name], color=color, label=label, marker=marker)
        right.set_yscale("log")
        left.set_ylabel("loss")
        right.set_ylabel("term (validation)")
        if not terms:
            right.remove()
        for axes in figure.axes:
            axes.set_xlabel("epoch")
            axes.legend()
        return to_svg(figure)


def histogram(scores: Sequence[float], groups: Sequence[Any], label: str) -> str:
    """Plot a histogram of the scores by wavelength."""
    names = sorted({group for group in groups if group is not None}) + [None] * (None in groups)
    values = [[s for s, g in zip(scores, groups, strict=True) if g == name] for name in names]
    titles = [f"{name} Å" if name else "unknown wavelength" for name in names]
    with mpl.rc_context(STYLE):
        figure = Figure((10, 2.4), layout="constrained")
        axes = figure.subplots()
        shades = [SERIES[i % len(SERIES)] for i in range(len(names))]
        axes.hist(
            values,
            bins=min(60, max(10, len(scores) // 8)),
            stacked=True,
            color=shades,
            label=titles,
        )
        axes.set_xlabel(label)
        axes.set_ylabel("images")
        axes.legend()
        return to_svg(figure)


def _grey_image(path: Path, side: int) -> Image.Image | None:
    try:
        with Image.open(path) as source:
            source.draft("L", (side, side))
            grey = source.convert("L")
    except OSError:
        return None
    grey.thumbnail((side, side))
    return grey


def _relative_scores(scores: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    span = high - low if high > low else np.inf
    levels: NDArray[np.float32] = np.sqrt(np.clip((scores - low) / span, 0, 1), dtype=np.float32)
    return levels
