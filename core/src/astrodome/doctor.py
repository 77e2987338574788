"""Examine the installed plugins and the data folder, and repair problems."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from . import distributions, plugins, protocols, scripts, settings, settings_checks, temporary
from .errors import AstrodomeError, reason
from .hookspecs import CheckSpec, Finding
from .registry import Plugin, Registry

SLOW = 0.1
"""Loading time in seconds above which a plugin is reported as slow."""
HOST = "astrodome"
CHECKS = (
    CheckSpec("home", f"{__name__}:check_home", "The data folder can be written."),
    CheckSpec(
        "temporary-files",
        f"{__name__}:find_temporary_files",
        "No temporary files of ended processes remain in the data folder.",
        fix=f"{__name__}:delete_temporary_file",
    ),
    CheckSpec("requirements", f"{__name__}:check_requirements", "All requirements are satisfied."),
    CheckSpec("settings", f"{__name__}:check_settings", "The values of the settings are valid."),
)
"""Health checks of the host."""


@dataclass(frozen=True)
class Diagnosis:
    """A finding about a plugin or about the host.

    ``status`` is ``ok``, ``note``, ``slow``, ``off``, ``optional`` or ``wrong``. ``repair`` is a
    function that repairs the problem and returns a description of the change, or None. If its
    argument ``dry_run`` is True, it changes nothing.
    """

    plugin: str
    status: str
    text: str
    repair: Callable[[bool], str] | None = None


def examine(
    registered: Registry, chosen: Collection[Plugin] = (), *, online: bool = False
) -> list[Diagnosis]:
    """Import all objects that the plugins register, and run their health checks.

    If plugins are chosen, the other plugins and the host are not examined. Names that several
    plugins register are always reported. Checks that connect to services run only if ``online`` is
    True.
    """
    host = Plugin(HOST, registered.app, specs=CHECKS)
    found = [each for spec in CHECKS if not chosen for each in _run(host, spec)]
    if not chosen:
        found += [Diagnosis(HOST, "note", text) for text in scripts.conflicts(registered.app)]
        found += [Diagnosis(HOST, "note", text) for text in settings_checks.unknown_sections()]
    for plugin in chosen or registered.plugins:
        found += _examine(plugin, online)
    return found + [Diagnosis("", "wrong", text) for text in registered.clashes()]


def _examine(plugin: Plugin, online: bool) -> Iterator[Diagnosis]:
    if plugin.status != "active":
        wrong = plugin.status in ("failed", "incompatible")
        text = f"{plugin.status}: {plugin.error}".rstrip(": ")
        yield Diagnosis(plugin.name, "wrong" if wrong else "off", text)
        return
    for fault in plugin.faults:
        yield Diagnosis(plugin.name, "wrong", fault)
    if plugin.seconds > SLOW:
        text = f"loading takes {1000 * plugin.seconds:.0f} ms at every start"
        yield Diagnosis(plugin.name, "slow", text)
    known, valid, invalid = len(plugin.faults), 0, 0
    for spec in plugin.specs:
        examined = list(protocols.examine(plugin, spec))
        found = [
            Diagnosis(plugin.name, "optional" if optional else "wrong", text)
            for text, optional in examined
            if text
        ]
        if isinstance(spec, CheckSpec) and not found and (online or not spec.online):
            found = list(_run(plugin, spec))
        yield from found
        if text := protocols.undeclared(spec):
            yield Diagnosis(plugin.name, "note", text)
        valid += len(examined) - len(found)
        invalid += len(found)
    for fault in plugin.faults[known:]:
        yield Diagnosis(plugin.name, "wrong", fault)
    if valid or not invalid:
        yield Diagnosis(plugin.name, "ok", f"{valid} registered objects can be imported")


def _run(plugin: Plugin, spec: CheckSpec) -> Iterator[Diagnosis]:
    """Run a health check. Findings can be repaired if the check has a function for it."""
    for found in protocols.run_check(plugin, spec):
        repair = None
        if spec.fix and isinstance(found, Finding):
            repair = partial(_repair, plugin, spec, found)
        text = found.text if isinstance(found, Finding) else found
        yield Diagnosis(plugin.name, "wrong", f"{spec.name}: {text}", repair)


def _repair(plugin: Plugin, spec: CheckSpec, finding: Finding, dry_run: bool) -> str:
    """Call the repair function of a check. Raises AstrodomeError if it fails."""
    try:
        return str(plugins.load_target(spec.fix, plugin, spec.extra)(finding, dry_run))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # A plugin may raise any exception.
        raise AstrodomeError(
            f"{plugin.name}, {spec.name}: the repair failed: {reason(error)}."
        ) from (error)


def check_home() -> Iterator[str]:
    """Report if files cannot be written to the data folder."""
    folder = settings.home()
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    if not existing.is_dir():
        yield f"{existing} is not a folder, so data cannot be stored in {folder}"
    elif not os.access(existing, os.W_OK | os.X_OK):
        yield f"the folder {existing} is not writable, so data cannot be stored in {folder}"


def find_temporary_files() -> Iterator[Finding]:
    """Yield the temporary files and folders in the data folder that no process uses."""
    for path in temporary.abandoned(settings.home()):
        yield Finding(f"{path} was left behind by a process that has ended", path)


def delete_temporary_file(finding: Finding, dry_run: bool) -> str:
    """Delete a temporary file, unless a process uses it in the meantime."""
    path = Path(finding.subject)
    if not dry_run and temporary.is_abandoned(path, temporary.FOREIGN):
        temporary.delete(path)
    return f"delete {path}"


def check_requirements() -> Iterator[str]:
    """Report missing versions of libraries, and versions that a distribution excludes."""
    yield from distributions.unsatisfied()


def check_settings() -> Iterator[str]:
    """Report unknown keys and invalid values in the settings."""
    yield from settings_checks.find_invalid_values()
