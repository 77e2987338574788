"""The commands of ``sdo goes``."""

from __future__ import annotations

import re
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from astrodome import InvalidInputError, compute, console, files, outputs, sources, times
from astrodome.option_groups import DryRun, Json, end_option, option, time_option

import astrodome_goes as goes

from . import documents

OPTIONAL = (
    *(("product",), ("satellite",), ("operational_scaling",), ("quality",), ("xrsa_W_m2",)),
    *(("distance_s",), ("flux_W_m2",)),
)
"""Groups of columns that are hidden on a narrow terminal, in the order of hiding."""

STORE_HELP = (
    "Folder of the GOES store (default: the folder in the setting goes.store, or the subfolder "
    "'goes' of the --home folder)."
)
STORE = option(None, STORE_HELP, "--store", "--cache-dir")
START = time_option(None, "Start time")
END = end_option(None, "End time")
MIN_CLASS = option("C1.0", "Minimum GOES class of the flares.")
CSV = option(
    False,
    "Also write each month to a CSV file in the sdo-cli format, for example "
    "goes_cache/2011/6/goes_ts.csv in the folder of the store.",
    "--csv",
)

app = typer.Typer(
    help="Download, look up and plot the GOES soft X-ray flux, and detect flares.",
    no_args_is_help=True,
)


