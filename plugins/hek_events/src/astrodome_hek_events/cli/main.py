"""The commands under ``sdo events``."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from astrodome import AstrodomeError, compute, console, files, settings, times

from . import analyze

if TYPE_CHECKING:
    from ..store.event_store import EventStore, Filter

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
"""Columns of the table; ``--json`` has all of them."""
OPTIONAL = (
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
AROUND = timedelta(seconds=30)
"""How far from the time of ``--at`` an event may end or begin."""
DAY = 86_400.0
"""Seconds."""


def _time(help: str) -> Any:
    return typer.Option(parser=times.utc, metavar="TIME", help=f"{help} (UTC, ISO 8601).")


def _end(help: str) -> Any:
    help = f"{help} (UTC, ISO 8601). A date without a time includes the whole day."
    return typer.Option(parser=times.utc_end, metavar="TIME", help=help)


Start = Annotated[datetime | None, _time("Events that end at or after this time")]
End = Annotated[datetime | None, _end("Events that start at or before this time")]
Types = Annotated[
    list[str] | None,
    typer.Option(
        "--event-type", help="HEK's code, such as AR, CH, FL, or all; may be given more than once."
    ),
]
Observatory = Annotated[str, typer.Option(help="Observatory, such as SDO.")]
Frm = Annotated[
    str, typer.Option(help="Feature recognition method that found the event, such as SPoCA.")
]


class Format(StrEnum):
    csv = "csv"
    parquet = "parquet"
    ecsv = "ecsv"
    votable = "votable"
    geojson = "geojson"
    hek = "hek"


@app.command()
def get(
    start: Annotated[datetime, _time("Events that end at or after this time")] = cast(
        "datetime", "2012-12-01T01:00:00"
    ),
    end: Annotated[datetime, _end("Events that start at or before this time")] = cast(
        "datetime", "2012-12-03T00:00:00"
    ),
    event_type: Types = None,
    frm: Frm = "",
    observatory: Observatory = "",
    jobs: Annotated[int, typer.Option(min=1, help="Requests to HEK at a time.")] = 4,
    again: Annotated[
        bool, typer.Option("--again", help="Ask also for what is complete; HEK may have changed.")
    ] = False,
    db_connection_string: Database = "",
    as_json: Json = False,
) -> None:
    """Bring events from HEK into the store; without --event-type the active regions (AR).

    The same command given again goes on where it stopped or failed.
    """
    from datetime import timedelta

    from .. import event_types
    from ..client.windows import ALL, Query
    from ..settings import HekSettings
    from ..store.event_store import EventStore

    times.check_order(start, end)
    queries = [
        Query(code, frm, observatory) for code in event_types.codes(event_type or ["AR"]) or [ALL]
    ]
    hek = settings.section("hek", HekSettings)
    store = EventStore(db_connection_string)
    from ..client.hek_client import Hek
    from ..download import Collector

    collector = Collector(
        store,
        Hek(hek, connections=jobs),
        jobs=jobs,
        settle=timedelta(days=hek.settle_days),
        again=again,
    )
    missing = collector.missing(queries, start, end)
    for query in collector.report.complete:
        console.note(f"Events of {query} are complete for this time; --again asks for them anew.")
    days = sum((w.end - w.start).total_seconds() for w in missing) / DAY
    with console.progress("Getting", max(1, round(days)), "days") as bar:
        done = 0.0

        def advance(seconds: float, detail: str) -> None:
            nonlocal done
            done += seconds / DAY
            bar.advance(round(done) - bar.count, detail)

        collector.advance = advance
        report = collector.run(missing)
    console.finish(report.outcome(), "stored", "events", as_json=as_json)


@app.command("import")
def import_files(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE...]", help="JSON files as HEK answers them."),
    ] = None,
    from_older: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Address of a database in which sdo-cli kept its events (table hek_events).",
        ),
    ] = "",
    db_connection_string: Database = "",
    as_json: Json = False,
) -> None:
    """Bring HEK's answers (JSON with a list 'result', or a list of events) into the store."""
    from ..client import responses
    from ..store import sdo_cli
    from ..store.event_store import OLDER_TABLE, EventStore

    if not paths and not from_older:
        raise AstrodomeError("There is nothing to import: name a FILE.", exit_code=2)
    store = EventStore(db_connection_string)
    total = compute.Outcome()

    def put(found: list[Any], label: str) -> None:
        outcome = store.put(found, label)
        total.done += outcome.done
        total.failed += outcome.failed

    with console.progress("Importing", len(paths or ()) or None, "files", resumes=False) as bar:
        for path in paths or ():
            try:
                put(responses.read(path), path.name)
            except AstrodomeError as error:
                if not isinstance(error, responses.Unreadable):
                    raise
                total.failed.append((str(path), error.message))
            bar.advance()
        for batch in sdo_cli.batches(from_older) if from_older else ():
            put(batch, OLDER_TABLE)
            bar.advance(0, f"{total.done} events")
    console.finish(total, "stored", "events", as_json=as_json)


