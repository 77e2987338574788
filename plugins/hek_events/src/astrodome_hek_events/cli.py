"""The commands under ``sdo events``."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from astrodome import AstrodomeError, compute, console, times

from . import cli_analyze

app = typer.Typer(
    help="Solar events of the Heliophysics Event Knowledgebase.", no_args_is_help=True
)

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
SHOWN = (
    "event_type",
    "event_starttime",
    "event_endtime",
    "obs_observatory",
    "obs_instrument",
    "obs_channelid",
    "frm_name",
    "ar_noaanum",
    "fl_goescls",
    "hpc_x",
    "hpc_y",
    "kb_archivid",
)
"""Columns of the table; ``--json`` has all of them."""
AROUND = timedelta(seconds=30)
"""How far from the time of ``--at`` an event may end or begin."""


def _time(help: str) -> Any:
    return typer.Option(parser=times.utc, metavar="TIME", help=f"{help} (UTC, ISO 8601).")


@app.command("import")
def import_files(
    paths: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="JSON files as HEK answers them.")
    ],
    db_connection_string: Database = "",
    as_json: Json = False,
) -> None:
    """Bring HEK's answers (JSON with a list 'result', or a list of events) into the store."""
    from . import documents
    from .store import EventStore

    store = EventStore(db_connection_string)
    total = compute.Outcome()
    with console.progress("Importing", len(paths), "files") as bar:
        for path in paths:
            try:
                found = documents.read(path)
            except AstrodomeError as error:
                total.failed.append((str(path), error.message))
            else:
                outcome = store.put(found, path.name)
                total.done += outcome.done
                total.failed += outcome.failed
            bar.advance()
    console.finish(total, "stored", "events", as_json=as_json)


@app.command("list")
def list_events(
    start: Annotated[datetime | None, _time("Events that end at or after this time")] = None,
    end: Annotated[datetime | None, _time("Events that start at or before this time")] = None,
    at: Annotated[datetime | None, _time("Events within 30 s of this time")] = None,
    event_type: Annotated[
        list[str] | None,
        typer.Option(help="HEK's code, such as AR, CH, FL; may be given more than once."),
    ] = None,
    observatory: Annotated[str, typer.Option(help="Observatory, such as SDO.")] = "",
    instrument: Annotated[str, typer.Option(help="Instrument, such as AIA.")] = "",
    channel: Annotated[str, typer.Option(help="Part of the channel, such as 171.")] = "",
    limit: Annotated[int | None, typer.Option(min=1, help="Show only the first so many.")] = None,
    db_connection_string: Database = "",
    as_json: Json = False,
) -> None:
    """List the stored events in order of start (UTC); hpc_… are helioprojective arcsec."""
    from .store import EventStore

    if at and (start or end):
        raise AstrodomeError("--at goes with neither --start nor --end.", exit_code=2)
    if start and end and start > end:
        raise AstrodomeError(f"--start {start} is later than --end {end}.", exit_code=2)
    found = EventStore(db_connection_string).search(
        at - AROUND if at else start,
        at + AROUND if at else end,
        event_type or (),
        observatory,
        instrument,
        channel,
        limit,
    )
    console.show(found, columns=SHOWN, as_json=as_json)


cli_analyze.add_to(app)
