"""Options that several commands share."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from astrodome import AstrodomeError, sources, times

if TYPE_CHECKING:
    from ..analysis.comparison import Search

LOCAL_STORE = "hek"
"""Name of the source of events that reads the local store."""


def time_option(help: str) -> Any:
    """Return an option for a time."""
    return typer.Option(parser=times.utc, metavar="TIME", help=f"{help} (UTC, ISO 8601).")


def end_option(help: str) -> Any:
    """Return an option for the end of a time range, which includes the day of a date."""
    help = f"{help} (UTC, ISO 8601). A date without a time includes the whole day."
    return typer.Option(parser=times.utc_end, metavar="TIME", help=help)


START_HELP = "Events that end at or after this time"
END_HELP = "Events that start at or before this time"
Start = Annotated[datetime | None, time_option(START_HELP)]
End = Annotated[datetime | None, end_option(END_HELP)]
EventTypes = Annotated[
    list[str] | None,
    typer.Option(
        "--event-type",
        help="Event type: a code of HEK such as AR, CH or FL, or all. Can be repeated.",
    ),
]
Observatory = Annotated[str, typer.Option(help="Observatory, for example SDO.")]
Frm = Annotated[
    str,
    typer.Option(help="Feature recognition method that detected the event, for example SPoCA."),
]
Database = Annotated[
    str,
    typer.Option(
        "--db-connection-string",
        envvar="DB_CONNECTION_STRING",
        help="Address of the database, sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME "
        "[a file in the folder of --home].",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
EventsSource = Annotated[
    str, sources.option("events", "Source of the events; hek is the local store", "--source")
]
Metadata = Annotated[
    Path | None,
    typer.Option(
        "--meta",
        exists=True,
        dir_okay=False,
        metavar="FILE",
        help="Table with the geometry of the images [meta.csv in their folder or a parent folder].",
    ),
]
Outlines = Annotated[
    bool, typer.Option("--outlines", help="Use outlines instead of bounding boxes, if available.")
]
Rotate = Annotated[
    bool,
    typer.Option(
        help="Rotate events with the Sun (differential rotation), from their start to the time of "
        "the image."
    ),
]


def choose_search(ctx: typer.Context, db_connection_string: str, source: str) -> Search:
    """Return the search function of the chosen source of events; the default is the local store.

    A database on the command line selects the local store, regardless of the settings.
    """
    origin = ctx.get_parameter_source("db_connection_string")
    has_database = origin is not None and origin.name == "COMMANDLINE"
    if has_database:
        name = source or LOCAL_STORE
    else:
        name = sources.choose("events", source, default=LOCAL_STORE)
    if name != LOCAL_STORE:
        chosen = sources.get("events", name)
        if has_database:
            raise AstrodomeError(
                f"--db-connection-string cannot be used with the events source '{name}'.",
                "Remove one of the two options.",
                exit_code=2,
            )
        return chosen.search  # type: ignore[no-any-return]
    from ..source import HekEvents

    return HekEvents(db_connection_string).search
