"""``sdo data show`` and ``sdo data info``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from astrodome import console

from .options import End, Folder, FolderOption, Jobs, Json, Start, Wavelength, one_folder

if TYPE_CHECKING:
    from ..views.summary import FolderSummary, WavelengthSummary

SHEET_IMAGES = 100
"""Default maximum number of images on a contact sheet."""
FILM_FRAMES = 500
"""Default maximum number of frames of a film."""
SHOWN_GAPS = 10
"""Number of gaps per wavelength in the table; JSON contains all."""


def show(
    folder: Folder = None,
    path: FolderOption = None,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Contact sheet (.png, .jpeg) or film (.gif, .mp4)."),
    ] = Path("sun.png"),
    wavelength: Wavelength = "*",
    start: Start = None,
    end: End = None,
    freq: Annotated[
        str, typer.Option(help="Use one image per interval and wavelength, for example 6min or 1D.")
    ] = "",
    max_images: Annotated[
        int | None,
        typer.Option(
            min=0,
            help=f"Maximum number of images ({SHEET_IMAGES}) or frames ({FILM_FRAMES}), evenly "
            "spaced; 0: all.",
        ),
    ] = None,
    size: Annotated[
        int, typer.Option(min=16, max=4096, help="Size of each image in pixels per side.")
    ] = 256,
    columns: Annotated[
        int, typer.Option(min=0, help="Number of columns; 0: one per wavelength.")
    ] = 0,
    fps: Annotated[float, typer.Option(min=0.1, max=100, help="Frames per second of a film.")] = 10,
    stamps: Annotated[
        bool, typer.Option("--stamps/--no-stamps", help="Label images with wavelength and time.")
    ] = True,
    colour: Annotated[
        bool, typer.Option("--colour/--grey", help="Use the colours of the AIA channels.")
    ] = True,
    jobs: Jobs = 0,
    as_json: Json = False,
) -> None:
    """Create a contact sheet or a film of a folder of images."""
    from ..views import contact_sheet, film, selection
    from ..views.panels import PanelStyle, check_extension

    known = contact_sheet.EXTENSIONS + film.EXTENSIONS
    extension = output.suffix.lower()
    check_extension(output, known)
    style = PanelStyle(size, label=stamps, color=colour)
    images = selection.select_images(
        one_folder(folder, path), wavelength, start=start, end=end, freq=freq
    )
    if extension in film.EXTENSIONS:
        frames = selection.film_frames(images, FILM_FRAMES if max_images is None else max_images)
        with console.progress("Filming", len(frames), "frames", resumes=False) as bar:
            outcome = film.write_film(frames, style, output, fps, jobs=jobs, advance=bar.advance)
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
            console.note(f"Not all {len(images)} images are shown (see --max-images).")
        console.note(f"Wrote {output}.")
    console.finish(outcome, "shown", "images", as_json=as_json)


def info(
    folder: Folder = None,
    path: FolderOption = None,
    freq: Annotated[
        str, typer.Option(help="Expected time between images, for example 6min [median step].")
    ] = "",
    decode: Annotated[
        bool, typer.Option("--decode", help="Decode every image to find damage inside the files.")
    ] = False,
    jobs: Jobs = 0,
    as_json: Json = False,
) -> None:
    """Count the images of a folder by wavelength and month; find gaps and damaged files."""
    from ..sources.grid import interval
    from ..views.summary import summarize

    cadence = interval(freq).total_seconds() if freq else 0.0
    with console.progress("Checking", None, "files", resumes=False) as bar:
        summary = summarize(
            one_folder(folder, path),
            cadence=cadence,
            decode=decode,
            jobs=jobs,
            advance=bar.advance,
        )
    if as_json:
        console.show_json(summary.as_dict())
    else:
        _show_summary(summary)
    if summary.bad:
        raise typer.Exit(1)


def _show_summary(summary: FolderSummary) -> None:
    from astrodome_solar.filenames import channel_label

    document = summary.as_dict()
    wavelengths = summary.wavelengths
    months = sorted({month for each in wavelengths for month in each.months})
    title = f"{summary.folder}: {document['images']} images, {readable_size(document['bytes'])}"
    console.show(map(_row, wavelengths), title=title)
    counts = {channel_label(each.channel): each.months for each in wavelengths}
    rows = ({"month": m, **{label: counts[label][m] for label in counts}} for m in months)
    console.show(rows, title="Images by month")
    gaps = [
        {"wavelength": each.channel, **vars(gap)}
        for each in wavelengths
        for gap in sorted(each.gaps, key=lambda gap: -gap.missing)[:SHOWN_GAPS]
    ]
    console.show(gaps, title=f"The {SHOWN_GAPS} longest gaps of each wavelength")
    bad = ({"file": name, "reason": reason} for name, reason in summary.bad)
    console.show(bad, title="Damaged files")
    if summary.unnamed:
        console.note(f"The names of {summary.unnamed} images do not contain time and wavelength.")
    if not wavelengths and not summary.bad and not summary.unnamed:
        console.note(f"No images found in {summary.folder}.")


def _row(summary: WavelengthSummary) -> dict[str, Any]:
    document = summary.as_dict()
    return {
        "wavelength": summary.channel,
        **{name: document[name] for name in ("images", "patches", "first", "last")},
        "cadence (s)": document["cadence_s"],
        "gaps": len(summary.gaps),
        "missing": document["missing"],
        "bytes": readable_size(summary.bytes),
        "pixels": [f"{size}: {count}" for size, count in summary.pixels.most_common(3)],
    }


def readable_size(count: float) -> str:
    """Return a number of bytes with a decimal prefix."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
