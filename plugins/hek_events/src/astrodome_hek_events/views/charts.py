"""SVG charts for the HTML report of an analysis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from astrodome_solar.figures import INK, SERIES, STYLE, to_svg
from matplotlib.figure import Figure


def histogram(values: Sequence[float], label: str) -> str:
    """Return an SVG histogram of values between 0 and 1."""
    with mpl.rc_context(STYLE):
        figure = Figure((10, 2.6), layout="constrained")
        axes = figure.subplots()
        axes.hist(values, bins=np.linspace(0, 1, 41).tolist(), color=SERIES[0])
        axes.axvline(float(np.median(values)), color=INK, ls=":", lw=1.2, label="median")
        axes.set_xlim(0, 1)
        axes.set_xlabel(label)
        axes.set_ylabel("images")
        axes.legend()
        return to_svg(figure)


def iou_over_time(rows: Sequence[dict[str, Any]]) -> str:
    """Return an SVG plot of the IoU of each image over time, with one color per wavelength."""
    wavelengths = sorted({row["wavelength"] for row in rows})
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
                color=SERIES[number % len(SERIES)],
                label=f"{wavelength} Å",
            )
        axes.set_ylim(-0.02, 1.02)
        axes.set_ylabel("IoU")
        axes.legend()
        return to_svg(figure)
