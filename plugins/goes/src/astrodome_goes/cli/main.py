"""The commands under ``sdo goes``."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from astrodome import AstrodomeError, compute, console, settings, sources, times

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

    from ..flares import Flare
    from ..store.flux_store import Store

FLARE_COLUMNS = (
    *("start", "peak", "end", "class", "flux_W_m2"),
    *("satellite", "product", "operational_scaling"),
)
OPTIONAL = (
    *(("product",), ("satellite",), ("operational_scaling",), ("quality",), ("xrsa_W_m2",)),
    *(("distance_s",), ("flux_W_m2",)),
)
"""Columns that are hidden on a narrow terminal, the least important first."""

app = typer.Typer(help="GOES soft X-ray flux and flares.", no_args_is_help=True)

Folder = Annotated[
    Path | None,
    typer.Option(
        "--store",
        "--cache-dir",
        help="Folder of the GOES store [setting goes.store, or goes in the folder of --home].",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Csv = Annotated[
    bool,
    typer.Option("--csv", help="Write the CSV tree of the older tool too: goes_cache/2011/6/…"),
]


def _time(help: str) -> Any:
    return typer.Option(parser=times.utc, metavar="TIME", help=f"{help} (UTC, ISO 8601).")


def _end(help: str) -> Any:
    help = f"{help} (UTC, ISO 8601). A date without a time includes the whole day."
    return typer.Option(parser=times.utc_end, metavar="TIME", help=help)


Start = Annotated[datetime | None, _time("Start time")]
End = Annotated[datetime | None, _end("End time")]


@app.command()
def download(
    start: Annotated[datetime, _time("First day")] = cast("datetime", "2012-12-01T00:00:00"),
    end: Annotated[datetime, _end("Last day")] = cast("datetime", "2012-12-31T23:59:00"),
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "--store",
            "--cache-dir",
            help="Folder of the GOES store [setting goes.store, or goes in the folder of --home].",
        ),
    ] = None,
    satellite: Annotated[
        str,
        typer.Option(
            metavar="primary|NUMBER",
            help="primary: the highest-numbered GOES that has the day; or the number of one.",
        ),
    ] = "primary",
    resolution: Annotated[
        str,
        typer.Option(
            metavar="1m|1s",
            help="Minute averages, or all samples (1 s; 2 or 3 s up to GOES 15). "
            "Before March 2001 the archive has 3 s only.",
        ),
    ] = "1m",
    jobs: Annotated[int, typer.Option(min=1, max=32, help="Files that are fetched at a time.")] = 5,
    csv: Csv = False,
    as_json: Json = False,
) -> None:
    """Bring days of the archives of NASA and NOAA into the store, month by month.

    The same command again fetches only what is missing, also after it was stopped or
    months have failed.
    """
    number = _satellite(satellite)
    if resolution not in ("1m", "1s"):
        raise AstrodomeError(
            f"There is no resolution '{resolution}'.", "Write 1m or 1s.", exit_code=2
        )
    times.check_order(start, end)
    from ..archives.client import Client
    from ..archives.download import Order, download
    from ..settings import GoesSettings

    target = _store(output)
    first, last = start.date(), end.date()
    client = Client(settings.section("goes", GoesSettings))
    with console.progress("Downloading", (last - first).days + 1, "days") as bar:
        outcome = download(
            target, client, first, last, Order(number, resolution, jobs), bar.advance
        )
    if outcome.missing:
        console.note(f"The archives have no file for {_days(outcome.missing)}.")
    if csv:
        _write_csv(target, first, last)
    console.finish(outcome, "downloaded", "months", as_json=as_json)


@app.command("import")
def import_files(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", help="XRS files (FITS, netCDF, CSV of the older tool), or folders."
        ),
    ],
    store: Folder = None,
    satellite: Annotated[
        int, typer.Option(min=0, max=99, help="GOES number, for files that do not say it.")
    ] = 0,
    jobs: Annotated[int, typer.Option(min=0, help="Processes that read; 0: one a core.")] = 0,
    csv: Csv = False,
    as_json: Json = False,
) -> None:
    """Bring files into the store: NASA's FITS, NOAA's netCDF, the older tool's CSV tree."""
    from ..archives.import_files import expanded, ingest

    found = expanded(paths)
    target = _store(store)
    with console.progress("Importing", len(found), "files", resumes=False) as bar:
        outcome = ingest(target, found, satellite, jobs, bar.advance)
    if csv and outcome.done:
        _write_csv(target)
    console.finish(outcome, "imported", "files", as_json=as_json)


