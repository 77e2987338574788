"""Options that several commands share."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from astrodome import times
from astrodome.option_groups import Json as Json

STORE = (
    "Folder of the GOES store (default: the setting goes.store, or the folder goes in the --home "
    "folder)."
)


def time_option(help: str) -> Any:
    return typer.Option(parser=times.utc, metavar="TIME", help=f"{help} (UTC, ISO 8601).")


def end_option(help: str) -> Any:
    help = f"{help} (UTC, ISO 8601). A date without a time of day includes the whole day."
    return typer.Option(parser=times.utc_end, metavar="TIME", help=help)


Start = Annotated[datetime | None, time_option("Start time")]
End = Annotated[datetime | None, end_option("End time")]
MinClass = Annotated[str, typer.Option(help="Minimum GOES class of the flares.")]
StoreFolder = Annotated[Path | None, typer.Option("--store", "--cache-dir", help=STORE)]
Output = Annotated[Path | None, typer.Option("--output", "--store", "--cache-dir", help=STORE)]
Csv = Annotated[
    bool,
    typer.Option(
        "--csv",
        help="Also write each month to a CSV file in the sdo-cli format, for example "
        "goes_cache/2011/6/goes_ts.csv in the folder of the store.",
    ),
]
