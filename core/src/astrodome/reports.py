"""Find the plugin that caused an error, and the URL for reporting the problem."""

from __future__ import annotations

from types import ModuleType

from . import API_VERSION
from .errors import AstrodomeError, reason
from .registry import Plugin, Registry

TRACKERS = ("issue", "bug", "tracker", "source", "repository", "homepage", "home-page")
"""Substrings of project URL labels, in order of preference for problem reports."""


def culprit(registry: Registry, error: BaseException) -> Plugin | None:
    """Return the plugin whose package raised an exception, or None if no plugin did.

    If the traceback contains several plugins, return the innermost one.
    """
    packages = {package(plugin): plugin for plugin in registry.plugins}
    found = None
    trace = error.__traceback__
    while trace:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        found = packages.get(module.partition(".")[0], found)
        trace = trace.tb_next
    return found


def package(plugin: Plugin) -> str:
    """Return the name of the top-level package that contains a plugin module."""
    module = plugin.entry_point.value if plugin.entry_point else plugin.name
    return module.partition(":")[0].partition(".")[0].strip()  # The value may be invalid.


def describe(error: BaseException, package: str) -> str:
    """Return the message of an exception and, if code of a package raised it, its type and line.

    An expected error is described only by its message and its hint.
    """
    text = reason(error)
    if isinstance(error, AstrodomeError | OSError | SyntaxError):
        return text
    place, name = line(error, package), type(error).__name__
    return f"{'' if text.startswith(name) else f'{name}: '}{text}{place}" if place else text


def line(error: BaseException, package: str) -> str:
    """Return the last line of a package in a traceback, for example `` (line 3 of FILE)``.

    Return an empty string if no code of the package was running.
    """
    place, trace = "", error.__traceback__
    while trace:
        if str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0] == package:
            place = f" (line {trace.tb_lineno} of {trace.tb_frame.f_code.co_filename})"
        trace = trace.tb_next
    return place


def hint(plugin: Plugin | None) -> str:
    """Return a hint that contains the URL for bug reports, or names the authors of the plugin."""
    if plugin and not plugin.entry_point:  # The author runs the conformance tests.
        return "Correct the code of the plugin, or report it to its authors"
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
    """Return the error for an invalid plugin. ``text`` is the message after the plugin name."""
    return AstrodomeError(
        f"{plugin.owner} {plugin.version}".rstrip() + f" {text}.", f"{hint(plugin)}."
    )


def uses_missing_name(error: BaseException) -> bool:
    """Return whether an error was caused by a name that does not exist in the host."""
    module = ""
    if isinstance(error, ImportError):
        module = error.name or ""
    elif isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
        module = error.obj.__name__
    return module.partition(".")[0] == __package__


def incompatible(owner: str, needs: str) -> str:
    """Return the message about a plugin that was written for an earlier interface version.

    ``needs`` is the first clause of the message.
    """
    offered = ".".join(map(str, API_VERSION))
    return (
        f"{needs}, but the installed astrodome provides version {offered} of the plugin "
        f"interface: update {owner}, or ask its authors for a version that supports interface "
        f"{API_VERSION[0]}"
    )
