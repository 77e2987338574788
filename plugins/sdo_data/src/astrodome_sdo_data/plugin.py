"""What this distribution brings to ``sdo``."""

from __future__ import annotations

from collections.abc import Iterable

from astrodome import CommandSpec, hookimpl


@hookimpl
def register_commands() -> Iterable[CommandSpec]:
    yield CommandSpec(
        "data",
        "astrodome_sdo_data.cli:app",
        help="Images of the Sun: import, resize, cut into patches.",
        panel="Data",
    )
