"""``sdo sood dataset``: show or build an SDO ML v2 store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from astrodome import compute, console, outputs
from astrodome.option_groups import DryRun, Json, OptionGroup, expand, option

from . import documents
from .options import show_progress

dataset = typer.Typer(no_args_is_help=True, help="Show or build an SDO ML v2 store.")


class LayoutOptions(OptionGroup):
    """Options for the layout of a store; see ``sdoml_v2.build.StoreLayout``."""

    size: int = option(512, "Width and height of the frames, in pixels.", min=16)
    chunk: int = option(12, "Number of frames in a chunk.", min=1)
    zarr_format: int = option(2, "Version of the zarr format.", min=2, max=3)
    shard: int = option(
        0, "Number of frames in a shard (zarr format 3 only). 0 disables sharding.", min=0
    )


class MetadataOptions(OptionGroup):
    """Options that supply missing metadata; see :func:`astrodome_solar.read_image`."""

    exposure: float | None = option(
        None, "Exposure time for files that do not contain it, in seconds."
    )
    date: str | None = option(None, "Observation time (UTC) for files that do not contain it.")
    wavelength: int | None = option(
        None, "Wavelength for files that do not contain it, in angstroms."
    )
    plane: int | None = option(
        None, "Index of the image to read from files with several images, starting at 0."
    )


@dataset.command()
@outputs.declare(list[documents.StoreChannelRow], reads_only=True)
def info(
    store: Annotated[
        str, typer.Argument(metavar="DIR|URL", help="Folder or URL (gs://…) of the store.")
    ],
    as_json: Json = False,
) -> None:
    """Show the number of frames, the time range and the gaps for each year and channel.

    The cadence and the longest gap are in seconds.
    """
    from ..datasets.sdoml_v2.store import FrameStore

    console.show(FrameStore(store).inventory(), as_json=as_json)


@dataset.command()
@expand
@outputs.declare(list[documents.StoreChannelRow] | outputs.PlanDocument)
def build(
    source: Annotated[
        list[Path],
        typer.Argument(
            help="FITS files, images with names such as 2012-03-07T000200__171.jpeg, or folders "
            "that contain such files."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder in which the store is created.")],
    layout: LayoutOptions,
    metadata: MetadataOptions,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Build an SDO ML v2 store. The solar disk has the same position and size in all frames."""
    from ..datasets.sdoml_v2.build import StoreLayout, plan_build
    from ..datasets.sdoml_v2.build import build as build_store
    from ..datasets.sdoml_v2.store import FrameStore

    if dry_run:
        plan = compute.Plan.of(plan_build(source, out, StoreLayout(**vars(layout))))
        console.show_plan(plan, "read", "files", as_json=as_json)
        return
    with show_progress():
        outcome = build_store(source, out, StoreLayout(**vars(layout)), **vars(metadata))
    console.show(FrameStore(str(out)).inventory(), as_json=as_json)
    console.finish(outcome, "stored", "images")
