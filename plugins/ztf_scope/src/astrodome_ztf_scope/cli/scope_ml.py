"""Aliases and replacements for the commands of scope-ml, the command line of SCoPe.

The command names are listed in ``scope_ml.json``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer
from astrodome import InvalidInputError, lazy

_data = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
ALIASES: dict[str, str] = _data["aliases"]
"""Name of the ``scope`` command for each scope-ml command that has the same options."""
REPLACED: dict[str, tuple[str, str]] = {
    name: (entry["command"], entry["difference"])
    for entry in _data["replaced"]
    for name in entry["names"]
}
"""Replacement and description of the difference for each scope-ml command without an alias."""


class ReplacedCommand(lazy.Command):
    """A command that raises an error with the name of its replacement, even if --help is given."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        if ctx.resilient_parsing:
            return super().parse_args(ctx, args)
        replacement, difference = REPLACED[str(self.name)]
        raise InvalidInputError(
            f"Unknown command 'scope {self.name}': it is a scope-ml command. {difference}.",
            replacement,
        )


def _replaced() -> None:
    """Show the command that replaces this scope-ml command."""


_app = typer.Typer(rich_markup_mode=None, add_completion=False)
_app.command(cls=ReplacedCommand)(_replaced)
replaced_command = typer.main.get_command(_app)
