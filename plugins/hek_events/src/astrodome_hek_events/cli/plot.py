"""The command ``sdo events plot``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from astrodome import AstrodomeError, InvalidInputError, compute, console, outputs
from astrodome.errors import reason, stops_everything
from astrodome.option_groups import DryRun, OptionGroup, option, time_option

from . import documents
from .options import EventOptions, EventTypes, Json

if TYPE_CHECKING:
    from astrodome_solar import SolarImage

    from ..placement import Event, PlacedEvent


class ReadingOptions(OptionGroup):
    """Options that supply metadata for images that do not contain them."""

    date: datetime | None = time_option(None, "Observation time for images that do not contain it")
    wavelength: int | None = option(
        None, "Wavelength for images that do not contain it, in angstrom.", min=1
    )
    plane: int | None = option(
        None, "Index (starting at 0) of the image to plot from files with several images.", min=0
    )

    def read(self, path: Path, table: Path | None) -> SolarImage:
        """Read an image with north up."""
        from astrodome_solar.formats.reading import ImageReference, read

        reference = ImageReference(path, self.plane)
        image = read(reference, date=self.date, wavelength=self.wavelength, table=table)
        return image.north_up()


@outputs.declare(documents.EventPlotsDocument | outputs.PlanDocument)
def plot(
    ctx: typer.Context,
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGE...",
            help="FITS or JPEG 2000 files, or JPEG files that are listed in meta.csv, such as "
            "2012-01-01T000000__171.jpeg.",
        ),
    ],
    out: Path = option(
        Path(), "Output folder, or output file if there is only one image.", "--out", "-o"
    ),
    form: Literal["png", "svg", "pdf", "jpg"] = option(
        "png", "File format of the plots.", "--format"
    ),
    event_type: EventTypes = None,
    observatory: str = option(
        "any", "Observatory that observed the events; 'any' selects all observatories."
    ),
    instrument: str = option(
        "any", "Instrument that observed the events; 'any' selects all instruments."
    ),
    own_channel: bool = option(
        False, "Plot only events that were observed at the wavelength of the image."
    ),
    labels: bool = option(
        True, "Label events with region numbers and flare classes.", "--labels/--no-labels"
    ),
    grid: bool = option(False, "Plot a heliographic grid with a spacing of 15 degrees."),
    size: int = option(1200, "Width of the plots, in pixels.", min=200, max=8192),
    dry_run: DryRun = False,
    as_json: Json = False,
    *,
    reading: ReadingOptions,
    shapes: EventOptions,
) -> None:
    """Plot images of the Sun with the events that were observed at the same time.

    Events are rotated with the Sun to the time of the image. Their positions are computed from the
    image header, or from meta.csv for JPEG images. Events behind the limb are omitted.
    """
    from .. import placement
    from ..event_types import parse_codes
    from ..store.queries import TIME_MARGIN
    from ..views import image_plot

    codes = parse_codes(event_type or ())
    search = shapes.search(ctx)
    targets = _target_files(images, out, form, image_plot.FORMATS)
    if dry_run:
        console.show_plan(compute.Plan.of(targets), "written", "files", as_json=as_json)
        return

    def plot_image(path: Path, target: Path) -> dict[str, Any]:
        image = reading.read(path, shapes.meta)
        records = search(image.time - TIME_MARGIN, image.time + TIME_MARGIN, codes)
        channel = image.wavelength if own_channel else 0
        events = [
            event
            for event in placement.parse_events(records, shapes.outlines)
            if event.matches(image.time, observatory, instrument, channel)
        ]
        placed = placement.place_events(events, image.geometry, shapes.rotate)
        figure = image_plot.draw(image, placed, labels=labels, grid=grid, width=size)
        image_plot.save(figure, target)
        return _report(path, image, target, events, placed)

    outcome, rows = compute.Outcome(), []
    with console.progress("Plotting", len(images), "images", resumes=False) as bar:
        for path, target in zip(images, targets, strict=True):
            try:
                rows.append(plot_image(path, target))
                outcome.done += 1
            except (AstrodomeError, OSError) as error:
                if stops_everything(error):
                    raise
                outcome.failed.append((str(path), reason(error)))
            bar.advance()
    _show(rows, outcome, as_json)


def _show(rows: Sequence[dict[str, Any]], outcome: compute.Outcome, as_json: bool) -> None:
    if as_json:
        console.show_json({"plots": rows, "failed": outcome.as_dict()["failed"]})
    else:
        console.show([{k: v for k, v in row.items() if k != "events"} for row in rows])
    console.finish(outcome, "plotted", "images")


def _target_files(
    images: Sequence[Path], out: Path, form: str, formats: Sequence[str]
) -> list[Path]:
    """Return the output file for each image."""
    if out.suffix.lower().removeprefix(".") in formats and not out.is_dir():
        if len(images) > 1:
            raise InvalidInputError(
                f"--out {out} is a file, but there are {len(images)} images.",
                "Specify a folder with --out.",
            )
        return [out]
    targets = [out / f"{path.stem}__events.{form}" for path in images]
    if len(set(targets)) < len(targets):
        raise InvalidInputError(
            f"Several images would be plotted to the same file {max(targets, key=targets.count)}.",
            "Plot the images separately, with a different --out folder for each.",
        )
    return targets


def _report(
    path: Path,
    image: SolarImage,
    target: Path,
    events: Sequence[Event],
    placed: Sequence[PlacedEvent],
) -> dict[str, Any]:
    """Return the result for one image. The origin of pixel coordinates is the upper left corner."""
    shown = [each for each in placed if each.is_visible and not each.shape.is_empty]
    return {
        "image": str(path),
        "plot": str(target),
        "t_obs": image.time,
        "wavelength": image.wavelength,
        "drawn": len(shown),
        "behind_limb": sum(not each.is_visible for each in placed),
        "outside": sum(each.is_visible and each.shape.is_empty for each in placed),
        "without_position": len(events) - len(placed),
        "events": [
            {
                "kb_archivid": each.event.identifier,
                "event_type": each.event.event_type,
                "from": each.event.shape_field,
                "wkt_px": each.shape.wkt,
            }
            for each in shown
        ],
    }
