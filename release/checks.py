"""The checks before a release."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from . import (
    build,
    changelog,
    environments,
    generated,
    lock,
    metadata,
    quality,
    supply_chain,
)
from .project import ReleaseError

CHECKS: dict[str, Callable[[Path], list[str]]] = {
    "metadata": metadata.check,
    "generated": generated.check,
    "changelog": changelog.check,
    "citation": supply_chain.citation,
    "lock": lock.check,
    "pyproject": quality.pyproject,
    "build": build.check,
    "twine": quality.twine,
    "contents": quality.contents,
    "pyroma": quality.pyroma,
    "alone": environments.alone,
    "pairs": environments.pairs,
    "sbom": supply_chain.sbom,
    "audit": supply_chain.audit,
}
"""Functions that write into a folder and return the failures, in the order in which they run."""


def summaries() -> dict[str, str]:
    """Return the first line of the description of each check, keyed by name."""
    return {name: (inspect.getdoc(check) or "").splitlines()[0] for name, check in CHECKS.items()}


def run(names: Sequence[str], output: Path) -> int:
    """Run the named checks, or all of them, and return the exit status.

    Parameters
    ----------
    names : sequence of str
        Names of checks; if empty, all checks run.
    output : pathlib.Path
        Folder for the built distributions, the bills of materials and the report.
    """
    if unknown := [name for name in names if name not in CHECKS]:
        raise ReleaseError(f"Unknown check '{unknown[0]}': expected {', '.join(CHECKS)}.")
    output.mkdir(parents=True, exist_ok=True)
    failures = []
    for name, check in CHECKS.items():
        if names and name not in names:
            continue
        print(f"== {name}", flush=True)
        start = time.monotonic()
        try:
            found = check(output)
        except ReleaseError as error:
            found = [str(error)]
        failures += [f"{name}: {text}" for text in found]
        state = f"{len(found)} failures" if found else "passed"
        print(f"   {state} ({time.monotonic() - start:.1f} s)", flush=True)
    for text in failures:
        print(f"FAILED {text}")
    return 1 if failures else 0