@app.command()
def get(
    timestamp: Annotated[list[datetime] | None, _time("When; may be given more than once")] = None,
    from_file: Annotated[
        Path | None,
        typer.Option(help="File of times (UTC, ISO 8601): one a line, or a column of a CSV file."),
    ] = None,
    column: Annotated[
        str, typer.Option(help="The column of that file [timestamp, time, t_obs, date …].")
    ] = "",
    store: Folder = None,
    max_diff: Annotated[
        float, typer.Option(help="Farthest sample that still answers, in seconds.")
    ] = 60.0,
    as_json: Json = False,
) -> None:
    """Show the good sample nearest to a time: flux (W/m2), class, quality, satellite."""
    if not timestamp and from_file is None:
        raise AstrodomeError(
            "No time was given.", "Add --timestamp TIME or --from-file FILE.", exit_code=2
        )
    from ..store.lookup import nearest
    from ..times import as_array

    outcome, rows = compute.Outcome(), []
    wanted = list(timestamp or [])
    for name, time in _listed(from_file, column) if from_file else ():
        if time is None:
            outcome.failed.append((name, "is no time"))
        else:
            wanted.append(time)
    samples, distances = nearest(_store(store), as_array(wanted), max_diff)
    for time, sample, distance in zip(wanted, samples, distances.tolist(), strict=True):
        if distance > max_diff:
            why = f"no good sample within {max_diff:g} s"
            outcome.failed.append((time.isoformat(), why))
            continue
        outcome.done += 1
        rows.append({"timestamp": time.isoformat(), **_row(sample), "distance_s": distance})
    console.show(rows, optional=OPTIONAL, as_json=as_json)
    if outcome.failed:
        console.finish(outcome, "found", "samples")


@app.command()
def flares(
    start: Annotated[datetime | None, _time("Flares that peak at or after this time")] = None,
    end: Annotated[datetime | None, _end("Flares that peak at or before this time")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Show only that many, the largest first.")
    ] = None,
    min_class: Annotated[str, typer.Option(help="Smallest class to show.")] = "C1.0",
    store: Folder = None,
    as_json: Json = False,
) -> None:
    """List flares by NOAA's definition: start, peak, end (UTC), class, peak flux (W/m2).

    The columns satellite and product name the origin of the flux at the peak. The column
    operational_scaling is true if this flux contains the factors of the operational data of
    GOES 8-15 (0.85 for 0.5-4 angstrom, 0.70 for 1-8 angstrom), false if not, and empty if
    this is unknown.
    """
    from astrodome_solar.flare_classes import flux_of_class

    from .. import flares as search
    from ..times import as_scalar

    times.check_order(start, end)
    least = flux_of_class(min_class)
    found = [
        flare
        for flare in search.flares(_store(store), as_scalar(start), as_scalar(end))
        if flare.flux >= least
    ]
    if limit:
        found = sorted(found, key=lambda flare: -flare.flux)[:limit]
    console.show(map(_flare, found), columns=FLARE_COLUMNS, optional=OPTIONAL, as_json=as_json)


@app.command()
def info(
    start: Start = None,
    end: End = None,
    min_gap: Annotated[
        float, typer.Option(min=0, help="Shortest gap to show, in minutes without a good sample.")
    ] = 10.0,
    limit: Annotated[
        int, typer.Option(min=0, help="Show only that many gaps, the longest; --json has them all.")
    ] = 10,
    store: Folder = None,
    as_json: Json = False,
) -> None:
    """Show what the store holds: times (UTC), samples, satellites and gaps."""
    from ..store.coverage import coverage
    from ..times import as_scalar

    times.check_order(start, end)
    found = coverage(_store(store), as_scalar(start), as_scalar(end), min_gap)
    if as_json:
        console.show_json(found)
        return
    gaps, satellites = found.pop("gaps"), found.pop("satellites")
    console.show_one({**found, "gaps": len(gaps)}, title="GOES store")
    console.show(satellites, title="Satellites", optional=(("samples",), ("days",)))
    longest = sorted(gaps, key=lambda gap: -gap["minutes"])[:limit]
    console.show(longest, title=f"Gaps, the longest {len(longest)} of {len(gaps)}")


