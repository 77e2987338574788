"""Options as SCoPe's manual writes them: ``-group_ids 360 361``, one dash and several values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .switches import NO, YES, Switched

NUMBER = re.compile(r"-\.?\d")


class Manual(Switched):
    """A command whose long options may have one dash, ``_`` for ``-``, and several values.

    An option that may be repeated takes every value up to the next option, so that
    ``-group_ids 360 361`` is ``--group-ids 360 --group-ids 361``. A switch may have a value:
    ``--skip-phot True``.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        return super().parse_args(ctx, list(self._spelled(args)))

    def _spelled(self, args: list[str]) -> Iterator[str]:
        options = {name: option for option in self.params for name in _names(option)}
        rest = list(args)
        while rest:
            arg = rest.pop(0)
            if arg == "--":
                yield from (arg, *rest)
                return
            typed, equals, value = arg.partition("=")
            name = "--" + typed.lstrip("-").replace("_", "-")
            option = options.get(name) if typed.startswith("-") and len(typed) > 2 else None
            if option is None:
                # A word with one dash is meant as an option, and is told apart from -v -v as -vv.
                wrong = re.fullmatch(r"-[A-Za-z]\w{2,}", typed) is not None
                yield name + equals + value if wrong else arg
                continue
            if getattr(option, "is_flag", False) and not option.secondary_opts:
                if not equals and rest and rest[0].lower() in YES | NO:
                    equals, value = "=", rest.pop(0)
                if value.lower() not in NO:
                    yield name if value.lower() in YES else name + equals + value
                continue
            if name == "--token":
                hide(value if equals else rest[0] if rest else "")
            if not getattr(option, "multiple", False):
                yield name + equals + value
                if not equals and not getattr(option, "is_flag", False) and rest:
                    yield rest.pop(0)  # as it is, whatever it begins with
                continue
            values = [value] if equals else []
            while rest and not _is_option(rest[0]):
                values.append(rest.pop(0))
            for one in values:
                yield from (name, one)
            if not values:
                yield name  # and the parser says what is missing


def hide(token: str) -> None:
    """Take a token out of the list of processes, as soon as it has been read."""
    from . import hiding

    hiding.from_process_list(token)


def _names(option: Any) -> list[str]:
    if getattr(option, "param_type_name", "") != "option":
        return []
    return [name for name in (*option.opts, *option.secondary_opts) if name.startswith("--")]


def _is_option(arg: str) -> bool:
    return arg.startswith("-") and len(arg) > 1 and not NUMBER.match(arg)
