"""The receipt of a uv tool environment, which records the arguments of ``uv tool install``."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

from . import distributions
from .distributions import HOST, canonical_name
from .errors import AstrodomeError

FILE = "uv-receipt.toml"
_KNOWN = {
    "requirements",
    "constraints",
    "overrides",
    "excludes",
    "build-constraints",
    "python",
    "entrypoints",
    "options",
}
_LISTS = {
    "constraints": "--constraints",
    "overrides": "--overrides",
    "excludes": "--excludes",
    "build-constraints": "--build-constraints",
}
_PLACES = ("path", "directory", "editable", "url", "git")
_FIELDS = {"name", "text", "extras", "specifier", "marker", "subdirectory", *_PLACES}


def read(path: Path) -> Receipt:
    """Read a receipt; raise AstrodomeError if it is invalid or contains unsupported entries."""
    try:
        tool = tomllib.loads(path.read_text("utf-8"))["tool"]
        requirements = [_as_entry(item) for item in tool["requirements"]]
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


def _as_entry(item: Any) -> dict[str, Any]:
    """Convert a requirement to a mapping. Early versions of uv recorded requirements as strings."""
    if isinstance(item, Mapping):
        return {**item, "name": str(item["name"])}
    wanted = distributions.requirement(str(item))
    return {"name": wanted.name if wanted else str(item), "text": str(item)}


def _unsupported(path: Path, what: str) -> AstrodomeError:
    return AstrodomeError(
        f"The receipt {path} contains {what}, which astrodome cannot pass on to uv.",
        "Run uv tool install yourself, with the complete list of requirements.",
    )


@dataclass(frozen=True)
class Receipt:
    """The content of ``uv-receipt.toml``."""

    path: Path
    tool: Mapping[str, Any]
    requirements: list[dict[str, Any]]

    @property
    def main(self) -> str:
        """Normalized name of the distribution that the environment was created for."""
        return canonical_name(self.requirements[0]["name"])

    def arguments(self, folder: Path, without: str) -> list[str]:
        """Return the arguments that reproduce this receipt without the distribution ``without``."""
        first, *rest = self.requirements
        if "editable" in first:
            found = ["--editable", f"{_place(first)}{_extras(first)}"]
        else:
            found = [specifier(first)]
        for entry in rest:
            if canonical_name(entry["name"]) != without:
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
                lines = [specifier(_as_entry(entry)) for entry in entries]
                file.write_text("\n".join(lines) + "\n", "utf-8")
                found.append(f"{option}={file}")
        owners = {canonical_name(str(e.get("from") or self.main)) for e in self._entry_points()}
        found += [
            f"--with-executables-from={owner}" for owner in sorted(owners - {self.main, without})
        ]
        return found

    def _entry_points(self) -> Iterator[Mapping[str, Any]]:
        for entry in self.tool.get("entrypoints") or ():
            if isinstance(entry, Mapping):
                yield entry

    def write_options(self, folder: Path) -> list[str]:
        """Write the uv settings in the receipt to a file, and return the option for this file."""
        options = self.tool.get("options")
        if not options:
            return []
        file = folder / "uv.toml"
        lines = [f"{_key(key)} = {_toml(value)}" for key, value in options.items()]
        file.write_text("\n".join(lines) + "\n", "utf-8")
        return ["--config-file", str(file)]

    def environ(self, prefix: Path) -> dict[str, str]:
        """Return the environment variables that make ``uv tool`` use this environment."""
        found = {"UV_TOOL_DIR": str(prefix.parent)}
        for entry in self._entry_points():
            if place := entry.get("install-path"):
                found["UV_TOOL_BIN_DIR"] = str(Path(str(place)).parent)
        return found

    def unrecorded(self) -> list[str]:
        """Return distributions that are neither in the receipt nor required by another one."""
        among = distributions.installed()
        roots: dict[str, set[str]] = {}
        for entry in self.requirements:
            extras = {canonical_name(str(extra)) for extra in entry.get("extras") or ()}
            roots.setdefault(canonical_name(entry["name"]), set()).update(extras)
        recorded = distributions.closure(roots, among)
        strangers = sorted(set(among) - set(recorded))
        below = {
            name
            for root in strangers
            for name in distributions.closure({root: ()}, among)
            if name != root
        }
        found = [name for name in strangers if name not in below]
        covered = distributions.closure(dict.fromkeys(found, ()), among)
        return found + [name for name in strangers if name not in covered]


def as_installed(name: str) -> list[str]:
    """Return the argument that installs a distribution from the same source as before."""
    dist = distributions.installed()[name]
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
    if "text" in entry:
        return str(entry["text"])
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
    """Return the path or URL of a requirement; raise AstrodomeError if the path does not exist."""
    place = next(str(entry[key]) for key in _PLACES if key in entry)
    if "://" not in place and not Path(place).exists():
        raise AstrodomeError(
            f"{place}, from which {entry['name']} was installed, does not exist any more.",
            f"Restore the path, or uninstall {entry['name']}"
            + ("." if canonical_name(entry["name"]) == HOST else " with 'plugins uninstall'."),
        )
    return place


def _git(address: str, subdirectory: str) -> str:
    """Convert a Git URL from uv's form ``URL?rev=REVISION#COMMIT`` to ``git+URL@REVISION``."""
    parts = urlsplit(address)
    query = parse_qs(parts.query)
    revision = next((query[key][0] for key in ("rev", "tag", "branch") if key in query), "")
    inside = subdirectory or next(iter(query.get("subdirectory", ())), "")
    text = "git+" + urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
    text += f"@{revision}" if revision else ""
    return text + (f"#subdirectory={inside}" if inside else "")


def _key(key: str) -> str:
    return json.dumps(key, ensure_ascii=False)


def _toml(value: Any) -> str:
    """Format a value as TOML. JSON strings are valid TOML strings."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(k)} = {_toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, bool | int | float):
        return str(value).lower()
    return value.isoformat() if hasattr(value, "isoformat") else _key(str(value))
