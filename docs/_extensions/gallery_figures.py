"""Show figures that are not managed by pyplot in the gallery."""

from __future__ import annotations

from typing import Any

from sphinx_gallery.scrapers import figure_rst


def save_figures(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Save the new figures in the variables of a script, and return their place on the page."""
    from matplotlib.figure import Figure

    paths = []
    for value in block_vars["example_globals"].values():
        if (
            isinstance(value, Figure)
            and not hasattr(value, "number")
            and not hasattr(value, "in_gallery")
        ):
            path = next(block_vars["image_path_iterator"])
            value.savefig(path, dpi=100)
            value.in_gallery = True
            paths.append(path)
    return figure_rst(paths, gallery_conf["src_dir"])


def _get_sg_image_scraper() -> Any:
    """Return the function that sphinx-gallery calls after each part of a script."""
    return save_figures
