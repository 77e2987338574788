"""The page in a browser, without its token in the list of processes."""

from __future__ import annotations

import html
import shutil
import tempfile
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PAGE = """<!DOCTYPE html><html><head><meta charset="utf-8"><title>scope vet</title>
<meta name="referrer" content="no-referrer"><meta http-equiv="refresh" content="0; url={url}">
</head><body><a href="{url}">Open the page</a></body></html>
"""


@contextmanager
def redirecting(url: str) -> Iterator[Path]:
    """Write an HTML file that leads to ``url`` and that only this user can read.

    A browser is started with the name of a page on its command line, which every user of the
    machine can see; so it gets the name of this file. The file is removed at the end.
    """
    folder = Path(tempfile.mkdtemp(prefix="scope-vet-"))  # with mode 700
    try:
        file = folder / "open.html"
        file.touch(mode=0o600, exist_ok=False)
        file.write_text(PAGE.format(url=html.escape(url, quote=True)), "utf-8")
        yield file
    finally:
        remove(folder)


def remove(folder: Path) -> None:
    """Remove the folder of a file that is not needed any more."""
    shutil.rmtree(folder, ignore_errors=True)


def in_browser(file: Path) -> bool:
    """Open the file in the user's browser; return whether there is one."""
    return webbrowser.open(file.as_uri())
