"""Options and helpers that the commands about marshals share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from astrodome import sources

from .manual_syntax import Manual


def option(text: str, *names: str, panel: str = "", **more: Any) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=panel or None, **more)


def command(function: Any) -> Any:
    """A command whose options may be spelt as in SCoPe's manual."""
    app = typer.Typer(rich_markup_mode=None, add_completion=False)
    app.command(cls=Manual)(function)
    return typer.main.get_command(app)


WHERE, WHICH, SAID, LIGHT = "Services", "Rows", "Classifications", "Light curves"
Token = Annotated[
    str,
    option(
        "Token of the marshal; ASTRODOME_FRITZ_TOKEN or secrets.json keep it out of your history.",
        panel=WHERE,
    ),
]
MarshalName = Annotated[
    str,
    option(
        "Where sources are kept: fritz, or local:FILE.db [setting sources.marshal, or fritz].",
        "--marshal",
        panel=WHERE,
    ),
]
Jobs = Annotated[int, option("Requests at a time.", min=1, max=64, panel=WHERE)]
DryRun = Annotated[bool, option("Show every call that would be made, and make none.", "--dry-run")]
Json = Annotated[bool, option("Print one JSON object.", "--json")]
Groups = Annotated[list[int] | None, option("Ids of groups on the marshal; one or more.")]


def marshal_of(
    name: str, token: str, jobs: int = 8, *, new: bool = False, dry: bool = False
) -> Any:
    """Return the marshal with this name.

    Its file must exist, unless ``new`` is True. With ``dry``, a missing file is not created.
    """
    more: dict[str, Any] = {}
    name = marshal_name(name)
    if name.partition(":")[0] == "local":
        more["missing"] = "error" if not new else "empty" if dry else "create"
    return sources.get("marshal", name, token=token, connections=jobs, **more)


def file_to_create(name: str) -> Any:
    """Return an empty marshal in memory if a run would create the file of this name, or None.

    With it, invalid options are detected before the file is created.
    """
    kind, _, place = marshal_name(name).partition(":")
    if kind != "local" or not place or Path(place).expanduser().exists():
        return None
    return sources.get("marshal", f"{kind}:{place}", missing="empty")


def marshal_name(given: str) -> str:
    """Return the value of ``--marshal``, of the setting sources.marshal, or ``fritz``."""
    return sources.choose("marshal", given, default="fritz")


def catalogue_of(name: str) -> Any:
    return sources.get("catalogue", catalogue_name(name))


def catalogue_name(given: str) -> str:
    """Return the value of ``--catalogue``, of the setting sources.catalogue, or ``kowalski``."""
    return sources.choose("catalogue", given, default="kowalski")


def shown(request: Any) -> str:
    """A request in a few words."""
    parts = []
    for key, value in request.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            value = ", ".join(f"{one['classification']} {one['probability']:g}" for one in value)
        elif isinstance(value, list | tuple):
            value = " ".join(map(str, value))
        if value not in (None, ""):
            parts.append(f"{key}: {value}")
    return "; ".join(parts)
