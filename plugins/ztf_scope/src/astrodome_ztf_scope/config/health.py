"""Health checks for ``scope plugins doctor``: the services and the configuration files."""

from __future__ import annotations

from astrodome import AstrodomeError, http, settings

from .services import FritzSettings, GcsSettings, kowalski


def check_configuration() -> list[str]:
    """Return the fault in the sections of SCoPe, if there is one."""
    from .loading import check_sections

    try:
        check_sections()
    except AstrodomeError as error:
        return [error.message]
    return []


def check_services() -> list[str]:
    """Return the services that cannot be reached. No token is sent."""
    catalogue = kowalski()
    services = {} if catalogue.hosts else {"Kowalski": catalogue.url}
    for name, instance in catalogue.hosts.items():
        protocol = (instance and instance.protocol) or catalogue.protocol
        host = (instance and instance.host) or f"{name}.caltech.edu"
        port = (instance and instance.port) or catalogue.port
        services[f"the Kowalski instance {name}"] = f"{protocol}://{host}:{port}"
    services["Fritz"] = settings.section("fritz", FritzSettings).url
    services["Google Cloud Storage"] = settings.section("gcs", GcsSettings).url
    return http.unreachable(services)
