"""Charts in the HTML report of an analysis."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
from astrodome_solar.figures import SERIES, STYLE, to_svg
from matplotlib.figure import Figure


def iou_chart(images: pd.DataFrame) -> str:
    """Return an SVG figure with the IoU of all images over time, and a histogram of the IoU."""
    with mpl.rc_context(STYLE):
        figure = Figure((10, 2.8), layout="constrained")
        over_time, histogram = figure.subplots(1, 2, sharey=True, width_ratios=(3, 1))
        for wavelength, rows in images.groupby("wavelength"):
            over_time.plot(rows["t_obs"], rows["iou"], ".", ms=5, label=f"{wavelength} Å")
        over_time.set(ylabel="IoU", ylim=(-0.02, 1.02))
        over_time.legend()
        bins = np.linspace(0, 1, 41).tolist()
        histogram.hist(images["iou"], bins, color=SERIES[0], orientation="horizontal")
        histogram.set_xlabel("images")
        return to_svg(figure)
