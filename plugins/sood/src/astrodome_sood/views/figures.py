"""Pictures for the report, as text that goes into a page: PNG as data addresses, and SVG."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

INK, FAINT, GRID = "#d7dce5", "#8b94a7", "#2a3140"
SERIES = ("#ffb454", "#59c2ff", "#b8cc52", "#f07178", "#d2a6ff", "#95e6cb")
MAP_COLOURS = "inferno"
STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": GRID,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": FAINT,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "none",
    "font.size": 10,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "svg.fonttype": "none",
    "xtick.color": FAINT,
    "ytick.color": FAINT,
}


def colours(wavelength: int | None) -> Colormap:
    """The AIA colours of a wavelength (angstrom), where sunpy is installed; else ``afmhot``."""
    try:
        import sunpy.visualization.colormaps  # noqa: F401
    except ImportError:
        return mpl.colormaps["afmhot"]
    name = f"sdoaia{wavelength}"
    return mpl.colormaps[name if name in mpl.colormaps else "gray"]


def image(path: Path, wavelength: int | None, side: int) -> str:
    """An image in its colours, at most ``side`` px; empty when it cannot be read any more."""
    grey = _grey(path, side)
    return png(colours(wavelength)(np.asarray(grey))) if grey else ""


def score_map(scores: NDArray[np.float32], low: float, high: float) -> str:
    """A map of pixel scores between two limits, the colours by the square root of the score."""
    return png(mpl.colormaps[MAP_COLOURS](_levels(scores, low, high)))


def overlay(path: Path, scores: NDArray[np.float32], low: float, high: float, side: int) -> str:
    """The grey image with its scores over it, the more opaque the higher."""
    grey = _grey(path, side)
    if grey is None:
        return ""
    levels = Image.fromarray(_levels(scores, low, high))
    weight = np.asarray(levels.resize(grey.size, Image.Resampling.BILINEAR))[..., None]
    hot = mpl.colormaps[MAP_COLOURS](weight[..., 0])[..., :3]
    return png(np.asarray(grey)[..., None] / 255 * 0.7 * (1 - weight) + hot * weight)


def bar() -> str:
    """The colours of the maps, from the lowest score to the highest."""
    return score_map(np.linspace(0, 1, 256, dtype=np.float32)[None], 0, 1)


def losses(metrics: Mapping[str, NDArray[np.float64]]) -> str:
    """Losses of training and validation by epoch, and the terms of the validation's."""
    terms = [name for name in metrics if name.startswith("val_") and name != "val_loss"]
    with mpl.rc_context(STYLE):
        figure = Figure((10, 3.3), layout="constrained")
        left, right = figure.subplots(1, 2)
        epochs = metrics["epoch"] + 1
        marker = "o" if len(epochs) < 3 else ""
        curves = {"loss": ("training", SERIES[0]), "val_loss": ("validation", SERIES[1])}
        for name, (label, colour) in curves.items():
            if name in metrics:
                left.plot(epochs, metrics[name], color=colour, label=label, marker=marker)
        if "val_loss" in metrics:
            best = epochs[np.argmin(metrics["val_loss"])]
            left.axvline(best, color=FAINT, ls=":", lw=1, label="best weights")
        for name, colour in zip(terms, SERIES[1:], strict=False):
            label = name.removeprefix("val_")
            right.plot(epochs, metrics[name], color=colour, label=label, marker=marker)
        right.set_yscale("log")
        left.set_ylabel("loss")
        right.set_ylabel("term (validation)")
        if not terms:
            right.remove()
        for axes in figure.axes:
            axes.set_xlabel("epoch")
            axes.legend()
        return svg(figure)


def histogram(scores: Sequence[float], groups: Sequence[Any], label: str) -> str:
    """How many images have which score, by wavelength."""
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
        return svg(figure)


def _grey(path: Path, side: int) -> Image.Image | None:
    try:
        with Image.open(path) as source:
            source.draft("L", (side, side))
            grey = source.convert("L")
    except OSError:
        return None
    grey.thumbnail((side, side))
    return grey


def _levels(scores: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    span = high - low if high > low else np.inf
    levels: NDArray[np.float32] = np.sqrt(np.clip((scores - low) / span, 0, 1), dtype=np.float32)
    return levels


def svg(figure: Figure) -> str:
    """A figure as the element that goes into a page."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]


def png(colour: NDArray[np.floating[Any]]) -> str:
    """Colours (H, W, 3 or 4) from 0 to 1 as a data address."""
    content = io.BytesIO()
    levels = (np.asarray(colour)[..., :3] * 255).round().astype(np.uint8)
    Image.fromarray(levels).save(content, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()
