"""The commands ``sdo data show`` and ``sdo data info``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from astrodome import console, files, outputs
from astrodome.option_groups import end_option, option, time_option

from . import documents
from .options import FolderOptions, Jobs, Json, Wavelength

if TYPE_CHECKING:
    from ..views.summary import FolderSummary

SHEET_IMAGES = 100
"""Default maximum number of images on a contact sheet."""
MOVIE_FRAMES = 500
"""Default maximum number of frames in a movie."""
SUMMARY_COLUMNS = (
    *("channel", "images", "patches", "first", "last", "cadence_s", "gaps", "missing", "bytes"),
    "pixels",
)
"""Columns of the wavelength table. ``--json`` prints all columns."""
SHOWN_GAPS = 10
"""Maximum number of gaps per wavelength in the table. The JSON document contains all gaps."""


@outputs.declare(outputs.OutcomeDocument)
def show(
    folder: FolderOptions,
    output: Path = option(
        Path("sun.png"),
        "Output file: contact sheet (.png, .jpeg) or movie (.gif, .mp4).",
        "--output",
        "-o",
    ),
    wavelength: Wavelength = "*",
    start: datetime | None = time_option(None, "Start time"),
    end: datetime | None = end_option(None, "End time"),
    freq: str = option(
        "", "Use only one image per wavelength in each interval of this length, for example 1h."
    ),
    max_images: int | None = option(
        None,
        f"Maximum number of images (default: {SHEET_IMAGES}) or movie frames (default: "
        f"{MOVIE_FRAMES}), evenly spaced in time; 0 means no limit.",
        min=0,
    ),
    size: int = option(256, "Width and height of each image, in pixels.", min=16, max=4096),
    columns: int = option(0, "Number of columns; 0 means one per wavelength.", min=0),
    fps: float = option(10, "Frame rate of the movie, in frames per second.", min=0.1, max=100),
    stamps: bool = option(
        True, "Label the images with their wavelength and time.", "--stamps/--no-stamps"
    ),
    colour: bool = option(
        True, "Draw the images with the AIA colormaps, or in grayscale.", "--colour/--grey"
    ),
    jobs: Jobs = 0,
    as_json: Json = False,
) -> None:
    """Create a contact sheet or a movie from the images in a folder."""
    from ..views import contact_sheet, movie, selection
    from ..views.panels import PanelStyle

    files.check_extension(output, contact_sheet.EXTENSIONS + movie.EXTENSIONS)
    style = PanelStyle(size, label=stamps, color=colour)
    images = selection.select_images(folder.get(), wavelength, start=start, end=end, freq=freq)
    if output.suffix.lower() in movie.EXTENSIONS:
        frames = selection.movie_frames(images, MOVIE_FRAMES if max_images is None else max_images)
        with console.progress("Drawing", len(frames), "frames", resumes=False) as bar:
            outcome = movie.write_movie(frames, style, output, fps, jobs=jobs, advance=bar.advance)
    else:
        most = SHEET_IMAGES if max_images is None else max_images
        cells, columns = selection.sheet_cells(images, most, columns)
        with console.progress("Drawing", len(cells), "images", resumes=False) as bar:
            sheet, outcome = contact_sheet.draw_sheet(
                cells, columns, style, jobs=jobs, advance=bar.advance
            )
        contact_sheet.write_sheet(sheet, output)
    outcome.skipped = max(0, len(images) - outcome.done - len(outcome.failed))
    if not as_json:
        if outcome.skipped and max_images is None:
            console.note(
                f"Not all {len(images)} images are shown. Increase --max-images to show more."
            )
        console.note(f"Wrote {output}.")
    console.finish(outcome, "shown", "images", as_json=as_json)


@outputs.declare(documents.FolderDocument, reads_only=True)
def info(
    folder: FolderOptions,
    freq: str = option(
        "", "Expected time between images, for example 6min (default: the median time step)."
    ),
    decode: bool = option(False, "Decode all images to find files with damaged pixel data."),
    jobs: Jobs = 0,
    as_json: Json = False,
) -> None:
    """Count the images in a folder by wavelength and month, and find gaps and damaged files."""
    from ..sources.grid import interval
    from ..views.summary import summarize

    cadence = interval(freq).total_seconds() if freq else 0.0
    path = folder.get()
    with console.progress("Checking", None, "files", resumes=False) as bar:
        summary = summarize(path, cadence=cadence, decode=decode, jobs=jobs, advance=bar.advance)
    if as_json:
        console.show_json(summary.as_dict())
    else:
        _show_summary(summary)
    if summary.bad:
        raise typer.Exit(1)


def _show_summary(summary: FolderSummary) -> None:
    from astrodome_solar.filenames import channel_label
    from rich.filesize import decimal

    document = summary.as_dict()
    wavelengths = summary.wavelengths
    months = sorted({month for each in wavelengths for month in each.months})
    title = f"{summary.folder}: {document['images']} images, {decimal(document['bytes'])}"
    rows = [
        each.as_dict() | {"bytes": decimal(each.bytes), "gaps": len(each.gaps)}
        for each in wavelengths
    ]
    console.show(rows, title=title, columns=SUMMARY_COLUMNS)
    counts = {channel_label(each.channel): each.months for each in wavelengths}
    by_month = ({"month": m, **{label: counts[label][m] for label in counts}} for m in months)
    console.show(by_month, title="Images by month")
    gaps = [
        {"wavelength": each.channel, **vars(gap)}
        for each in wavelengths
        for gap in sorted(each.gaps, key=lambda gap: -gap.missing)[:SHOWN_GAPS]
    ]
    console.show(gaps, title=f"The {SHOWN_GAPS} longest gaps at each wavelength")
    bad = ({"file": name, "reason": reason} for name, reason in summary.bad)
    console.show(bad, title="Damaged files")
    if summary.unnamed:
        console.note(
            f"The file names of {summary.unnamed} images do not contain a time and a wavelength."
        )
    if not wavelengths and not summary.bad and not summary.unnamed:
        console.note(f"No images found in {summary.folder}.")
