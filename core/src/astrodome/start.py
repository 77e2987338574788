"""The scripts ``sdo`` and ``scope``: they start even if a library of the host is damaged."""

from __future__ import annotations

import sys
from pathlib import Path


def run() -> None:
    """Run the app that the script is named after: ``sdo``, ``scope``, or a third party's own."""
    app = Path(sys.argv[0]).stem
    try:
        from .app import main
    except Exception as error:  # typer or pluggy is missing, damaged, or of another version
        from . import rescue

        raise SystemExit(rescue.main(app, sys.argv[1:], error)) from None
    main(app)
