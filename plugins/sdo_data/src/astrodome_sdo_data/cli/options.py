"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from astrodome import InvalidInputError
from astrodome.option_groups import Json as Json
from astrodome.option_groups import OptionGroup, option

Jobs = Annotated[
    int,
    typer.Option(min=0, help="Number of images to process in parallel; 0 means one per CPU core."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Overwrite existing images.")]
Wavelength = Annotated[
    str,
    typer.Option(
        help="Wavelength of the images, in angstroms, or a shell pattern; * matches any wavelength."
    ),
]
ImageFolder = Annotated[
    Path, typer.Option("--path", help="Folder with the images. Its subfolders are included.")
]


class ProcessingOptions(OptionGroup):
    """Options for the commands that process all images in a folder."""

    wavelength: Wavelength = "*"
    overwrite: Overwrite = False
    jobs: Jobs = 0
    scheduler: str = option(
        "",
        "Address of the Dask scheduler that distributes the images, for example tcp://HOST:8786.",
    )


class FolderOptions(OptionGroup):
    """The input folder of a command, given as an argument or as an option."""

    folder: Path | None = typer.Argument(None, help="Folder with the images.")
    path: Path | None = option(None, "Folder with the images, instead of the argument FOLDER.")

    def get(self) -> Path:
        """Return the folder that was passed as an argument or as an option."""
        if (self.folder is None) == (self.path is None):
            raise InvalidInputError(
                "Expected exactly one folder, as an argument or with --path.",
                "For example: sdo data info ./data/aia",
            )
        return self.folder or self.path or Path()


def bit_mask(text: str) -> int:
    """Parse a bit mask with at most 32 bits."""
    try:
        mask = int(text, 0)
    except ValueError:
        mask = -1
    if not 0 <= mask < 1 << 32:
        raise InvalidInputError(
            f"Invalid bit mask '{text}': expected an integer with at most 32 bits.",
            "For example: 0 or 0x40000.",
        )
    return mask
