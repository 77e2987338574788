"""Register the commands of ``sdo events``, and the event source for other plugins."""

from __future__ import annotations

from collections.abc import Iterable

from astrodome import CheckSpec, CommandSpec, SourceSpec, hookimpl


@hookimpl
def register_commands() -> Iterable[CommandSpec]:
    yield CommandSpec(
        "events",
        "astrodome_hek_events.cli.main:app",
        help="Download, show and plot events from the Heliophysics Event Knowledgebase (HEK).",
        panel="Data",
    )


@hookimpl
def register_sources() -> Iterable[SourceSpec]:
    yield SourceSpec(
        "events",
        "hek",
        "astrodome_hek_events.source:HekEvents",
        summary="HEK events in the local store",
        settings="astrodome_hek_events.settings:HekSettings",
    )


@hookimpl
def register_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        "event-database",
        "astrodome_hek_events.health:check_database",
        summary="The event database can be read.",
    )
    yield CheckSpec(
        "hek",
        "astrodome_hek_events.health:check_services",
        summary="HEK can be reached.",
        online=True,
    )
