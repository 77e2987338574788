"""``sdo data sources``."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from astrodome import AstrodomeError, console
from astrodome import sources as registered


def sources(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List the archives of images that are installed, and what they can do."""
    summaries = registered.names("images")
    brought_by = registered.distributions("images")
    found = [
        {"name": name, "distribution": brought_by[name], "summary": summary, **_abilities(name)}
        for name, summary in summaries.items()
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
        console.note("No installed plugin brings an archive of images.")


def _abilities(name: str) -> dict[str, Any]:
    """What a source says that it can do, or why it cannot be loaded."""
    from astrodome_solar.protocols import SourceInfo, source_info

    about, problem, hint = SourceInfo(connections=0), "", ""
    try:
        about = source_info(registered.get("images", name))
    except AstrodomeError as error:
        problem, hint = error.message, error.hint
    options = [*about.options, *(part for part in about.parts if part != "image")]
    renamed = {"header": "metadata"}
    return {
        "wavelengths": list(about.wavelengths),
        "sizes": list(about.sizes),
        "cadence_s": about.cadence or None,
        "since": about.span[0] or None,
        "until": about.span[1] or None,
        "connections": about.connections,
        "options": [renamed.get(option, option) for option in options],
        "problem": problem or None,
        "hint": hint,
    }
