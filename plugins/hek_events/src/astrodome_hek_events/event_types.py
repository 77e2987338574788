"""HEK event types (https://www.lmsal.com/hek/VOEvent_Spec.html)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.resources import files

from astrodome import InvalidInputError

NAMES: dict[str, str] = json.loads((files(__package__) / "event_types.json").read_text("utf-8"))
"""Names of the event types, keyed by code."""
ALL = "ALL"


def parse_codes(values: str | Iterable[str]) -> list[str]:
    """Parse event type codes from one or more strings such as ``AR`` or ``AR,FL``.

    If one of the values is ``all``, the result is an empty list. Raises AstrodomeError if a code
    is unknown.
    """
    values = [values] if isinstance(values, str) else values
    codes = [code.strip().upper() for text in values for code in text.split(",") if code.strip()]
    unknown = [code for code in codes if code not in NAMES and code != ALL]
    if unknown:
        known = ", ".join(f"{code} ({name})" for code, name in NAMES.items())
        raise InvalidInputError(
            f"Unknown HEK event type: {', '.join(unknown)}.", f"Known event types: all, {known}."
        )
    return [] if ALL in codes else list(dict.fromkeys(codes))
