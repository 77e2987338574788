"""The command group ``sdo data``."""

from __future__ import annotations

import typer

from . import download, processing, sources, views

app = typer.Typer(
    help="Download, import, resize, patch and show images of the Sun.", no_args_is_help=True
)
app.command()(download.download)
app.command("import")(processing.import_)
app.command()(processing.resize)
app.command()(processing.patch)
app.command()(views.show)
app.command()(views.info)
app.command()(sources.sources)
