"""Disabled plugins, stored separately for each environment in the user's configuration folder."""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .distributions import canonical_name

Disabled = dict[str, list[str]]
"""Names of disabled plugins, keyed by the normalized name of their distribution."""


def path() -> Path:
    """Return the path of the file that contains the disabled plugins of all environments."""
    try:
        from platformdirs import user_config_path

        return user_config_path("astrodome") / "plugins.json"
    except Exception:  # platformdirs may be missing in a damaged environment.
        home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
        return Path(home) / "astrodome" / "plugins.json"


def disabled() -> Disabled:
    """Return the disabled plugins of this environment."""
    return _disabled(_read())


def is_disabled(found: Disabled, name: str, distribution: Callable[[], str]) -> bool:
    """Return whether a plugin is disabled.

    ``distribution`` is a function that returns the name of the plugin's distribution. It is called
    only if a disabled plugin has the same name.
    """
    name = canonical_name(name)
    owners = [owner for owner, names in found.items() if name in names]
    return bool(owners) and canonical_name(distribution()) in owners


def switch(
    name: str, distribution: str, *, off: bool, installed: Mapping[str, Collection[str]]
) -> None:
    """Disable or enable a plugin of a distribution in this environment.

    ``installed`` maps the distributions in this environment to the names of their plugins. Entries
    for other distributions are removed.
    """
    with _changing(installed) as found:
        names = set(found.get(canonical_name(distribution), ()))
        names = names | {canonical_name(name)} if off else names - {canonical_name(name)}
        found[canonical_name(distribution)] = sorted(names)


def prune(installed: Mapping[str, Collection[str]]) -> None:
    """Remove the entries for distributions and environments that no longer exist."""
    if path().exists():
        with _changing(installed):
            pass


@contextmanager
def _changing(installed: Mapping[str, Collection[str]]) -> Iterator[Disabled]:
    """Yield the disabled plugins of this environment, and save the changes made in the block."""
    known = {
        canonical_name(owner): {canonical_name(n) for n in names}
        for owner, names in installed.items()
    }
    file = path()
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_name(".plugins.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        saved = _read()
        found = _disabled(saved)
        yield found
        kept = {
            owner: present
            for owner, names in found.items()
            if (present := [name for name in names if name in known.get(owner, ())])
        }
        environments = {
            prefix: entry
            for prefix, entry in _mapping(saved.get("environments")).items()
            if Path(prefix).is_dir()
        }
        environments.pop(sys.prefix, None)
        if kept:
            environments[sys.prefix] = {"disabled": kept}
        _write(file, json.dumps({"environments": environments}, indent=1) + "\n")


def _disabled(saved: Mapping[str, Any]) -> Disabled:
    own = _mapping(_mapping(saved.get("environments")).get(sys.prefix))
    return {
        canonical_name(owner): [canonical_name(str(n)) for n in names]
        for owner, names in _mapping(own.get("disabled")).items()
        if isinstance(names, list)
    }


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _read() -> dict[str, Any]:
    file = path()
    try:
        return dict(json.loads(file.read_text("utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, TypeError) as error:
        print(
            f"Warning: cannot read {file} ({error}); no plugin is disabled.",
            file=sys.stderr,
        )
        return {}


def _write(file: Path, text: str) -> None:
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        part.write_text(text, "utf-8")
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
