"""Commands and options of scope-ml, the command line of SCoPe, and what replaces them here.

The names are listed in ``scope_ml_commands.json``.
"""

from __future__ import annotations

import json
from pathlib import Path

_data = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
ALIASES: dict[str, str] = _data["aliases"]
"""Name of the ``scope`` command for each scope-ml command that has the same options."""
REPLACED: dict[str, tuple[str, str]] = {
    name: (entry["command"], entry["difference"])
    for entry in _data["replaced"]
    for name in entry["names"]
}
"""Replacement and description of the difference for each scope-ml command without an alias."""
OPTIONS: dict[str, dict[str, str]] = _data["options"]
"""Instruction for each scope-ml option without counterpart of the same name, by command."""


def option_hint(command: str, option: str) -> str:
    """Return what to use instead of a scope-ml option, or an empty string if it is unknown.

    ``command`` is the name of a command or of its alias.

    Examples
    --------
    >>> option_hint("generate-features", "--source-catalog")
    'Use --catalog NAME.'
    """
    return OPTIONS.get(ALIASES.get(command, command), {}).get(option, "")
