"""Options as SCoPe's own command lines write them: switches with or without a value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from astrodome import lazy

YES = frozenset({"t", "true", "1", "y", "yes", "on"})
NO = frozenset({"f", "false", "0", "n", "no", "off"})
BARE = {"--verbose": "1"}
"""What an option that takes a number means without one."""


class Switched(lazy.Command):
    """A command whose switches may have a value: ``--save``, ``--save=true``, ``--save t``."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        return super().parse_args(ctx, list(self._plain(args)))

    def _plain(self, args: list[str]) -> Iterator[str]:
        """The arguments with every switch as ``--name`` or ``--no-name``."""
        opposite = {
            option.opts[0]: option.secondary_opts[0]
            for option in self.params
            if getattr(option, "secondary_opts", None)
        }
        rest = list(args)
        while rest:
            arg = rest.pop(0)
            typed, equals, value = arg.partition("=")
            name = typed.replace("_", "-")
            following = rest[0].lower() if rest else ""
            if name in opposite:
                if not equals and following in YES | NO:
                    equals, value = "=", rest.pop(0)
                if value.lower() in YES | NO:
                    yield name if value.lower() in YES else opposite[name]
                    continue
            elif name in BARE and not equals and not following.isdigit():
                arg = f"{name}={BARE[name]}"
            yield arg
