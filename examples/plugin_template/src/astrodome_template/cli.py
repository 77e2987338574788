"""The command ``sdo template``, which parses arguments, calls the library and shows results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypedDict

import typer
from astrodome import compute, console, outputs
from astrodome.option_groups import Json

app = typer.Typer(help="Fit the limb darkening of solar disks.", no_args_is_help=True)


class DiskRow(TypedDict):
    """The solar disk in an image. ``x``, ``y`` and ``radius`` are in pixels."""

    file: str
    x: float
    y: float
    radius: float
    limb_darkening: float
    residual: float


@app.command()
@outputs.declare(list[DiskRow], reads_only=True)
def limb(
    images: Annotated[
        list[Path], typer.Argument(help="Images of the whole disk (JPEG, PNG, TIFF).")
    ],
    as_json: Json = False,
) -> None:
    """Fit the center and the radius (in pixels) and the limb-darkening coefficient of solar disks.

    Use images of the continuum, for example at 1700 or 4500 angstrom, in which the limb is dark.
    """
    from dataclasses import asdict

    from . import disk

    outcome, rows = compute.Outcome(), []
    with console.progress("Fitting", len(images), "images") as progress:
        for done in compute.map(disk.fit_file, images, threads=True):
            progress.advance()
            if done.value is None:
                outcome.failed.append((str(done.item), done.error))
            else:
                outcome.done += 1
                rows.append({"file": str(done.item), **asdict(done.value)})
    console.show(sorted(rows, key=lambda row: row["file"]), as_json=as_json)
    console.finish(outcome, "fitted", "images")
