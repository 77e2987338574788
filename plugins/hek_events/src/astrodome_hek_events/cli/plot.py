"""The command ``sdo events plot``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from astrodome import AstrodomeError, compute, console, times
from astrodome.errors import reason, stops_everything

from .options import (
    Database,
    EventsSource,
    EventTypes,
    Json,
    Metadata,
    Outlines,
    Rotate,
    choose_search,
)

if TYPE_CHECKING:
    from astrodome_solar import SolarImage

    from ..placement import Event, PlacedEvent

Images = Annotated[
    list[Path],
    typer.Argument(
        metavar="IMAGE...",
        help="Images: FITS, JPEG 2000, or 2012-01-01T000000__171.jpeg with a row in meta.csv.",
    ),
]
Out = Annotated[
    Path, typer.Option("--out", "-o", help="Output folder or, for a single image, output file.")
]
Observatory = Annotated[
    str, typer.Option(help="Observatory that observed the events, for example SDO; any for all.")
]
Instrument = Annotated[
    str, typer.Option(help="Instrument that observed the events, for example AIA; any for all.")
]
OwnChannel = Annotated[
    bool,
    typer.Option("--own-channel", help="Only events observed in the wavelength of the image."),
]
Labels = Annotated[bool, typer.Option(help="Label events with region numbers and flare classes.")]
Grid = Annotated[
    bool, typer.Option("--grid", help="Plot a heliographic grid with a spacing of 15 degrees.")
]
Size = Annotated[int, typer.Option(min=200, max=8192, help="Width of the plots, in pixels.")]
Date = Annotated[
    datetime | None,
    typer.Option(
        parser=times.utc,
        metavar="TIME",
        help="Time of the observation if the image does not contain it (UTC, ISO 8601).",
    ),
]
Wavelength = Annotated[
    int | None,
    typer.Option(min=1, help="Wavelength if the image does not contain it, in angstrom."),
]
Plane = Annotated[
    int | None,
    typer.Option(min=0, help="Number of the image in a file with several images, from 0."),
]
Form = Annotated[
    Literal["png", "svg", "pdf", "jpg"], typer.Option("--format", help="Format of the plots.")
]


def plot(
    ctx: typer.Context,
    images: Images,
    out: Out = Path(),
    form: Form = "png",
    event_type: EventTypes = None,
    observatory: Observatory = "any",
    instrument: Instrument = "any",
    own_channel: OwnChannel = False,
    outlines: Outlines = False,
    rotate: Rotate = True,
    labels: Labels = True,
    grid: Grid = False,
    size: Size = 1200,
    meta: Metadata = None,
    date: Date = None,
    wavelength: Wavelength = None,
    plane: Plane = None,
    db_connection_string: Database = "",
    events_source: EventsSource = "",
    as_json: Json = False,
) -> None:
    """Plot images of the Sun with the events that were observed at the same time.

    Events are rotated with the Sun to the time of the image and placed by the header of the image.
    Events behind the limb are omitted. Times are UTC, coordinates helioprojective in arcsec.
    """
    from astrodome_solar.formats.reading import ImageReference, read

    from .. import placement
    from ..event_types import parse_codes
    from ..store.queries import TIME_MARGIN
    from ..views import image_plot

    codes = parse_codes(event_type or ())
    search = choose_search(ctx, db_connection_string, events_source)
    targets = _target_files(images, out, form, image_plot.FORMATS)

    def plot_image(path: Path, target: Path) -> dict[str, Any]:
        image = read(
            ImageReference(path, plane), date=date, wavelength=wavelength, table=meta
        ).north_up()
        records = search(image.time - TIME_MARGIN, image.time + TIME_MARGIN, codes)
        channel = image.wavelength if own_channel else 0
        events = [
            event
            for event in placement.parse_events(records, outlines)
            if event.matches(image.time, observatory, instrument, channel)
        ]
        placed = placement.place_events(events, image.geometry, rotate)
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
    if as_json:
        console.show_json({"pictures": rows, "failed": outcome.as_dict()["failed"]})
    else:
        console.show([{k: v for k, v in row.items() if k != "events"} for row in rows])
    console.finish(outcome, "plotted", "images")


def _target_files(
    images: Sequence[Path], out: Path, form: str, formats: Sequence[str]
) -> list[Path]:
    """Return the output file of each image."""
    if out.suffix.lower().removeprefix(".") in formats and not out.is_dir():
        if len(images) > 1:
            raise AstrodomeError(
                f"--out {out} is a file, but there are {len(images)} images.",
                "Use a folder.",
                exit_code=2,
            )
        return [out]
    targets = [out / f"{path.stem}__events.{form}" for path in images]
    if len(set(targets)) < len(targets):
        raise AstrodomeError(
            "Two images have the same file name, so their plots would too.",
            "Plot them into different folders.",
            exit_code=2,
        )
    return targets


def _report(
    path: Path,
    image: SolarImage,
    target: Path,
    events: Sequence[Event],
    placed: Sequence[PlacedEvent],
) -> dict[str, Any]:
    """Return the result for one image; shapes are in pixels from the upper left corner."""
    shown = [each for each in placed if each.is_visible and not each.shape.is_empty]
    return {
        "image": str(path),
        "picture": str(target),
        "t_obs": image.time,
        "wavelength": image.wavelength,
        "drawn": len(shown),
        "behind_limb": sum(not each.is_visible for each in placed),
        "outside": sum(each.is_visible and each.shape.is_empty for each in placed),
        "without_place": len(events) - len(placed),
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


def add_to(app: typer.Typer) -> None:
    """Add the command to the group ``sdo events``."""
    app.command("plot")(plot)