@app.command()
def plot(
    start: Start = None,
    end: End = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Picture to write: .png or .svg (or .pdf).")
    ] = Path("goes.png"),
    min_class: Annotated[str, typer.Option(help="Smallest flare to mark.")] = "C1.0",
    events: Annotated[
        bool, typer.Option("--events", help="Draw the flares of the event catalogue above.")
    ] = False,
    events_source: Annotated[str, sources.option("events", "Event catalogue of --events")] = "",
    store: Folder = None,
    as_json: Json = False,
) -> None:
    """Draw both channels (W/m2) with the flare classes, the flares and, on request, HEK's."""
    from astrodome_solar.flare_classes import flux_of_class

    from ..times import as_scalar
    from ..views import plot

    times.check_order(start, end)
    picture = plot.plot(
        _store(store),
        out.expanduser(),
        as_scalar(start),
        as_scalar(end),
        least=flux_of_class(min_class),
        events=partial(plot.catalogued, source=events_source) if events else None,
    )
    if as_json:
        console.show_json(picture)
    else:
        console.note(f"{out}: {picture['samples']} samples, {len(picture['flares'])} flares.")
        for name, why in picture["left_out"]:
            console.note(f"  left out  {name}: {why}")


def _satellite(text: str) -> int:
    if text.strip().lower() == "primary":
        return 0
    number = text.strip().lower().removeprefix("goes").strip("- ")
    if not number.isascii() or not number.isdigit() or not 1 <= int(number) <= 99:
        raise AstrodomeError(
            f"'{text}' is no satellite.", "Write primary, or a number such as 16.", exit_code=2
        )
    return int(number)


def _listed(path: Path, column: str) -> Iterable[tuple[str, datetime | None]]:
    from . import times_file

    for line in times_file.read(path.expanduser(), column):
        yield f"{path}, line {line.number}: '{line.text[:80]}'", line.time


def _write_csv(store: Store, first: Any = None, last: Any = None) -> None:
    from ..archives import csv_tree
    from ..times import as_month

    lowest, highest = as_month(first), as_month(last)
    for month, path in store.months().items():
        if (lowest is None or month >= lowest) and (highest is None or month <= highest):
            csv_tree.write(path, store.folder)


def _days(days: list[Any]) -> str:
    shown = ", ".join(day.isoformat() for day in days[:5])
    return shown + (f" and {len(days) - 5} days more" if len(days) > 5 else "")


def _row(sample: np.void) -> dict[str, Any]:
    from astrodome_solar.flare_classes import flare_class

    from ..store.samples import NO_FLAGS, PRODUCTS

    time, xrsa, xrsb, _, quality, satellite, product = cast("tuple[Any, ...]", sample.item())
    return {
        "time": time.isoformat(),
        "class": flare_class(xrsb),
        "xrsb_W_m2": xrsb,
        "xrsa_W_m2": xrsa,
        "quality": None if quality == NO_FLAGS else quality,
        "satellite": satellite or None,
        "product": PRODUCTS[product],
    }


def _flare(flare: Flare) -> dict[str, Any]:
    return {
        "start": _minute(flare.start),
        "peak": _minute(flare.peak),
        "end": _minute(flare.end),
        "class": flare.flare_class,
        "flux_W_m2": flare.flux,
        "satellite": flare.satellite or None,
        "product": flare.product,
        "operational_scaling": flare.operational_scaling,
    }


def _minute(time: np.datetime64 | None) -> str | None:
    return None if time is None else f"{time}:00"


def _store(folder: Path | None) -> Store:
    from ..store.flux_store import Store, default_folder

    return Store(folder.expanduser() if folder else default_folder())
