"""The error for command names of scope-ml that are not aliases."""

from __future__ import annotations

from typing import Any

import typer
from astrodome import AstrodomeError, lazy

from .scope_ml import REPLACED


class Renamed(lazy.Command):
    """A command that accepts any arguments, even --help, and names the command to use instead."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        if ctx.resilient_parsing:
            return super().parse_args(ctx, args)
        name = str(self.name)
        instead, about = REPLACED[name]
        raise AstrodomeError(
            f"Unknown command 'scope {name}': it is a command of scope-ml. {about}.",
            instead,
            exit_code=2,
        )


def _nothing() -> None:
    """Name the command that replaces this command of SCoPe."""


_app = typer.Typer(rich_markup_mode=None, add_completion=False)
_app.command(cls=Renamed)(_nothing)
renamed_command = typer.main.get_command(_app)
