"""The commands that look at a folder of images: ``sdo data show`` and ``sdo data info``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from astrodome import AstrodomeError, console, times

if TYPE_CHECKING:
    from ..views.info import Channel, Contents

app = typer.Typer()

SHEET = 100
"""Images on a sheet unless the user says how many."""
FRAMES = 500
"""Frames of a film unless the user says how many."""
GAPS = 10
"""Gaps of a wavelength that a person is shown; JSON has all."""

Jobs = Annotated[int, typer.Option(min=0, help="Images read at a time; 0: one a core.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command()
def show(
    folder: Annotated[Path | None, typer.Argument(help="Folder of the images.")] = None,
    path: Annotated[Path | None, typer.Option(help="The same, as for the other commands.")] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A sheet: .png, .jpeg; a film: .gif, .mp4.")
    ] = Path("sun.png"),
    wavelength: Annotated[
        str, typer.Option(help="Only images of this wavelength (angstrom) or pattern.")
    ] = "*",
    start: Annotated[
        datetime | None,
        typer.Option(parser=times.utc, metavar="TIME", help="First time to show (UTC)."),
    ] = None,
    end: Annotated[
        datetime | None,
        typer.Option(
            parser=times.utc_end,
            metavar="TIME",
            help="Last time to show (UTC). A date without a time includes the whole day.",
        ),
    ] = None,
    freq: Annotated[str, typer.Option(help="One image in each such interval, as 6min or 1D.")] = "",
    max_images: Annotated[
        int | None,
        typer.Option(
            min=0, help=f"Images ({SHEET}) or frames ({FRAMES}) at most, evenly chosen; 0: all."
        ),
    ] = None,
    size: Annotated[int, typer.Option(min=16, max=4096, help="Pixels a side of an image.")] = 256,
    columns: Annotated[
        int,
        typer.Option(min=0, help="Images in a row; 0: a column for each wavelength."),
    ] = 0,
    fps: Annotated[float, typer.Option(min=0.1, max=100, help="Frames a second of a film.")] = 10,
    stamps: Annotated[
        bool, typer.Option("--stamps/--no-stamps", help="Write wavelength and time on images.")
    ] = True,
    colour: Annotated[
        bool, typer.Option("--colour/--grey", help="Use the colours of the AIA channels.")
    ] = True,
    jobs: Jobs = 0,
    as_json: Json = False,
) -> None:
    """Draw a contact sheet or a film of a folder, with time stamps, in AIA's colours."""
    from ..views import film, panels

    times.check_order(start, end)
    if output.suffix.lower() not in film.SHEETS + film.FILMS:
        known = ", ".join(film.SHEETS + film.FILMS)
        raise AstrodomeError(
            f"{output} has no ending of a known format.", f"Known are {known}.", exit_code=2
        )
    moves = output.suffix.lower() in film.FILMS
    most = max_images if max_images is not None else FRAMES if moves else SHEET
    look = panels.Look(size, stamp=stamps, colour=colour)
    step = panels.interval(freq) if freq else None
    found = panels.shots(_folder(folder, path), wavelength, start=start, end=end, freq=step)
    if moves:
        frames = panels.frames(found, most)
        with console.progress("Filming", len(frames), "frames", resumes=False) as bar:
            outcome = film.draw_film(frames, look, output, fps, jobs=jobs, advance=bar.advance)
    else:
        places, across = panels.grid(found, most, columns)
        with console.progress("Drawing", len(places), "images", resumes=False) as bar:
            outcome = film.draw_sheet(places, across, look, output, jobs=jobs, advance=bar.advance)
    shown = outcome.done + len(outcome.failed)
    outcome.skipped = max(0, len(found) - shown)
    if outcome.skipped and max_images is None and not as_json:
        console.note(f"Not all of the {len(found)} images are shown; --max-images 0 does that.")
    if not as_json:
        console.note(f"{output} is written.")
    console.finish(outcome, "shown", "images", as_json=as_json)


@app.command()
def info(
    folder: Annotated[Path | None, typer.Argument(help="Folder of the images.")] = None,
    path: Annotated[Path | None, typer.Option(help="The same, as for the other commands.")] = None,
    freq: Annotated[
        str, typer.Option(help="Time between images, as 6min; without it the usual step.")
    ] = "",
    decode: Annotated[
        bool, typer.Option("--decode", help="Read every pixel, not only the ends of the files.")
    ] = False,
    jobs: Jobs = 0,
    as_json: Json = False,
) -> None:
    """Count the images of a folder by wavelength and month; find gaps and damaged files."""
    from ..views import panels
    from ..views.info import examine

    cadence = panels.interval(freq).total_seconds() if freq else 0.0
    with console.progress("Examining", None, "files", resumes=False) as bar:
        found = examine(
            _folder(folder, path), cadence=cadence, decode=decode, jobs=jobs, advance=bar.advance
        )
    if as_json:
        console.show_json(found.as_dict())
    else:
        _print(found)
    if found.bad:
        raise SystemExit(1)


def _folder(folder: Path | None, path: Path | None) -> Path:
    if (folder is None) == (path is None):
        raise AstrodomeError(
            "Give one folder of images.", "As in: sdo data info ./data/aia", exit_code=2
        )
    return folder or path or Path()


def _print(found: Contents) -> None:
    about = found.as_dict()
    months = sorted({month for channel in found.channels for month in channel.months})
    console.show(
        [_line(channel) for channel in found.channels],
        title=f"{found.folder}: {about['images']} images, {_bytes(about['bytes'])}",
    )
    console.show(
        (
            {"month": month, **{f"{c.wavelength} Å": c.months[month] for c in found.channels}}
            for month in months
        ),
        title="Images by month",
    )
    gaps = [
        {
            "wavelength": channel.wavelength,
            "after": gap.after,
            "before": gap.before,
            "missing": gap.missing,
        }
        for channel in found.channels
        for gap in sorted(channel.gaps, key=lambda gap: -gap.missing)[:GAPS]
    ]
    console.show(gaps, title=f"Gaps, the {GAPS} longest of each wavelength")
    console.show(({"file": name, "reason": why} for name, why in found.bad), title="Bad files")
    if found.unnamed:
        console.note(f"{found.unnamed} images are not named by time and wavelength.")
    if not found.channels and not found.bad and not found.unnamed:
        console.note(f"{found.folder} holds no images.")


def _line(channel: Channel) -> dict[str, Any]:
    return {
        "wavelength": channel.wavelength,
        "images": len(channel.times),
        "patches": channel.patches,
        "first": channel.times[0] if channel.times else None,
        "last": channel.times[-1] if channel.times else None,
        "cadence (s)": channel.cadence or None,
        "gaps": len(channel.gaps),
        "missing": sum(gap.missing for gap in channel.gaps),
        "bytes": _bytes(channel.bytes),
        "pixels": [f"{size}: {count}" for size, count in channel.pixels.most_common(3)],
    }


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
