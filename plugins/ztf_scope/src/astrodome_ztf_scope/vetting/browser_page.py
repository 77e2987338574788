"""Open the page in a browser without showing its token in the list of processes."""

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
    """Write an HTML file that redirects to ``url`` and that only this user can read.

    The URL contains a token, and every user of the machine can see the command line of the
    browser. Therefore the browser is started with the path of this file. The file is removed at
    the end.
    """
    folder = Path(tempfile.mkdtemp(prefix="scope-vet-"))  # The mode is 700.
    try:
        file = folder / "open.html"
        file.touch(mode=0o600, exist_ok=False)
        file.write_text(PAGE.format(url=html.escape(url, quote=True)), "utf-8")
        yield file
    finally:
        remove(folder)


def remove(folder: Path) -> None:
    """Remove the folder of the file."""
    shutil.rmtree(folder, ignore_errors=True)


def in_browser(file: Path) -> bool:
    """Open the file in the browser of the user; return whether a browser was found."""
    return webbrowser.open(file.as_uri())
