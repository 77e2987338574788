"""Plugin hooks that register the command group ``sdo data`` and the image sources."""

from __future__ import annotations

from collections.abc import Iterable

from astrodome import CommandSpec, SourceSpec, hookimpl


@hookimpl
def register_commands() -> Iterable[CommandSpec]:
    yield CommandSpec(
        "data",
        "astrodome_sdo_data.cli.main:app",
        help="Download, import, resize, patch and show images of the Sun.",
        panel="Data",
    )


@hookimpl
def register_sources() -> Iterable[SourceSpec]:
    yield _source("gsu", "gsu:GsuSource", "AIA JPEGs every 6 minutes, Georgia State University")
    yield _source(
        "helioviewer",
        "helioviewer:HelioviewerSource",
        "AIA images every 36 s from JPEG 2000, Helioviewer",
    )
    yield _source(
        "sdoml",
        "sdoml:SdomlSource",
        "AIA frames of 512 px every 6 minutes from an SDO ML v2 store",
        extra="sdoml",
    )
    yield _source(
        "fido",
        "vso:VsoSource",
        "AIA level 1 FITS every 12 s from the VSO through sunpy, calibrated by aiapy",
        extra="fido",
    )
    yield _source(
        "jsoc",
        "jsoc:JsocSource",
        "AIA level 1 FITS every 12 s from JSOC, for registered e-mail addresses",
        extra="fido",
    )


def _source(name: str, target: str, summary: str, extra: str = "") -> SourceSpec:
    package = f"{__package__}.sources"
    return SourceSpec(
        "images",
        name,
        f"{package}.{target}",
        summary=summary,
        extra=extra,
        settings=f"{package}.settings:{name.capitalize()}Settings",
    )
