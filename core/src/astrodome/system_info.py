"""Collect the versions of the software, read from metadata without importing any library."""

from __future__ import annotations

import platform
from typing import Any, TypedDict

from . import API_VERSION, __version__, distributions, scripts
from .distributions import HOST
from .registry import Registry


class HostVersion(TypedDict):
    """Name and version of the host."""

    name: str
    version: str


class AppVersion(TypedDict):
    """Name of the app, and the distribution that provides it."""

    name: str
    version: str
    distribution: str


class PluginVersion(TypedDict):
    """A plugin, its distribution and its state."""

    name: str
    version: str
    distribution: str
    state: str


class SystemInfo(TypedDict):
    """Versions of the app, the host, Python, the plugins and the libraries that they require."""

    app: AppVersion
    host: HostVersion
    python: str
    platform: str
    api_version: str
    plugins: list[PluginVersion]
    libraries: dict[str, str]


def collect(registered: Registry) -> SystemInfo:
    """Return the versions of the app, the host, Python, the plugins and their libraries."""
    provider = scripts.provider(registered.app)
    return {
        "app": {
            "name": registered.app,
            "version": distributions.version_of(provider) if provider else __version__,
            "distribution": distributions.name_of(provider) if provider else HOST,
        },
        "host": {"name": HOST, "version": __version__},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "api_version": ".".join(map(str, API_VERSION)),
        "plugins": [
            {
                "name": plugin.name,
                "version": plugin.version,
                "distribution": plugin.distribution,
                "state": plugin.status,
            }
            for plugin in registered.plugins
        ],
        "libraries": _libraries({HOST, *(plugin.distribution for plugin in registered.plugins)}),
    }


def _libraries(owners: set[str]) -> dict[str, str]:
    """Return the installed versions of the direct requirements of some distributions."""
    owners = {distributions.canonical_name(owner) for owner in owners}
    required: dict[str, str] = {}
    for owner in filter(None, owners):
        dist: Any = distributions.find(owner)
        extras = dist.metadata.get_all("Provides-Extra") or [] if dist else []
        for wanted in distributions.requirements(dist, extras) if dist else ():
            library = distributions.find(wanted.name)
            if library and wanted.name not in owners:
                required[wanted.name] = distributions.version_of(library)
    return dict(sorted(required.items()))
