"""A light curve as a picture that can be attached to a comment."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import pandas as pd

COLOURS = {"ztfg": "tab:green", "ztfr": "tab:red", "ztfi": "tab:orange"}
MARKERS = {"ztfg": ".", "ztfr": "D", "ztfi": "s"}
ZERO = 58_000.0
"""MJD from which days are counted."""


def draw(
    points: pd.DataFrame, title: str, classes: Sequence[str] = (), period: float | None = None
) -> bytes:
    """A PNG of AB magnitudes over time, or over the phase of a ``period`` (d)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), dpi=150)
    axes = figure.add_subplot()
    for band, group in points.groupby("filter"):
        days = group["mjd"] - ZERO
        across = days if period is None else (days / period) % 1
        axes.errorbar(
            across,
            group["mag"],
            group["magerr"],
            fmt=MARKERS.get(str(band), "."),
            color=COLOURS.get(str(band)),
            markersize=3,
            elinewidth=0.5,
            label=str(band),
        )
    axes.invert_yaxis()
    axes.set_ylabel("AB magnitude")
    axes.set_xlabel(f"MJD − {ZERO:.0f}" if period is None else f"phase (period {period:.6g} d)")
    axes.set_title("\n".join(filter(None, [title, ", ".join(classes)])), fontsize=10)
    axes.legend(ncol=3, fontsize=8)
    out = BytesIO()
    figure.savefig(out, format="png", bbox_inches="tight", metadata={"Software": None})
    return out.getvalue()
