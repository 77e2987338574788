"""Include READMEs as pages, and adapt relative links in them to the site.

A page whose content is a MyST ``include`` of a Markdown file outside ``docs/`` becomes that file.
Links to other included files lead to their pages. Links to other files of the repository lead to
its public address. In this way, the same text has valid links in the repository and on the site.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from sphinx.application import Sphinx

DOCS = Path(__file__).resolve().parents[1]
ROOT = DOCS.parent
INCLUDE = re.compile(r"^```\{include\} (\S+\.md)\n```$", re.MULTILINE)
LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)\s#]+)(#[^)\s]*)?(?=\))")
PAGES = (".md", ".rst")
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".svg")


def included() -> dict[Path, Path]:
    """Return the page of each included file."""
    found = {}
    for page in DOCS.rglob("*.md"):
        for target in INCLUDE.findall(page.read_text("utf-8")):
            found[(page.parent / target).resolve()] = page
    return found


def adapted(text: str, source: Path, page: Path, pages: dict[Path, Path], repository: str) -> str:
    """Return a text from a file with links that are valid on a page."""

    def link(match: re.Match[str]) -> str:
        path = (source.parent / match[1]).resolve()
        anchor = match[2] or ""
        if path in pages:
            return os.path.relpath(pages[path], page.parent) + anchor
        if not path.exists():
            return match[0]
        if path.suffix in PICTURES or (DOCS in path.parents and path.suffix in PAGES):
            return os.path.relpath(path, page.parent) + anchor
        kind = "tree" if path.is_dir() else "blob"
        return f"{repository}/{kind}/main/{path.relative_to(ROOT)}{anchor}"

    # The descriptions of the distributions contain absolute links, for the Python Package Index.
    root = os.path.relpath(ROOT, source.parent)
    return LINK.sub(link, text.replace(f"]({repository}/blob/main/", f"]({root}/"))


def read(app: Sphinx, name: str, source: list[str]) -> None:
    """Replace the includes on a page, and adapt the links."""
    page = Path(app.env.doc2path(name))
    if page.suffix != ".md":
        return
    pages, repository = included(), app.config.repository
    text = adapted(source[0], page, page, pages, repository)
    for match in INCLUDE.finditer(source[0]):
        path = (page.parent / match[1]).resolve()
        app.env.note_dependency(str(path))
        content = adapted(path.read_text("utf-8"), path, page, pages, repository)
        text = text.replace(match[0], content)
    source[0] = text


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.add_config_value("repository", "", "env")
    app.connect("source-read", read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
