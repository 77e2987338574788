"""What this distribution brings to ``sdo``."""

from __future__ import annotations

from collections.abc import Iterable

from astrodome import CommandSpec, SourceSpec, hookimpl


@hookimpl
def register_commands() -> Iterable[CommandSpec]:
    yield CommandSpec(
        "data",
        "astrodome_sdo_data.cli.main:app",
        help="Images of the Sun: import, resize, cut into patches.",
        panel="Data",
    )


@hookimpl
def register_sources() -> Iterable[SourceSpec]:
    yield SourceSpec(
        "images",
        "gsu",
        "astrodome_sdo_data.sources.gsu:Gsu",
        summary="AIA JPEGs every 6 minutes, Georgia State University",
        settings="astrodome_sdo_data.sources.gsu:GsuSettings",
    )
    yield SourceSpec(
        "images",
        "helioviewer",
        "astrodome_sdo_data.sources.helioviewer:Helioviewer",
        summary="AIA images every 36 s out of JPEG 2000, Helioviewer",
        settings="astrodome_sdo_data.sources.helioviewer:HelioviewerSettings",
    )
    yield SourceSpec(
        "images",
        "sdoml",
        "astrodome_sdo_data.sources.sdoml:Sdoml",
        summary="AIA frames of 512 px every 6 minutes out of an SDO ML v2 store",
        extra="sdoml",
        settings="astrodome_sdo_data.sources.sdoml:SdomlSettings",
    )
    yield SourceSpec(
        "images",
        "fido",
        "astrodome_sdo_data.sources.vso:Fido",
        summary="AIA level 1 FITS every 12 s from the VSO through sunpy, calibrated by aiapy",
        extra="fido",
        settings="astrodome_sdo_data.sources.vso:FidoSettings",
    )
    yield SourceSpec(
        "images",
        "jsoc",
        "astrodome_sdo_data.sources.jsoc:Jsoc",
        summary="AIA level 1 FITS every 12 s from JSOC itself, to registered addresses",
        extra="fido",
        settings="astrodome_sdo_data.sources.jsoc:JsocSettings",
    )