@app.command("list")
def list_events(
    start: Start = None,
    end: End = None,
    at: Annotated[datetime | None, _time("Events within 30 s of this time")] = None,
    event_type: Types = None,
    observatory: Observatory = "",
    instrument: Annotated[str, typer.Option(help="Instrument, such as AIA.")] = "",
    channel: Annotated[str, typer.Option(help="Part of the channel, such as 171.")] = "",
    frm: Frm = "",
    limit: Annotated[int | None, typer.Option(min=1, help="Show only the first so many.")] = None,
    format: Annotated[
        Format | None,
        typer.Option(
            help="Write the events in this format; hek is HEK's own, with all fields. Positions "
            "are helioprojective arcsec."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="File for it [standard output]; without --format its ending decides."),
    ] = None,
    db_connection_string: Database = "",
    as_json: Json = False,
) -> None:
    """List the stored events in order of start (UTC); hpc_… are helioprojective arcsec."""
    from .. import event_types
    from ..store.event_store import EventStore, Filter

    if at and (start or end):
        raise AstrodomeError("--at goes with neither --start nor --end.", exit_code=2)
    if as_json and format and not out:
        raise AstrodomeError("--json and --format both write to standard output.", exit_code=2)
    times.check_order(start, end)
    wanted = Filter(
        at - AROUND if at else start,
        at + AROUND if at else end,
        event_types.codes(event_type or ()),
        observatory,
        instrument,
        channel,
        frm,
    )
    store = EventStore(db_connection_string)
    if format or out:
        _export(store, wanted, limit, format or _by_ending(out), out, as_json)
    else:
        rows = store.select(wanted, limit)
        console.show(rows, columns=SHOWN, optional=OPTIONAL, as_json=as_json)


def _by_ending(out: Path | None) -> Format:
    ending = out.suffix.lower().lstrip(".") if out else ""
    kind = {"vot": "votable", "xml": "votable", "pq": "parquet", "json": "hek"}.get(ending, ending)
    if kind not in set(Format):
        raise AstrodomeError(f"What format is {out}?", f"--format {'|'.join(Format)}", exit_code=2)
    return Format(kind)


def _export(
    store: EventStore,
    wanted: Filter,
    limit: int | None,
    kind: Format,
    out: Path | None,
    as_json: bool,
) -> None:
    from ..views import export

    if kind is Format.hek:
        texts = store.texts(wanted, limit)
        count, text = len(texts), export.answer(texts)
    else:
        rows = store.select(wanted, limit)
        count, text = len(rows), ""
        if out:
            export.write(rows, kind, out, str(store))
        else:
            text = export.text(rows, kind, str(store))
    if not out:
        typer.echo(text, nl=False)
        return
    if text:
        files.write_text(out, text)
    if as_json:
        console.show_one({"file": str(out), "format": str(kind), "events": count}, as_json=True)
    else:
        console.note(f"{count} events written to {out}.")


@app.command()
def stats(
    start: Start = None,
    end: End = None,
    event_type: Types = None,
    observatory: Observatory = "",
    frm: Frm = "",
    db_connection_string: Database = "",
    as_json: Json = False,
) -> None:
    """Count the stored events by type and month of their start (UTC)."""
    from .. import event_types
    from ..store.event_store import EventStore, Filter

    times.check_order(start, end)
    wanted = Filter(start, end, event_types.codes(event_type or ()), observatory, frm=frm)
    found = EventStore(db_connection_string).counts(wanted)
    if as_json:
        console.show_json(found)
        return
    types = sorted({row["event_type"] for row in found})
    months: dict[str, dict[str, Any]] = {}
    for row in [*found, *({**row, "month": "total"} for row in found)]:
        line = months.setdefault(
            row["month"], {"month": row["month"], **dict.fromkeys(types, 0), "total": 0}
        )
        line[row["event_type"]] += row["events"]
        line["total"] += row["events"]
    total = months.pop("total", None)
    console.show([*months.values(), *([total] if total else [])])


@app.command()
def show(
    id: Annotated[str, typer.Argument(help="The event's kb_archivid, or a part that is its own.")],
    db_connection_string: Database = "",
    as_json: Json = False,
) -> None:
    """Show one event with all fields that HEK filled; --json gives the record as HEK sent it."""
    from ..store.event_store import EventStore

    row, record = EventStore(db_connection_string).find(id)
    if as_json:
        console.show_json(record)
        return
    typed = {name: value for name, value in row.items() if value is not None}
    rest = {n: v for n, v in sorted(record.items()) if n not in row and v not in (None, "", [])}
    console.show_one({**typed, **rest}, title=row["kb_archivid"])


analyze.add_to(app)
