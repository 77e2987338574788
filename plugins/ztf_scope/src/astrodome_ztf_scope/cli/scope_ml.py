"""The command that names the replacement for a command of scope-ml, the command line of SCoPe."""

from __future__ import annotations

from typing import Any

import typer
from astrodome import InvalidInputError, lazy

from ..config.scope_ml_commands import REPLACED


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
