"""Write self-contained HTML pages from templates."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
from astrodome import files


def write_page(path: Path, template: str, **variables: Any) -> None:
    """Render a template to a file.

    The template variable ``written`` is set to the current time.
    """
    written = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    files.write_text(path, render(template, **variables, written=written))


def render(template: str, **variables: Any) -> str:
    """Render a template to a string."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("astrodome_sood.views"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(template).render(**variables)
