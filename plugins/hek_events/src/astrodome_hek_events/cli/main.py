"""The group ``sdo events`` and its commands for the event store."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from astrodome import AstrodomeError, compute, console, times

from . import analyze, plot
from .options import (
    END_HELP,
    START_HELP,
    Database,
    End,
    EventTypes,
    Frm,
    Json,
    Observatory,
    Start,
    end_option,
    time_option,
)

if TYPE_CHECKING:
    from ..store.event_store import EventStore
    from ..store.queries import EventFilter

app = typer.Typer(
    help="Solar events of the Heliophysics Event Knowledgebase.", no_args_is_help=True
)
LISTED_COLUMNS = (
    "event_type",
    "event_starttime",
    "event_peaktime",
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
"""Columns of the table; ``--json`` prints all columns."""
OPTIONAL_COLUMNS = (
    ("kb_archivid",),
    ("obs_channelid",),
    ("obs_instrument",),
    ("obs_observatory",),
    ("hpc_x", "hpc_y"),
    ("frm_name",),
    ("ar_noaanum",),
    ("event_endtime",),
    ("fl_goescls",),
    ("event_peaktime",),
)
"""Columns that are hidden on a narrow terminal, the least important first."""
DAY = 86_400.0
"""Length of a day in seconds."""


class Format(StrEnum):
    csv = "csv"
    parquet = "parquet"
    ecsv = "ecsv"
    votable = "votable"
    geojson = "geojson"
    hek = "hek"


@app.command()
def get(
    start: Annotated[datetime, time_option(START_HELP)] = cast("datetime", "2012-12-01T01:00:00"),
    end: Annotated[datetime, end_option(END_HELP)] = cast("datetime", "2012-12-03T00:00:00"),
    event_type: EventTypes = None,
    frm: Frm = "",
    observatory: Observatory = "",
    jobs: Annotated[int, typer.Option(min=1, help="Number of simultaneous requests to HEK.")] = 4,
    again: Annotated[
        bool,
        typer.Option(
            "--again", help="Also request time ranges that are complete; HEK may have changed."
        ),
    ] = False,
    db_connection_string: Database = "",
    as_json: Json = False,
) -> None:
    """Download events from HEK into the store, by default active regions (AR).

    Run the same command again to resume after an interruption or a failure.
    """
    from .. import downloads
    from ..store.event_store import EventStore

    times.check_order(start, end)
    queries = downloads.make_queries(event_type or ["AR"], frm, observatory)
    store = EventStore(db_connection_string)
    windows = downloads.missing_windows(store, queries, start, end, overwrite=again)
    for query in queries:
        if not any(window.query == query for window in windows):
            console.note(
                f"Events of {query} are complete for this time range. "
                "Use --again to download them again."
            )
    days = sum((w.end - w.start).total_seconds() for w in windows) / DAY
    with console.progress("Downloading", max(1, round(days)), "days") as bar:
        downloaded = 0.0

        def advance(window: Any) -> None:
            nonlocal downloaded
            downloaded += (window.end - window.start).total_seconds() / DAY
            bar.advance(round(downloaded) - bar.count, str(window.start.date()))

        outcome = downloads.download_windows(store, windows, jobs, advance)
    console.finish(outcome, "stored", "events", as_json=as_json)


@app.command("import")
def import_files(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE...]", help="JSON files in the format of HEK."),
    ] = None,
    from_older: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Address of a database of sdo-cli, from which the table hek_events is imported.",
        ),
    ] = "",
    db_connection_string: Database = "",
    as_json: Json = False,
) -> None:
    """Import JSON files: responses of HEK with a list 'result', or lists of events."""
    from ..client import responses
    from ..store import sdo_cli
    from ..store.event_store import SDO_CLI_TABLE, EventStore

    if not paths and not from_older:
        raise AstrodomeError("Missing argument FILE.", exit_code=2)
    store = EventStore(db_connection_string)
    total = compute.Outcome()

    def add(found: list[Any], label: str) -> None:
        outcome = store.add(found, label=label)
        total.done += outcome.done
        total.failed += outcome.failed

    with console.progress("Importing", len(paths or ()) or None, "files", resumes=False) as bar:
        for path in paths or ():
            try:
                add(responses.read_file(path), path.name)
            except responses.EventFileError as error:
                total.failed.append((str(path), error.message))
            bar.advance()
        for batch in sdo_cli.read_batches(from_older) if from_older else ():
            add(batch, SDO_CLI_TABLE)
            bar.advance(0, f"{total.done} events")
    console.finish(total, "stored", "events", as_json=as_json)


@app.command("list")
def list_events(
    start: Start = None,
    end: End = None,
    at: Annotated[datetime | None, time_option("Events within 30 s of this time")] = None,
    event_type: EventTypes = None,
    observatory: Observatory = "",
    instrument: Annotated[str, typer.Option(help="Instrument, for example AIA.")] = "",
    channel: Annotated[
        str, typer.Option(help="Text that the channel contains, for example 171.")
    ] = "",
    frm: Frm = "",
    limit: Annotated[int | None, typer.Option(min=1, help="Maximum number of events.")] = None,
    format: Annotated[
        Format | None,
        typer.Option(
            help="Format of the output. hek is the JSON format of HEK, with all fields. "
            "Positions are helioprojective, in arcsec."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Output file [standard output]. Its extension is the default for --format."
        ),
    ] = None,
    db_connection_string: Database = "",
    as_json: Json = False,
) -> None:
    """List the stored events in order of start time (UTC).

    The columns hpc_x and hpc_y are helioprojective coordinates in arcsec.
    """
    from ..event_types import parse_codes
    from ..store.event_store import EventStore
    from ..store.queries import TIME_MARGIN, EventFilter

    if at and (start or end):
        raise AstrodomeError("--at cannot be used with --start or --end.", exit_code=2)
    if as_json and format and not out:
        raise AstrodomeError("--json and --format both write to standard output.", exit_code=2)
    times.check_order(start, end)
    condition = EventFilter(
        at - TIME_MARGIN if at else start,
        at + TIME_MARGIN if at else end,
        parse_codes(event_type or ()),
        observatory,
        instrument,
        channel,
        frm,
    )
    store = EventStore(db_connection_string)
    if format or out:
        _export(store, condition, limit, format or _format_of(out), out, as_json)
    else:
        rows = store.rows(condition, limit)
        console.show(rows, columns=LISTED_COLUMNS, optional=OPTIONAL_COLUMNS, as_json=as_json)


def _format_of(out: Path | None) -> Format:
    extension = out.suffix.lower().lstrip(".") if out else ""
    synonyms = {"vot": "votable", "xml": "votable", "pq": "parquet", "json": "hek"}
    name = synonyms.get(extension, extension)
    if name not in set(Format):
        raise AstrodomeError(
            f"Unknown file extension of {out}.", f"Use --format {'|'.join(Format)}", exit_code=2
        )
    return Format(name)


def _export(
    store: EventStore,
    condition: EventFilter,
    limit: int | None,
    format: Format,
    out: Path | None,
    as_json: bool,
) -> None:
    from ..views import export

    if format is Format.parquet and not out:
        raise AstrodomeError(
            "Parquet cannot be written to standard output.", "Use --out FILE", exit_code=2
        )
    if format is Format.hek:
        rows = store.full_records(condition, limit)
    else:
        rows = store.rows(condition, limit)
    if not out:
        typer.echo(export.to_text(rows, format, str(store)), nl=False)
        return
    export.write(rows, format, out, str(store))
    if as_json:
        console.show_one(
            {"file": str(out), "format": str(format), "events": len(rows)}, as_json=True
        )
    else:
        console.note(f"{len(rows)} events written to {out}.")


@app.command()
def stats(
    start: Start = None,
    end: End = None,
    event_type: EventTypes = None,
    observatory: Observatory = "",
    frm: Frm = "",
    db_connection_string: Database = "",
    as_json: Json = False,
) -> None:
    """Count the stored events by type and by month of their start (UTC)."""
    from ..event_types import parse_codes
    from ..store.event_store import EventStore
    from ..store.queries import EventFilter

    times.check_order(start, end)
    condition = EventFilter(start, end, parse_codes(event_type or ()), observatory, frm=frm)
    counts = EventStore(db_connection_string).count_rows(condition)
    if as_json:
        console.show_json(counts)
        return
    event_types = sorted({row["event_type"] for row in counts})
    months: dict[str, dict[str, Any]] = {}
    for row in [*counts, *({**row, "month": "total"} for row in counts)]:
        line = months.setdefault(
            row["month"], {"month": row["month"], **dict.fromkeys(event_types, 0), "total": 0}
        )
        line[row["event_type"]] += row["events"]
        line["total"] += row["events"]
    total = months.pop("total", None)
    console.show([*months.values(), *([total] if total else [])])


@app.command()
def show(
    id: Annotated[str, typer.Argument(help="kb_archivid of the event, or a unique part of it.")],
    db_connection_string: Database = "",
    as_json: Json = False,
) -> None:
    """Show the fields of one event; --json prints the complete record of HEK."""
    from ..store.event_store import EventStore

    row, record = EventStore(db_connection_string).find(id)
    if as_json:
        console.show_json(record)
        return
    columns = {name: value for name, value in row.items() if value is not None}
    fields = {n: v for n, v in sorted(record.items()) if n not in row and v not in (None, "", [])}
    console.show_one({**columns, **fields}, title=row["kb_archivid"])


plot.add_to(app)
analyze.add_to(app)
