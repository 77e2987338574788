"""Open the vetting page in a browser without exposing its token in the process list."""

from __future__ import annotations

import html
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PAGE = """<!DOCTYPE html><html><head><meta charset="utf-8"><title>scope vet</title>
<meta name="referrer" content="no-referrer"><meta http-equiv="refresh" content="0; url={url}">
</head><body><a href="{url}">Open the page</a></body></html>
"""


@contextmanager
def redirecting(url: str) -> Iterator[Path]:
    """Write an HTML file that redirects to ``url`` and is readable only by the current user.

    The URL contains a token, and every user on the same computer can see the command line of the
    browser. Therefore, the browser is started with the path of this HTML file instead of the URL.
    The file is removed when the context manager exits.
    """
    # The folder has mode 0o700.
    with tempfile.TemporaryDirectory(prefix="scope-vet-", ignore_cleanup_errors=True) as folder:
        file = Path(folder, "open.html")
        file.touch(mode=0o600, exist_ok=False)
        file.write_text(PAGE.format(url=html.escape(url, quote=True)), "utf-8")
        yield file
