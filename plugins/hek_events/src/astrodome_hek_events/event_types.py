"""HEK's types of events (https://www.lmsal.com/hek/VOEvent_Spec.html)."""

from __future__ import annotations

from collections.abc import Iterable

from astrodome import AstrodomeError

KINDS = {
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
EVERY = "ALL"


def codes(given: Iterable[str]) -> list[str]:
    """The codes that options name, also ``AR,FL``; none where one says ``all``.

    Raises AstrodomeError for a code that HEK does not have.
    """
    found = [code.strip().upper() for text in given for code in text.split(",") if code.strip()]
    unknown = [code for code in found if code not in KINDS and code != EVERY]
    if unknown:
        listed = ", ".join(f"{code} {name}" for code, name in KINDS.items())
        raise AstrodomeError(
            f"HEK has no events of type {', '.join(unknown)}.", f"all, or: {listed}", exit_code=2
        )
    return [] if EVERY in found else list(dict.fromkeys(found))
