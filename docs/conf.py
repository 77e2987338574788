"""Configuration of the documentation site."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import os
import sys
import tomllib
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS / "_extensions"))
TOOL = tomllib.loads((DOCS.parent / "pyproject.toml").read_text("utf-8"))["tool"]["astrodome"]

project = "astrodome"
author = "The astrodome developers"
copyright = f"2026, {author}"
version = release = importlib.metadata.version("astrodome")
repository = TOOL["repository"]

extensions = [
    "myst_parser",
    "numpydoc",
    "repository_links",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.linkcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_extensions", "_templates", "gallery", "sg_execution_times.rst"]
templates_path = ["_templates"]

# Python API: a page for each public name; numpydoc formats the docstrings.
autosummary_generate = sorted(
    str(path.relative_to(DOCS)) for path in (DOCS / "reference" / "api").glob("*.rst")
)
autosummary_ignore_module_all = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
python_use_unqualified_type_names = True
maximum_signature_line_length = 88

# Markdown: anchors and links as on GitHub.
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
nitpicky = True  # a reference to an unknown name is a warning
smartquotes = False  # do not change the dashes of options
copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True
copybutton_line_continuation_character = "\\"

# The inventories of other projects are read only on request: a build needs no network.
if os.environ.get("ASTRODOME_DOCS_INTERSPHINX"):
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "pandas": ("https://pandas.pydata.org/docs", None),
        "astropy": ("https://docs.astropy.org/en/stable", None),
        "sunpy": ("https://docs.sunpy.org/en/stable", None),
        "matplotlib": ("https://matplotlib.org/stable", None),
    }
intersphinx_timeout = 10

# The scripts of the gallery are run at each build; an error in a script is a warning.
sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_gallery",
    "image_scrapers": ("matplotlib", "gallery_figures"),
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
    "within_subsection_order": "FileNameSortKey",
    "matplotlib_animations": False,
    "thumbnail_size": (400, 280),
}

html_theme = "pydata_sphinx_theme"
html_title = "astrodome"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "icon_links": [{"name": "Source code", "url": repository, "icon": "fa-brands fa-github"}],
    "header_links_before_dropdown": 5,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "show_prev_next": True,
    "footer_end": ["theme-version"],
}


def linkcode_resolve(domain: str, info: dict[str, str]) -> str | None:
    """Return the public address of the source code of a Python object."""
    value: Any = importlib.import_module(info["module"])
    try:
        for name in info["fullname"].split("."):
            value = getattr(value, name)
        value = inspect.unwrap(value.fget if isinstance(value, property) else value)
        path = Path(inspect.getsourcefile(value) or "").relative_to(DOCS.parent)
        lines, start = inspect.getsourcelines(value)
    except (AttributeError, OSError, TypeError, ValueError):  # for example, a constant
        return None
    return f"{repository}/blob/main/{path}#L{start}-L{start + len(lines) - 1}"
