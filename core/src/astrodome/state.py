"""Disabled plugins, stored for each environment in the per-user configuration folder."""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from . import files
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
    return _read().get(sys.prefix, {})


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
        saved = {prefix: names for prefix, names in _read().items() if Path(prefix).is_dir()}
        found = saved.pop(sys.prefix, {})
        yield found
        kept = {
            owner: present
            for owner, names in found.items()
            if (present := [name for name in names if name in known.get(owner, ())])
        }
        if kept:
            saved[sys.prefix] = kept
        environments = {prefix: {"disabled": names} for prefix, names in saved.items()}
        files.write_text(file, json.dumps({"environments": environments}, indent=1) + "\n")


def _read() -> dict[str, Disabled]:
    """Return the disabled plugins of all environments, keyed by ``sys.prefix``."""
    file = path()
    try:
        saved = json.loads(file.read_text("utf-8"))
        return {
            prefix: {owner: list(map(str, names)) for owner, names in entry["disabled"].items()}
            for prefix, entry in saved["environments"].items()
        }
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        print(f"Warning: cannot read {file} ({error}); no plugin is disabled.", file=sys.stderr)
        return {}
