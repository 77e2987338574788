"""Options that several commands share."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from astrodome import InvalidInputError, sources
from astrodome.option_groups import Json as Json
from astrodome.option_groups import OptionGroup, end_option, option, time_option

if TYPE_CHECKING:
    from ..analysis.comparison import Search

LOCAL_STORE = "hek"
"""Name of the event source that reads the local store."""
START_HELP = "Start time. Events that end at or after this time are included"
END_HELP = "End time. Events that start at or before this time are included"

EventTypes = Annotated[
    list[str] | None,
    typer.Option(
        "--event-type",
        help="HEK event type code, for example AR, CH or FL; 'all' selects all event types. "
        "Repeatable.",
    ),
]
Observatory = Annotated[
    str, typer.Option(help="Observatory that observed the events, for example SDO.")
]
Frm = Annotated[str, typer.Option(help="Feature recognition method, for example SPoCA.")]
Database = Annotated[
    str,
    typer.Option(
        "--db-connection-string",
        envvar="DB_CONNECTION_STRING",
        help="Database URL: sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME "
        "(default: an SQLite file in the --home folder).",
    ),
]


class FilterOptions(OptionGroup):
    """Options that filter stored events. They have the same names as the fields of EventFilter."""

    start: datetime | None = time_option(None, START_HELP)
    end: datetime | None = end_option(None, END_HELP)
    event_types: EventTypes = None
    observatory: Observatory = ""
    frm: Frm = ""


class EventOptions(OptionGroup):
    """Options for the event source, and for the shapes of events in an image."""

    outlines: bool = option(
        False, "Use the outlines of events instead of their bounding boxes, if available."
    )
    rotate: bool = option(
        True,
        "Rotate events with the Sun (differential rotation) to the time of the image.",
        "--rotate/--no-rotate",
    )
    meta: Path | None = option(
        None,
        "Table with the geometry of the images "
        "(default: meta.csv in the folder of each image or in a parent folder).",
        exists=True,
        dir_okay=False,
        metavar="FILE",
    )
    db_connection_string: Database = ""
    events_source: Annotated[
        str,
        sources.option("events", "Source of the events; 'hek' selects the local store", "--source"),
    ] = ""

    def search(self, ctx: typer.Context) -> Search:
        """Return the search function of the selected event source. The default is the local store.

        If ``--db-connection-string`` is used on the command line, the local store is selected
        regardless of the settings.
        """
        origin = ctx.get_parameter_source("db_connection_string")
        has_database = origin is not None and origin.name == "COMMANDLINE"
        name = self.events_source
        if not has_database:
            name = sources.choose("events", name, default=LOCAL_STORE)
        if name not in ("", LOCAL_STORE):
            chosen = sources.get("events", name)
            if has_database:
                raise InvalidInputError(
                    f"--db-connection-string cannot be used with the event source '{name}'.",
                    "Use either --db-connection-string or --events-source.",
                )
            return chosen.search  # type: ignore[no-any-return]
        from ..source import HekEvents

        return HekEvents(self.db_connection_string).search
