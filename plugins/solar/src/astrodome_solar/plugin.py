"""Plugin hooks of the solar library."""

from __future__ import annotations

from collections.abc import Iterable

from astrodome import KindSpec, hookimpl


@hookimpl
def register_kinds() -> Iterable[KindSpec]:
    yield KindSpec(
        "images",
        "astrodome_solar.protocols:ImageSource",
        summary="Archives of solar images.",
        settings={"limits": "astrodome_solar.limits:LimitSettings"},
        template="astrodome_solar:templates/images",
    )
    yield KindSpec(
        "events", "astrodome_solar.protocols:EventSource", summary="Catalogues of solar events."
    )
    yield KindSpec(
        "flux",
        "astrodome_solar.protocols:FluxSource",
        summary="Solar soft X-ray flux at given times.",
    )
