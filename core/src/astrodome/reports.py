"""Which plugin caused an error, and where its users can report it."""

from __future__ import annotations

from types import ModuleType

from . import API_VERSION
from .errors import AstrodomeError
from .registry import Plugin, Registry

TRACKERS = ("issue", "bug", "tracker", "source", "repository", "homepage", "home-page")
"""Parts of the labels of project URLs; the best place for a report comes first."""


def culprit(registry: Registry, error: BaseException) -> Plugin | None:
    """Return the plugin whose package raised an exception; the innermost if there are several."""
    packages = {
        plugin.entry_point.module.partition(".")[0]: plugin
        for plugin in registry.plugins
        if plugin.entry_point
    }
    found = None
    trace = error.__traceback__
    while trace:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        found = packages.get(module.partition(".")[0], found)
        trace = trace.tb_next
    return found


def hint(plugin: Plugin | None) -> str:
    """Return where to report a fault: the URL in the metadata of the plugin, or its authors."""
    dist = plugin.entry_point.dist if plugin and plugin.entry_point else None
    urls = (dist.metadata.get_all("Project-URL") or []) if dist else []
    named = [(label.lower(), url.strip()) for label, _, url in (u.partition(",") for u in urls)]
    if dist and (home := dist.metadata["Home-page"]):
        named.append(("home-page", home))
    for part in TRACKERS:
        for label, url in named:
            if part in label:
                return f"Report it at {url}"
    return f"Report it to the authors of {plugin.owner if plugin else 'astrodome'}"


def invalid(plugin: Plugin, text: str) -> AstrodomeError:
    """Return the error for a fault of a plugin: ``text`` is the predicate of the sentence."""
    return AstrodomeError(
        f"{plugin.owner} {plugin.version}".rstrip() + f" {text}.", f"{hint(plugin)}."
    )


def uses_missing_name(error: BaseException) -> bool:
    """Return whether code of a plugin requested a name that this host does not have."""
    module = ""
    if isinstance(error, ImportError):
        module = error.name or ""
    elif isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
        module = error.obj.__name__
    return module.partition(".")[0] == __package__


def incompatible(owner: str, needs: str) -> str:
    """Return the message about a plugin for an earlier version; ``needs`` is its first clause."""
    offered = ".".join(map(str, API_VERSION))
    return (
        f"{needs}, but this astrodome provides version {offered} of the plugin interface: update "
        f"{owner}, or ask its authors for a version for interface {API_VERSION[0]}"
    )
