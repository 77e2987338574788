"""The commands under ``sdo goes``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from astrodome import compute, console, times

if TYPE_CHECKING:
    import numpy as np

    from .store import Store

app = typer.Typer(help="GOES soft X-ray flux and flares.", no_args_is_help=True)

Folder = Annotated[
    Path | None,
    typer.Option(
        "--store", "--cache-dir", help="Folder of the GOES store [goes in the folder of --home]."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def _time(help: str) -> Any:
    return typer.Option(parser=times.utc, metavar="TIME", help=f"{help} (UTC, ISO 8601).")


@app.command("import")
def import_files(
    paths: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="XRS files: FITS or netCDF.")
    ],
    store: Folder = None,
    satellite: Annotated[
        int, typer.Option(min=0, max=99, help="GOES number, for files that do not say it.")
    ] = 0,
    jobs: Annotated[int, typer.Option(min=0, help="Processes that read; 0: one a core.")] = 0,
    as_json: Json = False,
) -> None:
    """Bring files of the XRS archives (NASA FITS, NOAA netCDF) into the store."""
    from .ingest import ingest

    with console.progress("Importing", len(paths), "files") as bar:
        outcome = ingest(_store(store), paths, satellite, jobs, bar.advance)
    console.finish(outcome, "imported", "files", as_json=as_json)


@app.command()
def get(
    timestamp: Annotated[list[datetime], _time("When; may be given more than once")],
    store: Folder = None,
    max_diff: Annotated[
        float, typer.Option(help="Farthest sample that still answers, in seconds.")
    ] = 60.0,
    as_json: Json = False,
) -> None:
    """Show the good sample nearest to a time: flux (W/m2), class, quality, satellite."""
    from .lookup import nearest
    from .times import as_array

    outcome, rows = compute.Outcome(), []
    samples, distances = nearest(_store(store), as_array(timestamp), max_diff)
    for wanted, sample, distance in zip(timestamp, samples, distances.tolist(), strict=True):
        if distance > max_diff:
            why = f"no good sample within {max_diff:g} s"
            outcome.failed.append((wanted.isoformat(), why))
            continue
        outcome.done += 1
        rows.append({"timestamp": wanted.isoformat(), **_row(sample), "distance_s": distance})
    console.show(rows, as_json=as_json)
    if outcome.failed:
        console.finish(outcome, "found", "samples")


@app.command()
def flares(
    start: Annotated[datetime | None, _time("Flares that peak at or after this time")] = None,
    end: Annotated[datetime | None, _time("Flares that peak at or before this time")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Show only that many, the largest first.")
    ] = None,
    min_class: Annotated[str, typer.Option(help="Smallest class to show.")] = "C1.0",
    store: Folder = None,
    as_json: Json = False,
) -> None:
    """List the flares by NOAA's definition: start, peak, end (UTC), class, peak flux (W/m2)."""
    from . import flares as search
    from .classes import class_flux
    from .times import as_scalar

    least = class_flux(min_class)
    found = [
        flare
        for flare in search.flares(_store(store), as_scalar(start), as_scalar(end))
        if flare.flux >= least
    ]
    if limit:
        found = sorted(found, key=lambda flare: -flare.flux)[:limit]
    rows = [
        {
            "start": _minute(flare.start),
            "peak": _minute(flare.peak),
            "end": _minute(flare.end),
            "class": flare.flare_class,
            "flux_W_m2": flare.flux,
        }
        for flare in found
    ]
    console.show(rows, columns=("start", "peak", "end", "class", "flux_W_m2"), as_json=as_json)


def _row(sample: np.void) -> dict[str, Any]:
    from .classes import flare_class
    from .samples import NO_FLAGS, PRODUCTS

    time, xrsa, xrsb, _, quality, satellite, product = cast("tuple[Any, ...]", sample.item())
    return {
        "time": time.isoformat(),
        "class": flare_class(xrsb),
        "xrsb_W_m2": xrsb,
        "xrsa_W_m2": xrsa,
        "quality": None if quality == NO_FLAGS else quality,
        "satellite": satellite,
        "product": PRODUCTS[product],
    }


def _minute(time: np.datetime64 | None) -> str | None:
    return None if time is None else f"{time}:00"


def _store(folder: Path | None) -> Store:
    from .store import Store, default_folder

    return Store(folder.expanduser() if folder else default_folder())
