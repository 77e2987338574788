"""Charts of the agreement between events and regions, as SVG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from .image_plot import FAINT, GRID, INK

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
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "svg.fonttype": "none",
    "xtick.color": FAINT,
    "ytick.color": FAINT,
}


def histogram(values: Sequence[float], label: str) -> str:
    """Return a histogram of values between 0 and 1 as SVG."""
    with mpl.rc_context(STYLE):
        figure = Figure((10, 2.6), layout="constrained")
        axes = figure.subplots()
        axes.hist(values, bins=np.linspace(0, 1, 41).tolist(), color="#ffb454")
        axes.axvline(float(np.median(values)), color=INK, ls=":", lw=1.2, label="median")
        axes.set_xlim(0, 1)
        axes.set_xlabel(label)
        axes.set_ylabel("images")
        axes.legend()
        return _svg(figure)


def iou_over_time(rows: Sequence[dict[str, Any]]) -> str:
    """Return a plot of the IoU of each image over time as SVG, one color per wavelength."""
    wavelengths = sorted({row["wavelength"] for row in rows})
    colors = ("#ffb454", "#59c2ff", "#b8cc52", "#f07178", "#d2a6ff", "#95e6cb")
    with mpl.rc_context(STYLE):
        figure = Figure((10, 2.6), layout="constrained")
        axes = figure.subplots()
        for number, wavelength in enumerate(wavelengths):
            chosen = [row for row in rows if row["wavelength"] == wavelength]
            axes.plot(
                [row["t_obs"] for row in chosen],
                [row["iou"] for row in chosen],
                ".",
                ms=5,
                color=colors[number % len(colors)],
                label=f"{wavelength} Å",
            )
        axes.set_ylim(-0.02, 1.02)
        axes.set_ylabel("IoU")
        axes.legend()
        return _svg(figure)


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]
