"""HEK event types (https://www.lmsal.com/hek/VOEvent_Spec.html)."""

from __future__ import annotations

from collections.abc import Iterable

from astrodome import AstrodomeError

NAMES = {
    "AR": "active region",
    "BU": "UV burst",
    "CC": "coronal cavity",
    "CD": "coronal dimming",
    "CE": "coronal mass ejection",
    "CH": "coronal hole",
    "CJ": "coronal jet",
    "CR": "coronal rain",
    "CW": "coronal wave",
    "EE": "explosive event",
    "EF": "emerging flux",
    "EP": "solar energetic particles",
    "ER": "eruption",
    "FA": "filament activation",
    "FE": "filament eruption",
    "FI": "filament",
    "FL": "flare",
    "HY": "hypothesis",
    "IC": "interplanetary coronal mass ejection",
    "LP": "loop",
    "NR": "nothing reported",
    "OS": "oscillation",
    "OT": "other",
    "PB": "prominence bubble",
    "PG": "plage",
    "PT": "peacock tail",
    "SG": "sigmoid",
    "SP": "spray surge",
    "SR": "stream interaction region",
    "SS": "sunspot",
    "TO": "topological object",
}
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
        known = ", ".join(f"{code} {name}" for code, name in NAMES.items())
        raise AstrodomeError(
            f"Unknown HEK event type: {', '.join(unknown)}.", f"Use all, or: {known}", exit_code=2
        )
    return [] if ALL in codes else list(dict.fromkeys(codes))
