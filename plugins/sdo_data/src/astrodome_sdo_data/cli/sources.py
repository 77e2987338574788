"""The command ``sdo data sources``."""

from __future__ import annotations

from typing import Any

from astrodome import AstrodomeError, console, outputs
from astrodome import sources as registered

from . import documents
from .options import Json

SHOWN = ("name", "summary", "wavelengths", "sizes", "cadence_s", "since", "options", "distribution")
"""Columns of the table. ``--json`` prints all columns."""


@outputs.declare(list[documents.ImageSourceRow], reads_only=True)
def sources(as_json: Json = False) -> None:
    """List the installed image sources and their options."""
    distributions = registered.distributions("images")
    found = [
        {"name": name, "distribution": distributions[name], "summary": text} | _capabilities(name)
        for name, text in registered.names("images").items()
    ]
    console.show(found, columns=SHOWN, as_json=as_json)
    for each in found:
        if each["problem"] and not as_json:
            console.warn(
                f"The source {each['name']} cannot be used. {each['problem']}", each["hint"]
            )


def _capabilities(name: str) -> dict[str, Any]:
    """Return the capabilities of a source, or the reason why it cannot be loaded."""
    from astrodome_solar.protocols import SourceInfo, source_info

    info, problem, hint = SourceInfo(connections=0), "", ""
    try:
        info = source_info(registered.get("images", name))
    except AstrodomeError as error:
        problem, hint = error.message, error.hint
    options = [*info.options, *(part for part in info.parts if part != "image")]
    return {
        "wavelengths": list(info.wavelengths),
        "sizes": list(info.sizes),
        "cadence_s": info.cadence or None,
        "since": info.span[0] or None,
        "until": info.span[1] or None,
        "connections": info.connections,
        "options": ["metadata" if option == "header" else option for option in options],
        "problem": problem or None,
        "hint": hint,
    }
