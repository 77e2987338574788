"""Style plots for HTML pages, and convert plots to SVG and data URLs."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler
from matplotlib.style import library
from numpy.typing import NDArray
from PIL import Image

INK, FAINT, GRID = "#d7dce5", "#8b94a7", "#2a3140"
SERIES = ("#ffb454", "#59c2ff", "#b8cc52", "#f07178", "#d2a6ff", "#95e6cb")
STYLE: dict[Any, Any] = {
    **library["dark_background"],
    "axes.axisbelow": True,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.prop_cycle": cycler(color=SERIES),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "none",
    "grid.color": GRID,
    "legend.frameon": False,
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
}
"""Matplotlib settings for plots on a page with a dark background."""


def to_svg(figure: Figure) -> str:
    """Convert a figure to an SVG element."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]


def to_data_url(colors: NDArray[np.floating[Any]], form: str = "PNG") -> str:
    """Convert RGB or RGBA colors to an image, and return it as a data URL.

    ``colors`` contains values from 0 to 1 and has the shape (height, width, 3) or
    (height, width, 4).
    """
    content = io.BytesIO()
    levels = np.rint(np.asarray(colors)[..., :3] * 255).astype(np.uint8)
    Image.fromarray(levels).save(content, form, optimize=True, quality=85)
    return f"data:image/{form.lower()};base64,{base64.b64encode(content.getvalue()).decode()}"
