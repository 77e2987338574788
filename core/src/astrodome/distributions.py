"""Installed distributions and their requirements, read with the standard library only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.metadata import distributions as _distributions
from typing import Any

HOST = "astrodome"
GROUP = "astrodome."
_NAME = re.compile(r"\s*([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)\s*(?:\[([^\]]*)\])?")
_EXTRA = re.compile(r"""extra\s*==\s*["']([^"']+)["']|["']([^"']+)["']\s*==\s*extra""")


def canonical_name(name: str) -> str:
    """Return the normalised name of a distribution: ``My_Plugin`` is ``my-plugin``."""
    return re.sub(r"[-_.]+", "-", name).lower()


def name_of(dist: Distribution) -> str:
    """Return the name in the metadata of a distribution; empty if the metadata is unreadable."""
    try:
        return str(dist.metadata["Name"] or "")
    except Exception:  # a damaged METADATA file
        return ""


def version_of(dist: Distribution) -> str:
    """Return the version in the metadata of a distribution; empty if it is unreadable."""
    try:
        return str(dist.metadata["Version"] or "")
    except Exception:
        return ""


def installed() -> dict[str, Distribution]:
    """Return all installed distributions by normalised name."""
    found: dict[str, Distribution] = {}
    for dist in _distributions():
        if name := name_of(dist):
            found.setdefault(
                canonical_name(name), dist
            )  # the first on sys.path is the one imported
    return found


def find(name: str) -> Distribution | None:
    """Return the installed distribution with this name, or None."""
    try:
        return distribution(name)
    except (PackageNotFoundError, ValueError):
        return None


def has_plugins(dist: Distribution) -> bool:
    """Return whether a distribution contains a plugin for any app."""
    try:
        return any(entry.group.startswith(GROUP) for entry in dist.entry_points)
    except Exception:  # a damaged entry_points.txt
        return False


def origin(dist: Distribution) -> Mapping[str, Any]:
    """Return the content of ``direct_url.json``; empty for a distribution from an index."""
    try:
        return dict(json.loads(dist.read_text("direct_url.json") or "{}"))
    except (ValueError, OSError):
        return {}


@dataclass(frozen=True)
class Requirement:
    """One line of ``Requires-Dist``: name, requested extras, and the marker."""

    text: str
    name: str
    extras: frozenset[str]
    only_for: str = ""
    """The extra of the requiring distribution that this requirement belongs to."""


def requirement(line: str) -> Requirement | None:
    """Parse the name and the extras of a requirement."""
    found = _NAME.match(line)
    if not found:
        return None
    extras = frozenset(canonical_name(e) for e in (found[2] or "").split(",") if e.strip())
    extra = _EXTRA.search(line.partition(";")[2])
    only_for = canonical_name(extra[1] or extra[2]) if extra else ""
    return Requirement(line, canonical_name(found[1]), extras, only_for)


def requirements(dist: Distribution, extras: Iterable[str] = ()) -> Iterator[Requirement]:
    """Yield the requirements of a distribution, including those of the given extras."""
    chosen = {"", *extras}
    for line in dist.requires or ():
        wanted = requirement(line)
        if wanted and wanted.only_for in chosen:
            yield wanted


def closure(
    roots: Mapping[str, Iterable[str]], among: Mapping[str, Distribution]
) -> dict[str, set[str]]:
    """Return all distributions that ``roots`` (extras by name) require, with their extras."""
    found: dict[str, set[str]] = {}
    waiting = [(name, frozenset(extras)) for name, extras in roots.items()]
    while waiting:
        name, extras = waiting.pop()
        known = found.get(name)
        if name not in among or (known is not None and extras <= known):
            continue
        found[name] = (known or set()) | extras
        for wanted in requirements(among[name], found[name]):
            waiting.append((wanted.name, wanted.extras))
    return found


def needed() -> Iterator[tuple[str, Requirement]]:
    """Yield (owner, requirement) for the host, the plugins and all of their dependencies."""
    among = installed()
    roots = [name for name, dist in among.items() if name == HOST or has_plugins(dist)]
    for name, extras in sorted(closure(dict.fromkeys(roots, ()), among).items()):
        for wanted in requirements(among[name], extras):
            yield name, wanted


def constraints() -> list[str]:
    """Return requirement lines that keep the host and the installed plugins working.

    Requirements that are not satisfied before the installation are skipped, because the new
    distribution did not cause that.
    """
    host = find(HOST)
    lines = [f"{HOST}=={version_of(host)}"] if host else []
    for _, name, specifier, version in _specifiers():
        if specifier.contains(version, prereleases=True) and str(specifier):
            lines.append(f"{name}{specifier}")
    return sorted(set(lines))


def unsatisfied() -> list[str]:
    """Return a sentence for each requirement of the host and the plugins that is not satisfied."""
    return sorted(
        f"{owner} requires {name}{specifier}, but {name} {version} is installed"
        for owner, name, specifier, version in _specifiers()
        if not specifier.contains(version, prereleases=True)
    )


def _specifiers() -> Iterator[tuple[str, str, Any, str]]:
    """Yield (owner, name, specifier, installed version) for each requirement that applies here."""
    from packaging.requirements import InvalidRequirement
    from packaging.requirements import Requirement as Parsed
    from packaging.version import InvalidVersion, Version

    versions = {name: version_of(dist) for name, dist in installed().items()}
    for owner, wanted in needed():
        try:
            parsed = Parsed(wanted.text)
            if parsed.url or (
                parsed.marker and not parsed.marker.evaluate({"extra": wanted.only_for})
            ):
                continue
            if version := versions.get(wanted.name):
                Version(version)
                yield owner, wanted.name, parsed.specifier, version
        except (InvalidRequirement, InvalidVersion):
            continue
