"""Charts in the HTML report of an analysis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from astrodome_solar.figures import SERIES, STYLE, to_svg
from matplotlib.figure import Figure


def iou_chart(rows: Sequence[dict[str, Any]]) -> str:
    """Return an SVG figure with the IoU of all images over time, and a histogram of the IoU."""
    with mpl.rc_context(STYLE):
        figure = Figure((10, 2.8), layout="constrained")
        over_time, histogram = figure.subplots(1, 2, sharey=True, width_ratios=(3, 1))
        for number, wavelength in enumerate(sorted({row["wavelength"] for row in rows})):
            chosen = [row for row in rows if row["wavelength"] == wavelength]
            times, iou = zip(*((row["t_obs"], row["iou"]) for row in chosen), strict=True)
            color = SERIES[number % len(SERIES)]
            over_time.plot(times, iou, ".", ms=5, color=color, label=f"{wavelength} Å")
        over_time.set(ylabel="IoU", ylim=(-0.02, 1.02))
        over_time.legend()
        values, bins = [row["iou"] for row in rows], np.linspace(0, 1, 41).tolist()
        histogram.hist(values, bins, color=SERIES[0], orientation="horizontal")
        histogram.set_xlabel("images")
        return to_svg(figure)
