"""Entry point of ``sdo`` and ``scope``, which also works if a library of the host is damaged."""

from __future__ import annotations

import sys
from pathlib import Path

from .process import use_utf8


def run() -> None:
    """Run the app with the name of the script: ``sdo``, ``scope``, or that of a third party."""
    use_utf8()
    app = Path(sys.argv[0]).stem
    try:
        from .app import main
    except Exception as error:  # Typer or pluggy is missing, damaged, or has another version.
        from . import rescue

        raise SystemExit(rescue.main(app, sys.argv[1:], error)) from None
    main(app)
