"""The group ``sdo events`` and its commands for the event store."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from astrodome import InvalidInputError, compute, console, outputs
from astrodome.option_groups import DryRun, end_option, expand, option, time_option

from . import analyze, documents, plot
from .options import (
    END_HELP,
    START_HELP,
    Database,
    EventTypes,
    FilterOptions,
    Frm,
    Json,
    Observatory,
)

if TYPE_CHECKING:
    from ..store.event_store import EventStore
    from ..store.queries import EventFilter

app = typer.Typer(
    help="Download, show and plot events from the Heliophysics Event Knowledgebase (HEK).",
    no_args_is_help=True,
)
LISTED_COLUMNS = (
    "event_type",
    "event_starttime",
    "event_peaktime",
    "fl_goescls",
    "event_endtime",
    "ar_noaanum",
    "frm_name",
    "hpc_x",
    "hpc_y",
    "obs_observatory",
    "obs_instrument",
    "obs_channelid",
    "kb_archivid",
)
"""Columns of the table. ``--json`` prints all columns.

On a narrow terminal, the last columns are hidden first.
"""
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
@outputs.declare(outputs.OutcomeDocument | outputs.PlanDocument)
def get(
    start: datetime = time_option("2012-12-01T01:00:00", START_HELP),
    end: datetime = end_option("2012-12-03T00:00:00", END_HELP),
    event_type: EventTypes = None,
    frm: Frm = "",
    observatory: Observatory = "",
    jobs: int = option(4, "Number of simultaneous requests to HEK.", min=1),
    again: bool = option(
        False, "Download events again for time ranges that are already complete.", "--again"
    ),
    db_connection_string: Database = "",
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Download events from HEK into the store. The default event type is AR (active regions).

    Run the same command again to resume an interrupted or failed download.
    """
    from .. import downloads
    from ..store.event_store import EventStore

    queries = downloads.make_queries(event_type or ["AR"], frm, observatory)
    store = EventStore(db_connection_string)
    windows = downloads.missing_windows(store, queries, start, end, overwrite=again)
    if dry_run:
        plan = compute.Plan.of(windows)
        console.show_plan(plan, "downloaded", "time ranges", as_json=as_json)
        return
    for query in queries:
        if not any(window.query == query for window in windows):
            console.note(
                f"All events ({query}) in the requested time range are already stored. "
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
@outputs.declare(outputs.OutcomeDocument | outputs.PlanDocument)
def import_files(
    paths: list[Path] | None = typer.Argument(
        None, metavar="[FILE...]", help="JSON files with HEK records."
    ),
    from_older: str = option(
        "", "URL of an sdo-cli database from which the table hek_events is imported.", metavar="URL"
    ),
    db_connection_string: Database = "",
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Import events from JSON files, which contain HEK responses or lists of HEK records."""
    from ..client import responses
    from ..store import sdo_cli
    from ..store.event_store import SDO_CLI_TABLE, EventStore, check_records

    if not paths and not from_older:
        raise InvalidInputError("Missing argument FILE.", "Specify JSON files or --from-older.")
    store = EventStore(db_connection_string)
    total, planned = compute.Outcome(), {}

    def add(found: list[Any], label: str) -> None:
        outcome = check_records(found, label) if dry_run else store.add(found, label=label)
        planned.update(dict.fromkeys(outcome.ids))
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
    if dry_run:
        plan = compute.Plan(list(planned), failed=total.failed)
        console.show_plan(plan, "stored", "events", as_json=as_json)
        return
    console.finish(total, "stored", "events", as_json=as_json)


@app.command("list")
@expand
@outputs.declare(
    list[documents.EventRow] | documents.ExportDocument, reads_only=True, writes_with=("out",)
)
def list_events(
    selection: FilterOptions,
    at: datetime | None = time_option(None, "Show only events within 30 s of this time"),
    instrument: str = option("", "Instrument that observed the events, for example AIA."),
    channel: str = option("", "Text that the channel must contain, for example 171."),
    limit: int | None = option(None, "Maximum number of events.", min=1),
    format: Format | None = option(
        None, "Output format. hek writes the complete HEK records as JSON."
    ),
    out: Path | None = option(
        None,
        "Output file (default: standard output). The file extension determines the default format.",
    ),
    db_connection_string: Database = "",
    as_json: Json = False,
) -> None:
    """List the stored events, sorted by start time (UTC).

    The columns hpc_x and hpc_y contain helioprojective coordinates in arcsec.
    """
    from ..store.event_store import EventStore
    from ..store.queries import TIME_MARGIN, EventFilter

    if at and (selection.start or selection.end):
        raise InvalidInputError("--at cannot be used with --start or --end.")
    if as_json and format and not out:
        raise InvalidInputError("--json and --format cannot be combined without --out.")
    if at:
        selection.start, selection.end = at - TIME_MARGIN, at + TIME_MARGIN
    condition = EventFilter(**vars(selection), instrument=instrument, channel=channel)
    store = EventStore(db_connection_string)
    if format or out:
        _export(store, condition, limit, format or _format_of(out), out, as_json)
    else:
        rows = store.rows(condition, limit)
        optional = [(name,) for name in reversed(LISTED_COLUMNS[2:])]
        console.show(rows, columns=LISTED_COLUMNS, optional=optional, as_json=as_json)


def _format_of(out: Path | None) -> Format:
    extension = out.suffix.lower().lstrip(".") if out else ""
    synonyms = {"vot": "votable", "xml": "votable", "pq": "parquet", "json": "hek"}
    name = synonyms.get(extension, extension)
    if name not in set(Format):
        raise InvalidInputError(
            f"Unsupported file extension in '{out}'.", f"Specify --format {'|'.join(Format)}."
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
        raise InvalidInputError("Cannot write Parquet to standard output.", "Specify --out FILE.")
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
@expand
@outputs.declare(list[documents.EventCountRow], reads_only=True)
def stats(
    selection: FilterOptions, db_connection_string: Database = "", as_json: Json = False
) -> None:
    """Count the stored events for each event type and month of the start time (UTC)."""
    from ..store.event_store import EventStore
    from ..store.queries import EventFilter

    counts = EventStore(db_connection_string).count_rows(EventFilter(**vars(selection)))
    if as_json:
        console.show_json(counts)
        return
    empty = dict.fromkeys(sorted({row["event_type"] for row in counts}), 0) | {"total": 0}
    months: dict[str, dict[str, Any]] = {}
    for row in counts:
        for month in (row["month"], "total"):
            line = months.setdefault(month, {"month": month, **empty})
            line[row["event_type"]] += row["events"]
            line["total"] += row["events"]
    console.show(sorted(months.values(), key=lambda line: line["month"]))  # "total" is last.


@app.command()
@outputs.declare(documents.HekRecord, reads_only=True)
def show(
    id: Annotated[
        str,
        typer.Argument(help="Identifier (kb_archivid) of the event, or a unique substring of it."),
    ],
    db_connection_string: Database = "",
    as_json: Json = False,
) -> None:
    """Show the fields of one event. With --json, print the complete HEK record."""
    from ..store.event_store import EventStore

    row, record = EventStore(db_connection_string).find(id)
    if as_json:
        console.show_json(record)
        return
    columns = {name: value for name, value in row.items() if value is not None}
    fields = {n: v for n, v in sorted(record.items()) if n not in row and v not in (None, "", [])}
    console.show_one({**columns, **fields}, title=row["kb_archivid"])


app.command("plot")(expand(plot.plot))
app.command("analyze", cls=analyze.OptionalGaussian)(expand(analyze.analyze))
