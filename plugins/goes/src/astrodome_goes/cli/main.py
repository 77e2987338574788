"""The commands of ``sdo goes``."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from astrodome import AstrodomeError, compute, console, sources, times

from .options import Csv, End, Json, Output, Start, StoreFolder, end_option, time_option

if TYPE_CHECKING:
    import pandas as pd

OPTIONAL = (
    *(("product",), ("satellite",), ("operational_scaling",), ("quality",), ("xrsa_W_m2",)),
    *(("distance_s",), ("flux_W_m2",)),
)
"""Columns that are hidden on a narrow terminal, the least important first."""

app = typer.Typer(help="GOES soft X-ray flux and flares.", no_args_is_help=True)


@app.command()
def download(
    start: Annotated[datetime, time_option("First day")] = cast("datetime", "2012-12-01T00:00:00"),
    end: Annotated[datetime, end_option("Last day")] = cast("datetime", "2012-12-31T23:59:00"),
    output: Output = None,
    satellite: Annotated[
        str,
        typer.Option(
            metavar="primary|NUMBER",
            help="GOES number, or primary: the highest-numbered satellite of each day.",
        ),
    ] = "primary",
    resolution: Annotated[
        str,
        typer.Option(
            metavar="1m|1s",
            help="Minute averages, or all samples (every 1 s; 2 or 3 s up to GOES 15). "
            "Before March 2001, the archive has samples every 3 s only.",
        ),
    ] = "1m",
    jobs: Annotated[int, typer.Option(min=1, max=32, help="Number of simultaneous downloads.")] = 5,
    csv: Csv = False,
    as_json: Json = False,
) -> None:
    """Download data from the archives of NASA and NOAA into the store, month by month.

    Run the same command again to resume after an interruption, or to retry months that failed:
    only missing files are downloaded.
    """
    number = _satellite_number(satellite)
    times.check_order(start, end)
    from ..archives.download import download
    from ..store.flux_store import Store

    store = Store(output)
    with console.progress("Downloading", (end.date() - start.date()).days + 1, "days") as bar:
        outcome = download(
            start,
            end,
            store,
            satellite=number,
            resolution=resolution,
            jobs=jobs,
            progress=bar.advance,
        )
    if outcome.missing:
        console.note(f"The archives have no file for {_list_days(outcome.missing)}.")
    if csv:
        from ..archives.csv_files import write_csv

        write_csv(store, f"{start:%Y-%m}", f"{end:%Y-%m}")
    console.finish(outcome, "downloaded", "months", as_json=as_json)


@app.command("import")
def import_(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="FITS files of NASA, netCDF files of NOAA, CSV files of sdo-cli, or folders.",
        ),
    ],
    store: StoreFolder = None,
    satellite: Annotated[
        int, typer.Option(min=0, max=99, help="GOES number, for files that do not specify it.")
    ] = 0,
    jobs: Annotated[
        int, typer.Option(min=0, help="Number of processes that read files; 0: one per CPU.")
    ] = 0,
    csv: Csv = False,
    as_json: Json = False,
) -> None:
    """Import files into the store: FITS of NASA, netCDF of NOAA, CSV of sdo-cli."""
    from ..archives.importing import import_files, list_files
    from ..store.flux_store import Store

    found = list_files(paths)
    with console.progress("Importing", len(found), "files", resumes=False) as bar:
        outcome = import_files(found, store, satellite=satellite, jobs=jobs, progress=bar.advance)
    if csv and outcome.done:
        from ..archives.csv_files import write_csv

        write_csv(Store(store))
    console.finish(outcome, "imported", "files", as_json=as_json)


@app.command()
def get(
    timestamp: Annotated[
        list[datetime] | None, time_option("Time to look up; may be given more than once")
    ] = None,
    from_file: Annotated[
        Path | None,
        typer.Option(
            help="File with times (UTC, ISO 8601): one per line, or in a column of a CSV file."
        ),
    ] = None,
    column: Annotated[
        str, typer.Option(help="Column of that file [timestamp, time, t_obs, date …].")
    ] = "",
    store: StoreFolder = None,
    max_diff: Annotated[
        float, typer.Option(help="Maximum difference between a time and its sample, in seconds.")
    ] = 60.0,
    as_json: Json = False,
) -> None:
    """Show the good sample nearest to a time: flux (W/m2), class, quality, satellite."""
    if not timestamp and from_file is None:
        raise AstrodomeError(
            "Missing time.", "Add --timestamp TIME or --from-file FILE.", exit_code=2
        )
    from astrodome_solar.times import to_datetime64

    from ..store.flux_store import Store
    from ..store.lookup import describe, nearest
    from .times_file import read_times

    outcome, rows = compute.Outcome(), []
    requested = list(timestamp or [])
    for entry in read_times(from_file.expanduser(), column) if from_file else ():
        if entry.time is None:
            name = f"{from_file}, line {entry.line}: '{entry.text[:80]}'"
            outcome.failed.append((name, "invalid time"))
        else:
            requested.append(entry.time)
    samples, differences = nearest(Store(store), to_datetime64(requested), max_diff)
    for time, sample, difference in zip(requested, samples, differences.tolist(), strict=True):
        if difference > max_diff:
            outcome.failed.append((time.isoformat(), f"no good sample within {max_diff:g} s"))
        else:
            rows.append({"timestamp": time, **describe(sample), "distance_s": difference})
    console.show(rows, optional=OPTIONAL, as_json=as_json)
    if outcome.failed:
        outcome.done = len(rows)
        console.finish(outcome, "found", "samples")


@app.command()
def flares(
    start: Annotated[
        datetime | None, time_option("Show flares that peak at or after this time")
    ] = None,
    end: Annotated[
        datetime | None, end_option("Show flares that peak at or before this time")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Show only the largest N flares.", metavar="N")
    ] = None,
    min_class: Annotated[str, typer.Option(help="Smallest class to show.")] = "C1.0",
    store: StoreFolder = None,
    as_json: Json = False,
) -> None:
    """List flares as NOAA defines them: start, peak, end (UTC), class, peak flux (W/m2).

    The columns satellite and product name the origin of the flux at the peak. The column
    operational_scaling is true if this flux contains the factors of the operational data of
    GOES 8-15 (0.85 for 0.5-4 angstrom, 0.70 for 1-8 angstrom), false if not, and empty if
    this is unknown.
    """
    times.check_order(start, end)
    from ..flare_detection import flares
    from ..store.flux_store import Store

    found = flares(Store(store), start, end, min_class)
    if limit:
        found = found.nlargest(limit, "flux_W_m2")
    console.show(_records(found), columns=list(found), optional=OPTIONAL, as_json=as_json)


@app.command()
def info(
    start: Start = None,
    end: End = None,
    min_gap: Annotated[
        float,
        typer.Option(min=0, help="Shortest gap between good samples to show, in minutes."),
    ] = 10.0,
    limit: Annotated[
        int,
        typer.Option(min=0, help="Show only the longest N gaps; --json shows all.", metavar="N"),
    ] = 10,
    store: StoreFolder = None,
    as_json: Json = False,
) -> None:
    """Show the contents of the store: time range (UTC), samples, satellites and gaps."""
    times.check_order(start, end)
    from ..store.coverage import coverage
    from ..store.flux_store import Store

    found = coverage(Store(store), start, end, min_gap)
    gaps, satellites = found.pop("gaps"), _records(found.pop("satellites"))
    if as_json:
        console.show_json({**found, "satellites": satellites, "gaps": _records(gaps)})
        return
    console.show_one({**found, "gaps": len(gaps)}, title="GOES store")
    console.show(satellites, title="Satellites", optional=(("samples",), ("days",)))
    longest = gaps.nlargest(limit, "minutes")
    title = f"Gaps, the longest {len(longest)} of {len(gaps)}"
    console.show(_records(longest), title=title)


@app.command()
def plot(
    start: Start = None,
    end: End = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Output file: .png, .svg or .pdf.")
    ] = Path("goes.png"),
    min_class: Annotated[str, typer.Option(help="Smallest class of the flares to mark.")] = "C1.0",
    events: Annotated[
        bool, typer.Option("--events", help="Also draw the flares of the event catalogue.")
    ] = False,
    events_source: Annotated[str, sources.option("events", "Event catalogue of --events")] = "",
    store: StoreFolder = None,
    as_json: Json = False,
) -> None:
    """Plot both channels (W/m2) with flare classes and flares."""
    times.check_order(start, end)
    from ..store.flux_store import Store
    from ..views.plot import check_format, plot, search_catalogue

    check_format(out)
    catalogue = partial(search_catalogue, source=events_source) if events else None
    drawn = plot(Store(store), start, end, min_class=min_class, catalogue=catalogue)
    drawn.save(out)
    if as_json:
        console.show_json(
            {
                "file": str(out.expanduser()),
                "start": drawn.start,
                "end": drawn.end,
                "samples": drawn.samples,
                "flares": _records(drawn.flares[["peak", "class"]]),
                "catalogue": drawn.catalogue,
                "left_out": drawn.skipped,
            }
        )
    else:
        console.note(f"{out}: {drawn.samples} samples, {len(drawn.flares)} flares.")
        for name, reason in drawn.skipped:
            console.note(f"  skipped  {name}: {reason}")


def _satellite_number(text: str) -> int:
    if text.strip().lower() == "primary":
        return 0
    number = text.strip().lower().removeprefix("goes").strip("- ")
    if not number.isascii() or not number.isdigit() or not 1 <= int(number) <= 99:
        raise AstrodomeError(
            f"Invalid satellite '{text}': expected primary, or a number such as 16.", exit_code=2
        )
    return int(number)


def _list_days(days: list[Any]) -> str:
    shown = ", ".join(day.isoformat() for day in days[:5])
    return shown + (f" and {len(days) - 5} more days" if len(days) > 5 else "")


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as dictionaries, with None for missing values."""
    records: list[dict[str, Any]]
    records = table.astype(object).where(table.notna(), None).to_dict("records")
    return records
