"""The command group ``sdo data``."""

from __future__ import annotations

import typer
from astrodome.option_groups import expand

from . import download, processing, sources, views

app = typer.Typer(
    help="Download, import, resize and show images of the Sun, and extract patches from them.",
    no_args_is_help=True,
)
app.command()(expand(download.download))
app.command("import")(processing.import_)
app.command()(expand(processing.resize))
app.command()(expand(processing.patch))
app.command()(expand(views.show))
app.command()(expand(views.info))
app.command()(sources.sources)
