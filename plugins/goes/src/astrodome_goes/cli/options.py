"""Options that several commands share."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from astrodome import times

STORE = "Folder of the GOES store [setting goes.store, or goes in the folder of --home]."


def time_option(help: str) -> Any:
    return typer.Option(parser=times.utc, metavar="TIME", help=f"{help} (UTC, ISO 8601).")


def end_option(help: str) -> Any:
    help = f"{help} (UTC, ISO 8601). A date without a time includes the whole day."
    return typer.Option(parser=times.utc_end, metavar="TIME", help=help)


Start = Annotated[datetime | None, time_option("Start time")]
End = Annotated[datetime | None, end_option("End time")]
StoreFolder = Annotated[Path | None, typer.Option("--store", "--cache-dir", help=STORE)]
Output = Annotated[Path | None, typer.Option("--output", "--store", "--cache-dir", help=STORE)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Csv = Annotated[
    bool,
    typer.Option("--csv", help="Also write CSV files as sdo-cli does: goes_cache/2011/6/…."),
]
