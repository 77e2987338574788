"""Read the metadata of installed distributions, using only the standard library."""

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
    """Return the normalized name of a distribution, for example ``my-plugin`` for ``My_Plugin``."""
    return re.sub(r"[-_.]+", "-", name).lower()


def name_of(dist: Distribution) -> str:
    """Return the name of a distribution, or an empty string if its metadata cannot be read."""
    return _metadata(dist, "Name")


def version_of(dist: Distribution) -> str:
    """Return the version of a distribution, or an empty string if its metadata cannot be read."""
    return _metadata(dist, "Version")


def summary_of(dist: Distribution) -> str:
    """Return the summary of a distribution, or an empty string if its metadata cannot be read."""
    return _metadata(dist, "Summary")


def _metadata(dist: Distribution, field: str) -> str:
    try:
        return str(dist.metadata[field] or "")
    except Exception:  # a damaged METADATA file
        return ""


def installed() -> dict[str, Distribution]:
    """Return all installed distributions, keyed by normalized name."""
    found: dict[str, Distribution] = {}
    for dist in _distributions():
        if name := name_of(dist):
            # Python imports the first distribution on sys.path.
            found.setdefault(canonical_name(name), dist)
    return found


def versions() -> dict[str, str]:
    """Return the versions of all installed distributions, keyed by normalized name."""
    return {name: version_of(dist) for name, dist in installed().items()}


def find(name: str) -> Distribution | None:
    """Return the installed distribution with the given name, or None if it is not installed."""
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


def with_plugins() -> list[Distribution]:
    """Return the installed distributions that contain plugins, sorted by normalized name."""
    return [dist for _, dist in sorted(installed().items()) if has_plugins(dist)]


def origin(dist: Distribution) -> Mapping[str, Any]:
    """Return the content of ``direct_url.json``, or an empty mapping if the file cannot be read.

    Distributions that were installed from a package index do not have this file.
    """
    try:
        return dict(json.loads(dist.read_text("direct_url.json") or "{}"))
    except (ValueError, OSError):
        return {}


@dataclass(frozen=True)
class Requirement:
    """A requirement of a distribution, parsed from a ``Requires-Dist`` field."""

    text: str
    name: str
    extras: frozenset[str]
    only_for: str = ""
    """Extra that contains this requirement, or an empty string if it is always required."""


def requirement(line: str) -> Requirement | None:
    """Parse a requirement, and return None if it does not start with a valid name."""
    found = _NAME.match(line)
    if not found:
        return None
    extras = frozenset(canonical_name(e) for e in (found[2] or "").split(",") if e.strip())
    extra = _EXTRA.search(line.partition(";")[2])
    only_for = canonical_name(extra[1] or extra[2]) if extra else ""
    return Requirement(line, canonical_name(found[1]), extras, only_for)


def requirements(dist: Distribution, extras: Iterable[str] = ()) -> Iterator[Requirement]:
    """Yield the requirements of a distribution, including those for the given extras."""
    chosen = {"", *extras}
    for line in dist.requires or ():
        wanted = requirement(line)
        if wanted and wanted.only_for in chosen:
            yield wanted


def closure(
    roots: Mapping[str, Iterable[str]], among: Mapping[str, Distribution]
) -> dict[str, set[str]]:
    """Return the given distributions with their direct and indirect requirements.

    ``roots`` and the returned dictionary map the names of distributions to their extras.
    Only distributions in ``among`` are considered.
    """
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
    """Yield (distribution, requirement) for the host, the plugins and all of their dependencies."""
    among = installed()
    roots = [name for name, dist in among.items() if name == HOST or has_plugins(dist)]
    for name, extras in sorted(closure(dict.fromkeys(roots, ()), among).items()):
        for wanted in requirements(among[name], extras):
            yield name, wanted


def constraints() -> list[str]:
    """Return pip constraints that keep the host and the installed plugins working.

    Requirements that are already unsatisfied before the installation are omitted, because the new
    distribution did not cause the conflict.
    """
    host = find(HOST)
    lines = [f"{HOST}=={version_of(host)}"] if host else []
    for _, name, specifier, version in _specifiers():
        if specifier.contains(version, prereleases=True) and str(specifier):
            lines.append(f"{name}{specifier}")
    return sorted(set(lines))


def unsatisfied() -> list[str]:
    """Return a description of each unsatisfied requirement of the host and the plugins."""
    return sorted(
        f"{owner} requires {name}{specifier}, but {name} {version} is installed"
        for owner, name, specifier, version in _specifiers()
        if not specifier.contains(version, prereleases=True)
    )


def _specifiers() -> Iterator[tuple[str, str, Any, str]]:
    """Yield (owner, name, specifier, installed version) for each applicable requirement.

    Requirements with a URL, and requirements whose environment marker does not match, are skipped.
    """
    from packaging.requirements import InvalidRequirement
    from packaging.requirements import Requirement as Parsed
    from packaging.version import InvalidVersion, Version

    present = versions()
    for owner, wanted in needed():
        try:
            parsed = Parsed(wanted.text)
            if parsed.url or (
                parsed.marker and not parsed.marker.evaluate({"extra": wanted.only_for})
            ):
                continue
            if version := present.get(wanted.name):
                Version(version)
                yield owner, wanted.name, parsed.specifier, version
        except (InvalidRequirement, InvalidVersion):
            continue
