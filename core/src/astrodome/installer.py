"""Install and uninstall plugins, and roll back a change that breaks the environment."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import invalidate_caches
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol, TypeVar

from . import distributions, environments, health, state
from .environments import PluginChange, Wanted
from .errors import AstrodomeError, from_os_error
from .snapshot import Snapshot


@dataclass(frozen=True)
class InstallResult:
    """The versions of the added and changed distributions, and the state of the environment.

    ``before`` contains the previous versions of the changed distributions.
    """

    added: dict[str, str] = field(default_factory=dict)
    before: dict[str, str] = field(default_factory=dict)
    health: health.Health = field(default_factory=health.Health)


class InstalledPlugin(Protocol):
    """An installed plugin and its distribution. It may be a plugin that cannot be loaded."""

    @property
    def name(self) -> str:
        """Name of the plugin."""

    @property
    def distribution(self) -> str:
        """Name of the distribution."""


Named = TypeVar("Named", bound=InstalledPlugin)


def find(name: str, installed: Sequence[Named]) -> Named:
    """Return the plugin with the given name, or the plugin that the named distribution provides."""
    for plugin in installed:
        names = map(distributions.canonical_name, (plugin.name, plugin.distribution))
        if distributions.canonical_name(name) in names:
            return plugin
    known = ", ".join(plugin.name for plugin in installed) or "none"
    raise AstrodomeError(f"Plugin not found: '{name}'.", f"Installed plugins: {known}.")


def switch(plugin: InstalledPlugin, *, disabled: bool) -> str:
    """Disable or enable a plugin in this environment, and return a message about it."""
    owners = plugins_by_distribution()
    state.switch(plugin.name, plugin.distribution, off=disabled, installed=owners)
    return f"{plugin.name} is {'disabled' if disabled else 'enabled'}."


def install(wanted: Iterable[Wanted], *, upgrade: bool = False) -> InstallResult:
    """Install distributions. If this fails, restore the environment and raise AstrodomeError."""
    with TemporaryDirectory(prefix="astrodome-") as folder:
        limits = Path(folder) / "constraints.txt"
        limits.write_text("\n".join(distributions.constraints()) + "\n", "utf-8")
        return _change(PluginChange("install", tuple(wanted), limits, upgrade), Path(folder))


def uninstall(*names: str) -> InstallResult:
    """Uninstall distributions. If this fails, restore the environment and raise AstrodomeError."""
    names = tuple(dict.fromkeys(map(distributions.canonical_name, names)))
    wanted = tuple(Wanted(name, name) for name in names)
    with TemporaryDirectory(prefix="astrodome-") as folder:
        return _change(PluginChange("uninstall", wanted), Path(folder))


def _change(change: PluginChange, folder: Path) -> InstallResult:
    """Run the installer, check the result in a new process, and roll back a change that fails."""
    gone = change.names if change.action == "uninstall" else frozenset()
    with _alone():
        before = health.check()
        steps = environments.steps(change, folder)
        saved = Snapshot(environments.records())
        try:
            for step in steps:
                _run(step, change)
            invalidate_caches()
            after = health.check()
            broken = health.faults(before, after, gone) if not before.error else []
            broken += map(_still_there, sorted(gone & set(distributions.installed())))
            if broken:
                raise AstrodomeError(f"Cannot {change}: {'; '.join(broken)}.")
        except BaseException as error:
            undone = _restore(saved, before)
            if isinstance(error, AstrodomeError):
                raise AstrodomeError(
                    f"{error.message} {undone}", error.hint, exit_code=error.exit_code
                ) from error
            raise
        finally:
            saved.discard()
        state.prune(plugins_by_distribution())
        editable = {one.name for one in change.wanted if one.editable}
        old, now = saved.versions, distributions.versions()
        added = {n: now[n] for n in sorted(now) if now[n] != old.get(n) or n in editable}
        return InstallResult(
            added, {n: old[n] for n in added if n in old and n not in editable}, after
        )


def _still_there(name: str) -> str:
    owners = [owner for owner, need in distributions.needed() if need.name == name]
    if owners:
        return f"{', '.join(sorted(set(owners)))} requires it"
    return "it is still installed, possibly outside of this environment"


def _restore(saved: Snapshot, before: health.Health) -> str:
    """Roll back all changes, and return a message about the result."""
    undone = saved.restore()
    invalidate_caches()
    if not undone:
        return "Nothing was changed."
    sentence = f"The environment was restored ({', '.join(undone)})."
    if not before.error and (left := health.faults(before, health.check(), ())):
        return f"The change could not be undone completely: {'; '.join(left)}."
    return sentence


def _run(step: environments.Step, change: PluginChange) -> None:
    try:
        code = subprocess.run(
            step.command, env=os.environ | step.environ, check=False, stdout=sys.stderr
        ).returncode
    except OSError as error:
        raise AstrodomeError(f"Cannot run {step.command[0]}: {error.strerror}.") from error
    if code:
        raise AstrodomeError(
            f"Cannot {change}: {' '.join(step.command)} failed with exit code {code}.",
            "See the output of the installer above.",
        )


@contextmanager
def _alone() -> Iterator[None]:
    """Prevent other processes from changing the plugins in this environment."""
    path = Path(sys.prefix) / ".astrodome.lock"
    try:
        handle = path.open("w")
    except OSError as error:
        raise from_os_error(error) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AstrodomeError(
                f"Another process is installing or uninstalling plugins in {sys.prefix}.",
                "Wait until the other process has finished.",
            ) from error
        yield


def plugins_by_distribution() -> dict[str, list[str]]:
    """Return the names of all installed plugins, keyed by distribution."""
    return {
        distributions.canonical_name(distributions.name_of(dist)): [
            entry.name for entry in dist.entry_points if entry.group.startswith(distributions.GROUP)
        ]
        for dist in distributions.with_plugins()
    }
