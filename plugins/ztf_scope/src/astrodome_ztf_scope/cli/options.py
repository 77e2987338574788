"""Options and functions that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from astrodome.option_groups import Json as Json
from astrodome.option_groups import OptionGroup, expand, option

from .manual_syntax import ManualCommand

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..marshal.protocol import Marshal


def command(function: Any) -> Any:
    """Return a command that accepts options in the syntax of the SCoPe manual."""
    app = typer.Typer(rich_markup_mode=None, add_completion=False)
    app.command(cls=ManualCommand)(expand(function))
    return typer.main.get_command(app)


SERVICES, ROWS, CLASSIFICATIONS = "Services", "Rows", "Classifications"
LIGHT_CURVES, FEATURES, RESULT = "Light curves", "Features", "Result"

Config = Annotated[
    Path | None,
    typer.Option(
        help="Configuration file. It takes precedence over ./config.yaml.", dir_okay=False
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the requests without sending them.")]
GroupIds = Annotated[
    list[int] | None, typer.Option(help="Ids of one or more groups on the marshal.")
]
Jobs = Annotated[
    int,
    typer.Option(
        help="Maximum number of parallel requests.", min=1, max=64, rich_help_panel=SERVICES
    ),
]
CatalogueName = Annotated[
    str,
    typer.Option(
        help="Catalogue: kowalski or local:FOLDER (setting: sources.catalogue; default: kowalski).",
        rich_help_panel=SERVICES,
    ),
]
LightCurveFiles = Annotated[
    list[Path] | None,
    typer.Option(
        help="CSV or Parquet file with light curves, or a folder with such files. Can be repeated.",
        rich_help_panel=LIGHT_CURVES,
    ),
]
FOURIER_CONVENTION = option(
    "",
    "Values in the Fourier columns of a table without this information: coefficients (as in SCoPe "
    "0.9.5 and published catalogues), or amplitudes and relative phases (as in SCoPe of 2026).",
    metavar="coefficients|amplitudes",
)


class MarshalOptions(OptionGroup, panel=SERVICES):
    """Options that select a marshal and its token."""

    marshal: str = option(
        "", "Marshal: fritz or local:FILE.db (setting: sources.marshal; default: fritz)."
    )
    token: str = option(
        "",
        "Token for the marshal. To keep it out of the shell history, use the environment variable "
        "ASTRODOME_FRITZ_TOKEN or the file secrets.json.",
    )

    def open(self, jobs: int = 8, **more: Any) -> Marshal:
        """Open the marshal with the additional arguments ``more``; see :func:`open_marshal`."""
        from ..marshal.registry import open_marshal

        return open_marshal(self.marshal, token=self.token, connections=jobs, **more)


class NewMarshalOptions(MarshalOptions, panel=SERVICES):
    """Options that select a marshal, which may be created as a new file."""

    create_groups: bool = option(
        False, "Create groups that do not exist. Supported only for local:FILE.db."
    )

    def create(self, group_ids: Iterable[int], jobs: int = 8, *, dry_run: bool = False) -> Marshal:
        """Open the marshal. A missing file is created, except in a dry run."""
        groups = group_ids if self.create_groups else ()
        return self.open(jobs, missing="empty" if dry_run else "create", create_groups=groups)

    def is_new_file(self) -> bool:
        """Return whether the marshal is a file that does not exist yet."""
        from astrodome import sources

        kind, _, path = sources.choose("marshal", self.marshal, default="fritz").partition(":")
        return kind == "local" and bool(path) and not Path(path).expanduser().exists()
