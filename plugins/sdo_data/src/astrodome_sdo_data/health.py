"""Health check for ``sdo plugins doctor``: the services of the image sources."""

from __future__ import annotations

from astrodome import http, settings

from .sources.settings import FidoSettings, GsuSettings, HelioviewerSettings, JsocSettings


def check_services() -> list[str]:
    """Return the services that cannot be reached. A VSO server is checked only if it is set."""
    return http.unreachable(
        {
            "GSU": settings.section("gsu", GsuSettings).url,
            "Helioviewer": settings.section("helioviewer", HelioviewerSettings).url,
            "JSOC": settings.section("jsoc", JsocSettings).url,
            "the VSO": settings.section("fido", FidoSettings).url,
        }
    )
