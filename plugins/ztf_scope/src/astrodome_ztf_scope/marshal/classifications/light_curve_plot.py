"""Plot light curves that are attached to comments on a source."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import pandas as pd

STYLES = {
    "ztfg": {"color": "tab:green", "marker": "."},
    "ztfr": {"color": "tab:red", "marker": "D"},
    "ztfi": {"color": "tab:orange", "marker": "s"},
}
MJD_ZERO = 58_000.0
"""Zero point of the time axis, as modified Julian date."""


def draw(
    points: pd.DataFrame, title: str, classes: Sequence[str] = (), period: float | None = None
) -> bytes:
    """Plot AB magnitudes against time and return the plot as a PNG image.

    If ``period`` (in days) is given, the magnitudes are plotted against the phase.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), dpi=150)
    axes = figure.add_subplot()
    for band, group in points.groupby("filter"):
        days = group["mjd"] - MJD_ZERO
        across = days if period is None else (days / period) % 1
        style: dict[str, Any] = {"markersize": 3, "elinewidth": 0.5, **STYLES[str(band)]}
        axes.errorbar(across, group["mag"], group["magerr"], ls="", label=str(band), **style)
    axes.invert_yaxis()
    axes.set_ylabel("AB magnitude")
    axes.set_xlabel(f"MJD − {MJD_ZERO:.0f}" if period is None else f"phase (period {period:.6g} d)")
    axes.set_title("\n".join(filter(None, [title, ", ".join(classes)])), fontsize=10)
    axes.legend(ncol=3, fontsize=8)
    out = BytesIO()
    figure.savefig(out, format="png", bbox_inches="tight", metadata={"Software": None})
    return out.getvalue()