@app.command()
@outputs.declare(documents.GoesDownloadDocument | outputs.PlanDocument)
def download(
    start: datetime = time_option("2012-12-01T00:00:00", "First day"),
    end: datetime = end_option("2012-12-31T23:59:00", "Last day"),
    output: Path | None = option(None, STORE_HELP, "--output", "--store", "--cache-dir"),
    satellite: str = option(
        "primary",
        "GOES number of the satellite. 'primary' selects the highest-numbered satellite with data "
        "on each day.",
        metavar="primary|NUMBER",
    ),
    resolution: str = option(
        "1m",
        "Time resolution: '1m' selects one-minute averages, and '1s' selects all samples. The time "
        "between two samples is 1 second, or 2 to 3 seconds for GOES 15 and earlier satellites. "
        "Data before March 2001 are only available with one sample every 3 seconds.",
        metavar="1m|1s",
    ),
    jobs: int = option(5, "Number of simultaneous downloads.", min=1, max=32),
    csv: bool = CSV,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Download data from the NASA and NOAA archives into the store, month by month.

    Run the same command again to resume after an interruption, or to retry the months that
    failed. Only missing files are downloaded.
    """
    number, total = _satellite_number(satellite), (end.date() - start.date()).days + 1
    if dry_run:
        from ..archives.download import plan_download

        with console.progress("Listing", total, "days") as bar:
            plan = plan_download(
                *(start, end, output),
                satellite=number,
                resolution=resolution,
                progress=bar.advance,
            )
        console.show_plan(plan, "downloaded", "files", as_json=as_json)
        return
    with console.progress("Downloading", total, "days") as bar:
        outcome = goes.download(
            *(start, end, output),
            satellite=number,
            resolution=resolution,
            jobs=jobs,
            progress=bar.advance,
        )
    if outcome.missing:
        days = ", ".join(map(str, outcome.missing[:5]))
        more = f" and {len(outcome.missing) - 5} more" if len(outcome.missing) > 5 else ""
        console.note(f"No files found in the archives for {days}{more}.")
    if csv:
        _write_csv(output)
    console.finish(outcome, "downloaded", "months", as_json=as_json)


@app.command("import")
@outputs.declare(outputs.OutcomeDocument | outputs.PlanDocument)
def import_(
    paths: list[Path] = typer.Argument(
        metavar="FILE...",
        help="NASA FITS files, NOAA netCDF files, sdo-cli CSV files, or folders that contain such "
        "files.",
    ),
    store: Path | None = STORE,
    satellite: int = option(
        0, "GOES number for files that do not specify the satellite.", min=0, max=99
    ),
    jobs: int = option(
        0, "Number of processes that read files. 0 means one process per CPU.", min=0
    ),
    csv: bool = CSV,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Import NASA FITS files, NOAA netCDF files or sdo-cli CSV files into the store."""
    from ..archives.importing import list_files, plan_import

    found = list_files(paths)
    if dry_run:
        with console.progress("Reading", len(found), "files", resumes=False) as bar:
            plan = plan_import(found, satellite, jobs, bar.advance)
        console.show_plan(plan, "imported", "files", as_json=as_json)
        return
    with console.progress("Importing", len(found), "files", resumes=False) as bar:
        outcome = goes.import_files(
            found, store, satellite=satellite, jobs=jobs, progress=bar.advance
        )
    if csv and outcome.done:
        _write_csv(store)
    console.finish(outcome, "imported", "files", as_json=as_json)


@app.command()
@outputs.declare(list[documents.FluxRow], reads_only=True)
def get(
    timestamp: list[datetime] | None = option(
        None,
        "Time to look up (UTC, ISO 8601). Repeatable.",
        parser=times.utc,
        metavar="TIME",
    ),
    from_file: Path | None = option(
        None,
        "Text file with one time (UTC, ISO 8601) per line, or CSV file with a column of times.",
    ),
    column: str = option(
        "",
        "Name of the column that contains the times in the CSV file. By default, the first of the "
        "following columns that exists is used: timestamp, time, t_obs, date_obs, date-obs, "
        "datetime, date, t_rec.",
    ),
    store: Path | None = STORE,
    max_diff: float = option(60.0, "Maximum difference between a time and its sample, in seconds."),
    as_json: Json = False,
) -> None:
    """Show the flux (W/m2), class, quality and satellite of the good sample nearest to each time.

    A sample is good if its flux is positive and no quality flag is set.
    """
    if not timestamp and from_file is None:
        raise InvalidInputError("No time specified.", "Use --timestamp TIME or --from-file FILE.")
    from astrodome_solar.times import to_datetime64

    from ..store.lookup import describe, nearest
    from .times_file import read_times

    outcome, rows = compute.Outcome(), []
    requested = list(timestamp or [])
    for line, text, time in read_times(from_file.expanduser(), column) if from_file else ():
        if time is None:
            outcome.failed.append((f"{from_file}, line {line}: '{text[:80]}'", "invalid time"))
        else:
            requested.append(time)
    samples, differences = nearest(goes.Store(store), to_datetime64(requested), max_diff)
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
@outputs.declare(list[documents.FlareRow], reads_only=True)
def flares(
    start: datetime | None = time_option(None, "Earliest peak time"),
    end: datetime | None = end_option(None, "Latest peak time"),
    limit: int | None = option(None, "Show only the N largest flares.", min=1, metavar="N"),
    min_class: str = MIN_CLASS,
    store: Path | None = STORE,
    as_json: Json = False,
) -> None:
    """List flares with their start, peak and end (UTC), class and peak flux (W/m2).

    Flares are detected according to the NOAA definition.

    The columns 'satellite' and 'product' describe the origin of the peak flux. The column
    'operational_scaling' is true if the peak flux contains the scaling factors of operational
    GOES 8-15 data (0.85 for 0.5-4 angstrom, 0.7 for 1-8 angstrom). It is empty if the scaling is
    unknown.
    """
    found = goes.flares(goes.Store(store), start, end, min_class)
    if limit:
        found = found.nlargest(limit, "flux_W_m2")
    console.show(found.to_dict("records"), columns=list(found), optional=OPTIONAL, as_json=as_json)


@app.command()
@outputs.declare(documents.CoverageDocument, reads_only=True)
def info(
    start: datetime | None = START,
    end: datetime | None = END,
    min_gap: float = option(
        10.0, "Minimum duration of the gaps between good samples, in minutes.", min=0
    ),
    limit: int = option(
        10, "Show only the N longest gaps. With --json, all gaps are shown.", min=0, metavar="N"
    ),
    store: Path | None = STORE,
    as_json: Json = False,
) -> None:
    """Show the time range (UTC), sample count, satellites and gaps of the stored data."""
    found = goes.coverage(goes.Store(store), start, end, min_gap)
    gaps, satellites = found.pop("gaps"), found.pop("satellites").to_dict("records")
    if as_json:
        console.show_json({**found, "satellites": satellites, "gaps": gaps.to_dict("records")})
        return
    console.show_one({**found, "gaps": len(gaps)}, title="GOES store")
    console.show(satellites, title="Satellites", optional=(("samples",), ("days",)))
    longest = gaps.nlargest(limit, "minutes").to_dict("records")
    console.show(longest, title=f"The {len(longest)} longest of {len(gaps)} gaps")


@app.command()
@outputs.declare(documents.FluxPlotDocument)
def plot(
    start: datetime | None = START,
    end: datetime | None = END,
    out: Path = option(
        "goes.png", "Output file, with the extension .png, .svg or .pdf.", "--out", "-o"
    ),
    min_class: str = MIN_CLASS,
    events: bool = option(False, "Also plot the flares in the event catalogue.", "--events"),
    events_source: Annotated[str, sources.option("events", "Event catalogue for --events")] = "",
    store: Path | None = STORE,
    as_json: Json = False,
) -> None:
    """Plot the flux in both channels (W/m2), with flare classes and flares."""
    from ..views.plot import EXTENSIONS

    files.check_extension(out, EXTENSIONS)
    catalogue = partial(goes.search_catalogue, source=events_source) if events else None
    drawn = goes.plot(goes.Store(store), start, end, min_class=min_class, catalogue=catalogue)
    drawn.save(out)
    if as_json:
        console.show_json(
            {
                "file": str(out.expanduser()),
                "start": drawn.start,
                "end": drawn.end,
                "samples": drawn.samples,
                "flares": drawn.flares[["peak", "class"]].to_dict("records"),
                "catalogue": drawn.catalogue,
                "skipped": drawn.skipped,
            }
        )
    else:
        console.note(f"{out}: {drawn.samples} samples, {len(drawn.flares)} flares.")
        for name, reason in drawn.skipped:
            console.note(f"  skipped  {name}: {reason}")


def _satellite_number(text: str) -> int:
    number = re.fullmatch(r"(?i)primary|(?:goes[- ]*)?([1-9][0-9]?)", text.strip())
    if not number:
        raise InvalidInputError(
            f"Invalid satellite '{text}': expected 'primary' or a GOES number, for example 16."
        )
    return int(number[1] or 0)


def _write_csv(store: Path | None) -> None:
    from ..archives.csv_files import write_csv

    write_csv(goes.Store(store))
