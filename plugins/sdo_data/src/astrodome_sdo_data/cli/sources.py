"""``sdo data sources``."""

from __future__ import annotations

from typing import Any

from astrodome import AstrodomeError, console
from astrodome import sources as registered

from .options import Json


def sources(as_json: Json = False) -> None:
    """List the installed image sources and their options."""
    distributions = registered.distributions("images")
    found = [
        {"name": name, "distribution": distributions[name], "summary": text} | _capabilities(name)
        for name, text in registered.names("images").items()
    ]
    if as_json:
        console.show_json(found)
        return
    console.show(
        {
            "name": each["name"],
            "what": each["summary"],
            "angstrom": each["wavelengths"],
            "size": each["sizes"],
            "every (s)": each["cadence_s"],
            "since": each["since"],
            "at a time": each["connections"],
            "options": [f"--{option}" for option in each["options"]],
            "distribution": each["distribution"],
        }
        for each in found
    )
    for each in found:
        if each["problem"]:
            console.warn(f"{each['name']} cannot be used. {each['problem']}", each["hint"])
    if not found:
        console.note("No installed plugin provides an image source.")


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
