"""Plugin hooks that register the command group ``sdo data`` and the image sources."""

from __future__ import annotations

from collections.abc import Iterable

from astrodome import CheckSpec, CommandSpec, SourceSpec, hookimpl


@hookimpl
def register_commands() -> Iterable[CommandSpec]:
    yield CommandSpec(
        "data",
        "astrodome_sdo_data.cli.main:app",
        help="Download, import, resize and show images of the Sun, and extract patches from them.",
        panel="Data",
    )


SOURCES = (
    ("gsu", "gsu:GsuSource", "AIA JPEG images every 6 min, from Georgia State University", ""),
    ("helioviewer", "helioviewer:HelioviewerSource", "AIA images every 36 s, from Helioviewer", ""),
    ("sdoml", "sdoml:SdomlSource", "AIA frames every 6 min, from an SDO ML v2 store", "sdoml"),
    ("fido", "vso:VsoSource", "AIA level 1 FITS files every 12 s, from the VSO", "fido"),
    ("jsoc", "jsoc:JsocSource", "AIA level 1 FITS files every 12 s, from JSOC", "fido"),
)
"""Name, class, summary and required extra of each image source."""


@hookimpl
def register_sources() -> Iterable[SourceSpec]:
    package = f"{__package__}.sources"
    for name, target, summary, extra in SOURCES:
        settings = f"{package}.settings:{name.capitalize()}Settings"
        yield SourceSpec(
            "images", name, f"{package}.{target}", summary=summary, extra=extra, settings=settings
        )


@hookimpl
def register_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        "image-services",
        "astrodome_sdo_data.health:check_services",
        summary="The services of the image sources can be reached.",
        online=True,
    )
