"""``sdo sood dataset``: show or build a store of SDO ML v2."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from astrodome import console

from .options import Json, show_progress

dataset = typer.Typer(no_args_is_help=True, help="Show or build a store of SDO ML v2 frames.")


@dataset.command()
def info(
    store: Annotated[
        str, typer.Argument(metavar="DIR|URL", help="Folder or address (gs://…) of the store.")
    ],
    as_json: Json = False,
) -> None:
    """Show the frames, times and gaps (in seconds) of a store by year and channel."""
    from ..datasets.sdoml_v2.store import FrameStore

    console.show(FrameStore(store).inventory(), as_json=as_json)


@dataset.command()
def build(
    source: Annotated[
        list[Path],
        typer.Argument(help="FITS files, images named TIME__WAVE.jpeg, or folders of them."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the new store.")],
    size: Annotated[int, typer.Option(min=16, help="Side of the frames, in pixels.")] = 512,
    chunk: Annotated[int, typer.Option(min=1, help="Number of frames in a chunk.")] = 12,
    zarr_format: Annotated[int, typer.Option(min=2, max=3, help="Format of zarr.")] = 2,
    shard: Annotated[
        int, typer.Option(min=0, help="Number of frames in a shard (format 3); 0: no shards.")
    ] = 0,
    exposure: Annotated[
        float | None,
        typer.Option(help="Exposure time of files without EXPTIME, in seconds."),
    ] = None,
    date: Annotated[str | None, typer.Option(help="Time of files without a time, in UTC.")] = None,
    wavelength: Annotated[
        int | None, typer.Option(help="Wavelength of files without one, in angstrom.")
    ] = None,
    plane: Annotated[
        int | None,
        typer.Option(help="Number of the image in files with several images, from 0."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Build a store in the layout of SDO ML v2, with the disk in the same place in all frames."""
    from ..datasets.sdoml_v2.build import StoreLayout
    from ..datasets.sdoml_v2.build import build as build_store
    from ..datasets.sdoml_v2.store import FrameStore

    layout = StoreLayout(size, chunk, zarr_format, shard)
    options = {"exposure": exposure, "date": date, "wavelength": wavelength, "plane": plane}
    with show_progress():
        outcome = build_store(source, out, layout, **options)
    console.show(FrameStore(str(out)).inventory(), as_json=as_json)
    console.finish(outcome, "stored", "images")
