"""Register the commands of ``sdo goes``, and the X-ray flux source for other plugins."""

from __future__ import annotations

from collections.abc import Iterable

from astrodome import CheckSpec, CommandSpec, SourceSpec, hookimpl


@hookimpl
def register_commands() -> Iterable[CommandSpec]:
    yield CommandSpec(
        "goes",
        "astrodome_goes.cli.main:app",
        help="Download, look up and plot the GOES soft X-ray flux, and detect flares.",
        panel="Data",
        settings="astrodome_goes.settings:GoesSettings",
    )


@hookimpl
def register_sources() -> Iterable[SourceSpec]:
    yield SourceSpec(
        "flux", "goes", "astrodome_goes.source:GoesFlux", summary="GOES XRS flux in the local store"
    )


@hookimpl
def register_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        "goes-store",
        "astrodome_goes.health:check_store",
        summary="All files in the GOES store can be read.",
        fix="astrodome_goes.health:set_aside",
    )
    yield CheckSpec(
        "goes-archives",
        "astrodome_goes.health:check_services",
        summary="The archives can be reached.",
        online=True,
    )
