"""Matplotlib styles and HTML templates that all plots and pages share."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jinja2
    from matplotlib.figure import Figure

STYLES = Path(__file__).with_name("styles")
LIGHT, DARK = STYLES / "light.mplstyle", STYLES / "dark.mplstyle"
"""Matplotlib styles for files with a white background, and for pages, which are dark."""


def environment(package: str) -> jinja2.Environment:
    """Return a Jinja environment for the templates in a package and the shared templates."""
    import jinja2

    packages = (package, __name__.rpartition(".")[0])
    return jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(name) for name in packages]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def svg(figure: Figure) -> str:
    """Return a figure as an SVG element, which can be inserted into an HTML page."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]
