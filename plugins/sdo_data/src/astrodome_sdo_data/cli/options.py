"""Options that several commands share."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from astrodome import AstrodomeError, times

END = "A date without a time includes the whole day."

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Jobs = Annotated[
    int, typer.Option(min=0, help="Number of images to process in parallel; 0: one per CPU core.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Overwrite existing images.")]
Wavelength = Annotated[
    str, typer.Option(help="Only images of this wavelength (angstrom), or pattern.")
]
ImageFolder = Annotated[
    Path, typer.Option("--path", help="Folder of the images, with its subfolders.")
]
Scheduler = Annotated[
    str, typer.Option(help="Address of a Dask cluster for the work, for example tcp://HOST:8786.")
]
Folder = Annotated[Path | None, typer.Argument(help="Folder of the images.")]
FolderOption = Annotated[
    Path | None, typer.Option("--path", help="Folder of the images, instead of the argument.")
]


def time_option(help: str) -> Any:
    """Return an option for a start time in UTC."""
    return typer.Option(parser=times.utc, metavar="TIME", help=f"{help} (UTC).")


def end_option(help: str) -> Any:
    """Return an option for an end time in UTC, which may be a date."""
    return typer.Option(parser=times.utc_end, metavar="TIME", help=f"{help} (UTC). {END}")


Start = Annotated[datetime | None, time_option("Start time")]
End = Annotated[datetime | None, end_option("End time")]


def bit_mask(text: str) -> int:
    """Parse a bit mask of 32 bits."""
    try:
        mask = int(text, 0)
    except ValueError:
        mask = -1
    if not 0 <= mask < 1 << 32:
        raise AstrodomeError(
            f"Invalid bit mask '{text}': expected an integer of 32 bits.",
            "For example: 0 or 0x40000.",
            exit_code=2,
        )
    return mask


def one_folder(folder: Path | None, path: Path | None) -> Path:
    """Return the folder that was passed as argument or as option."""
    if (folder is None) == (path is None):
        raise AstrodomeError(
            "Specify exactly one folder of images.",
            "For example: sdo data info ./data/aia",
            exit_code=2,
        )
    return folder or path or Path()
