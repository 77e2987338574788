"""``sdo sood dataset``: look into a store of SDO ML v2, or build one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from astrodome import console

from .options import AsJson

dataset = typer.Typer(
    no_args_is_help=True, help="Look into a store of SDO ML v2 frames, or build one."
)


@dataset.command()
def info(
    store: Annotated[
        str, typer.Argument(metavar="DIR|URL", help="Folder of the store, or its address (gs://…).")
    ],
    as_json: AsJson = False,
) -> None:
    """Show what a store holds: frames, times and gaps (s) by year and channel."""
    from ..datasets.sdoml_v2.archive import Archive
    from ..datasets.sdoml_v2.inventory import inventory

    console.show(inventory(Archive(store)), as_json=as_json)


@dataset.command()
def build(
    source: Annotated[
        list[Path],
        typer.Argument(help="FITS files, images named TIME__WAVE.jpeg, or folders of them."),
    ],
    out: Annotated[Path, typer.Option(help="The store to write, a new folder.")],
    size: Annotated[int, typer.Option(min=16, help="Side of the frames, px.")] = 512,
    chunk: Annotated[int, typer.Option(min=1, help="Frames in a chunk.")] = 12,
    zarr_format: Annotated[int, typer.Option(min=2, max=3, help="Format of zarr.")] = 2,
    shard: Annotated[int, typer.Option(min=0, help="Frames in a shard (format 3); 0: none.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Build a store in the layout of SDO ML v2, with the disk of every frame in the same place."""
    from ..datasets.sdoml_v2.archive import Archive
    from ..datasets.sdoml_v2.build import Layout
    from ..datasets.sdoml_v2.build import build as run_build
    from ..datasets.sdoml_v2.inventory import inventory

    outcome = run_build(source, out, Layout(size, chunk, zarr_format, shard))
    console.show(inventory(Archive(str(out))), as_json=as_json)
    console.finish(outcome, "built in", "images")
