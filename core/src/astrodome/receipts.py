"""The receipt of a uv tool environment, which records the arguments of ``uv tool install``."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from . import distributions
from .distributions import canonical_name
from .errors import AstrodomeError

FILE = "uv-receipt.toml"
_LISTS = {
    "constraints": "--constraints",
    "overrides": "--overrides",
    "excludes": "--excludes",
    "build-constraints": "--build-constraints",
}
_KNOWN = {"requirements", "python", "entrypoints", "options", *_LISTS}
_PLACES = ("path", "directory", "editable", "url", "git")
_FIELDS = {"name", "extras", "specifier", "marker", "subdirectory", *_PLACES}


def read(path: Path) -> Receipt:
    """Read a receipt; raise AstrodomeError if it is invalid or contains unsupported entries."""
    try:
        tool = tomllib.loads(path.read_text("utf-8"))["tool"]
        requirements = [{**entry, "name": str(entry["name"])} for entry in tool["requirements"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AstrodomeError(f"Cannot read {path}: {type(error).__name__}: {error}.") from error
    if unknown := sorted(set(tool) - _KNOWN):
        raise _unsupported(path, f"the key '{unknown[0]}'")
    if not requirements:
        raise AstrodomeError(f"Invalid receipt {path}: it contains no requirement.")
    for entry in requirements:
        if odd := set(entry) - _FIELDS:
            raise _unsupported(path, f"the key '{min(odd)}' of {entry['name']}")
    return Receipt(path, tool, requirements)


def _unsupported(path: Path, what: str) -> AstrodomeError:
    return AstrodomeError(
        f"The receipt {path} contains {what}, which astrodome cannot pass on to uv.",
        "Run 'uv tool install' directly, with the complete list of requirements.",
    )


@dataclass(frozen=True)
class Receipt:
    """The content of ``uv-receipt.toml``."""

    path: Path
    tool: Mapping[str, Any]
    requirements: list[dict[str, Any]]

    @property
    def main(self) -> str:
        """Normalized name of the distribution for which the environment was created."""
        return canonical_name(self.requirements[0]["name"])

    @property
    def entry_points(self) -> list[Mapping[str, Any]]:
        """Scripts that uv installed for this environment."""
        return list(self.tool.get("entrypoints", ()))

    def arguments(self, folder: Path, without: Collection[str]) -> list[str]:
        """Return the ``uv tool install`` arguments that recreate the environment.

        ``without`` are the normalized names of distributions to omit. Lists such as constraints and
        overrides are written to files in ``folder``.
        """
        first, *rest = self.requirements
        if "editable" in first:
            found = ["--editable", f"{_place(first)}{_extras(first)}"]
        else:
            found = [specifier(first)]
        for entry in rest:
            if canonical_name(entry["name"]) not in without:
                found.append(
                    f"--with-editable={_place(entry)}{_extras(entry)}"
                    if "editable" in entry
                    else f"--with={specifier(entry)}"
                )
        if python := self.tool.get("python"):
            found.append(f"--python={python}")
        for key, option in _LISTS.items():
            if entries := self.tool.get(key):
                file = folder / f"{key}.txt"
                lines = [specifier(entry) for entry in entries]
                file.write_text("\n".join(lines) + "\n", "utf-8")
                found.append(f"{option}={file}")
        owners = {canonical_name(str(e.get("from") or self.main)) for e in self.entry_points}
        found += [
            f"--with-executables-from={owner}" for owner in sorted(owners - {self.main, *without})
        ]
        return found

    def write_options(self, folder: Path) -> list[str]:
        """Write the uv settings in the receipt to a file, and return the option for this file."""
        options = self.tool.get("options")
        if not options:
            return []
        file = folder / "uv.toml"
        lines = [f"{_toml(key)} = {_toml(value)}" for key, value in options.items()]
        file.write_text("\n".join(lines) + "\n", "utf-8")
        return ["--config-file", str(file)]

    def environ(self, prefix: Path) -> dict[str, str]:
        """Return the environment variables that make ``uv tool`` use this environment."""
        found = {"UV_TOOL_DIR": str(prefix.parent)}
        for entry in self.entry_points:
            if place := entry.get("install-path"):
                found["UV_TOOL_BIN_DIR"] = str(Path(str(place)).parent)
        return found

    def unrecorded(self) -> dict[str, Distribution]:
        """Return the distributions that were installed independently of the receipt.

        Requirements of these distributions are not included. The keys are normalized names.
        """
        among = distributions.installed()
        roots: dict[str, set[str]] = {}
        for entry in self.requirements:
            extras = {canonical_name(str(extra)) for extra in entry.get("extras") or ()}
            roots.setdefault(canonical_name(entry["name"]), set()).update(extras)
        strangers = sorted(set(among) - set(distributions.closure(roots, among)))
        required = {
            wanted.name for name in strangers for wanted in distributions.requirements(among[name])
        }
        return {name: among[name] for name in strangers if name not in required}


def as_installed(name: str, dist: Distribution) -> list[str]:
    """Return the argument that installs a distribution from the same source as before."""
    about = distributions.origin(dist)
    url = str(about.get("url") or "")
    if not url:
        return [f"--with={name}"]
    if about.get("dir_info", {}).get("editable"):
        return [f"--with-editable={urlsplit(url).path}"]
    if vcs := about.get("vcs_info"):
        url = f"{vcs.get('vcs', 'git')}+{url}@{vcs.get('commit_id', '')}"
    return [f"--with={name} @ {url}"]


def specifier(entry: Mapping[str, Any]) -> str:
    """Convert a requirement in a receipt to a PEP 508 string."""
    text = entry["name"] + _extras(entry)
    if "git" in entry:
        text += f" @ {_git(str(entry['git']), str(entry.get('subdirectory') or ''))}"
    elif any(key in entry for key in _PLACES):
        part = f"#subdirectory={entry['subdirectory']}" if entry.get("subdirectory") else ""
        place = _place(entry)
        text += f" @ {place if '://' in place else Path(place).as_uri()}{part}"
    else:
        text += str(entry.get("specifier") or "")
    return f"{text} ; {entry['marker']}" if entry.get("marker") else text


def _extras(entry: Mapping[str, Any]) -> str:
    extras = ",".join(str(extra) for extra in entry.get("extras") or ())
    return f"[{extras}]" if extras else ""


def _place(entry: Mapping[str, Any]) -> str:
    """Return the path or URL of a requirement."""
    return next(str(entry[key]) for key in _PLACES if key in entry)


def _git(address: str, subdirectory: str) -> str:
    """Convert a Git URL from uv's form ``URL?rev=REVISION#COMMIT`` to ``git+URL@REVISION``."""
    parts = urlsplit(address)
    query = dict(parse_qsl(parts.query))
    revision = query.get("rev") or query.get("tag") or query.get("branch")
    text = f"git+{parts.scheme}://{parts.netloc}{parts.path}"
    text += f"@{revision}" if revision else ""
    return text + (f"#subdirectory={subdirectory}" if subdirectory else "")


def _toml(value: Any) -> str:
    """Format a value as TOML. JSON strings, numbers and Booleans are also valid in TOML."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_toml(k)} = {_toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False, default=str)
