"""Entry point of the apps, which also works if a library that the host requires is damaged."""

from __future__ import annotations

import sys
from pathlib import Path

from .process import use_utf8
from .scripts import app_of


def run() -> None:
    """Run the app that has the name of the executed script, for example ``sdo`` or ``scope``."""
    use_utf8()
    app = app_of(Path(sys.argv[0]).stem)
    try:
        from .app import main
    except Exception as error:  # Typer or pluggy is missing, damaged, or has another version.
        from . import rescue

        raise SystemExit(rescue.main(app, sys.argv[1:], error)) from None
    main(app)
