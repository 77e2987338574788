"""Support for the option syntax in the SCoPe manual, for example ``-group_ids 360 361``."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from typing import Any

from astrodome import InvalidInputError, lazy

from ..config.scope_ml_commands import option_hint

TRUE = frozenset({"t", "true", "1", "y", "yes", "on"})
FALSE = frozenset({"f", "false", "0", "n", "no", "off"})
VALUES_WITHOUT_ARGUMENT = {"--verbose": "1"}
"""Values that are used if the optional integer argument of an option is missing."""
NUMBER = re.compile(r"-\.?\d")


class ManualCommand(lazy.Command):
    """A command that also accepts options in the syntax of the SCoPe manual.

    Long options may begin with a single dash, and may contain ``_`` instead of ``-``. An option
    that can be repeated takes all values up to the next option. A switch may have a value, as in
    ``--save=true`` or ``--save t``. The error for an option of scope-ml that has another name here
    contains that name.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        return super().parse_args(ctx, list(self._standard_syntax(args)))

    def _standard_syntax(self, args: list[str]) -> Iterator[str]:
        options: dict[str, Any] = {
            name: option for option in self.params for name in _long_names(option)
        }
        rest = deque(args)
        while rest:
            arg = rest.popleft()
            if arg == "--":
                yield arg
                yield from rest
                return
            typed, equals, value = arg.partition("=")
            name = "--" + typed.lstrip("-").replace("_", "-")
            option = options.get(name) if typed.startswith("-") and len(typed) > 2 else None
            if option is None:
                if typed.startswith("-") and (hint := option_hint(str(self.name), name)):
                    raise InvalidInputError(f"{name} is an option of scope-ml.", hint)
                # A word with one dash is a misspelled option, but -vv means -v -v.
                misspelled = re.fullmatch(r"-[A-Za-z]\w{2,}", typed) is not None
                yield name + equals + value if misspelled else arg
            elif option.is_flag:
                if not equals and rest and rest[0].lower() in TRUE | FALSE:
                    equals, value = "=", rest.popleft()
                yield from _switch(option, name, equals, value)
            elif name in VALUES_WITHOUT_ARGUMENT and not equals:
                number = rest.popleft() if rest and rest[0].isdigit() else ""
                yield f"{name}={number or VALUES_WITHOUT_ARGUMENT[name]}"
            else:
                values = [value] if equals else []
                if option.multiple:
                    while rest and not _is_option(rest[0]):
                        values.append(rest.popleft())
                elif not equals and rest:
                    values.append(rest.popleft())  # also if it starts with a dash
                if values and (hint := option_hint(str(self.name), f"{name} {values[0].lower()}")):
                    raise InvalidInputError(f"Invalid {name} '{values[0]}'.", hint)
                if name == "--token" and values:
                    hide_from_process_list(values[0])
                for one in values:
                    yield from (name, one)
                if not values:
                    yield name  # The parser reports the missing value.


def _switch(option: Any, name: str, equals: str, value: str) -> Iterator[str]:
    """Yield a switch without its value.

    If the value is false, yield the opposite switch instead, if it exists.
    """
    if value.lower() in FALSE:
        yield from option.secondary_opts[:1]
    else:
        yield name if value.lower() in TRUE or not equals else f"{name}={value}"


def hide_from_process_list(token: str) -> None:
    """Replace a token with asterisks in the command line of this process, which ``ps`` shows."""
    import setproctitle

    if token:
        title = setproctitle.getproctitle()
        setproctitle.setproctitle(title.replace(token, "***"))


def _long_names(option: Any) -> list[str]:
    if option.param_type_name != "option":
        return []
    return [name for name in (*option.opts, *option.secondary_opts) if name.startswith("--")]


def _is_option(arg: str) -> bool:
    return arg.startswith("-") and len(arg) > 1 and not NUMBER.match(arg)
