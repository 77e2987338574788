"""Style of the plots in HTML pages, and their conversion to text."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from matplotlib.figure import Figure
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
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "none",
    "grid.color": GRID,
    "legend.frameon": False,
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
}
"""Settings of matplotlib for plots on a dark page."""


def to_svg(figure: Figure) -> str:
    """Return a figure as an SVG element."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]


def to_data_url(colors: NDArray[np.floating[Any]], form: str = "PNG") -> str:
    """Return colors from 0 to 1, shape (H, W, 3) or (H, W, 4), as a data URL of an image."""
    content = io.BytesIO()
    levels = np.rint(np.asarray(colors)[..., :3] * 255).astype(np.uint8)
    Image.fromarray(levels).save(content, form, optimize=True, quality=85)
    return f"data:image/{form.lower()};base64,{base64.b64encode(content.getvalue()).decode()}"
