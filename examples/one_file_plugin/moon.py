"""A plugin in one file, for ``sdo --plugin-dir examples/one_file_plugin moon``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import typer
from astrodome import CommandSpec, console, hookimpl, times
from astrodome.option_groups import Json

NEW_MOON = datetime(2000, 1, 6, 18, 14)
"""Time of a new Moon (UTC)."""
MONTH = 29.530588
"""Mean synodic month, in days."""


@hookimpl
def register_commands() -> Iterator[CommandSpec]:
    """Register the command ``sdo moon``."""
    yield CommandSpec("moon", "moon:moon", help="Show the age of the Moon.")


def moon(
    time: Annotated[
        datetime, typer.Argument(help="Time (UTC, ISO 8601).", parser=times.utc, metavar="TIME")
    ],
    as_json: Json = False,
) -> None:
    """Show the mean age of the Moon, in days since the last new Moon."""
    age = (time - NEW_MOON).total_seconds() / 86400 % MONTH
    console.show_one({"time": time.isoformat(), "age": round(age, 2)}, as_json=as_json)
