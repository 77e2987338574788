"""Create the pip, uv or pipx command lines that change this environment.

Only the standard library is used, because these commands must also work in a damaged environment.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from . import distributions, receipts
from .distributions import canonical_name
from .errors import AstrodomeError, not_found


@dataclass(frozen=True)
class Step:
    """A command line and the environment variables that it requires."""

    command: list[str]
    environ: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PluginChange:
    """A request to install or uninstall a plugin.

    ``argument`` is passed to the installer. ``name`` is the name of the distribution, or an empty
    string if it is unknown. ``constraints`` is the path of a file with constraints in pip format.
    """

    action: str
    argument: str
    name: str
    constraints: Path | None = None


def steps(change: PluginChange, folder: Path) -> list[Step]:
    """Return the command lines that apply a change; ``folder`` is used for temporary files."""
    prefix = Path(sys.prefix)
    if (prefix / receipts.FILE).exists():
        return _uv_tool(change, prefix, folder)
    if (prefix / "pipx_metadata.json").exists():
        return _pipx(change, prefix)
    return _plain(change)


def records() -> list[Path]:
    """Return the existing files in which uv or pipx records the installed requirements."""
    names = (receipts.FILE, "pipx_metadata.json")
    return [file for name in names if (file := Path(sys.prefix) / name).exists()]


def repair(wanted: Iterable[str]) -> str:
    """Return the command line that installs the given requirements into this environment."""
    quoted = [f"'{text}'" for text in wanted]
    if find_spec("pip"):
        return " ".join([sys.executable, "-m", "pip", "install", *quoted])
    return " ".join(["uv", "pip", "install", "--python", sys.executable, *quoted])


def _plain(change: PluginChange) -> list[Step]:
    """Return the command lines for a virtual environment: for pip if available, else for uv."""
    limits = ["-c", str(change.constraints)] if change.constraints else []
    if change.action == "uninstall":
        limits = []
    if find_spec("pip"):
        yes = ["--yes"] if change.action == "uninstall" else []
        line = [sys.executable, "-m", "pip", change.action, *yes, *limits, change.argument]
        return [Step(line)]
    if uv := shutil.which("uv"):
        where = ["--python", sys.executable]
        return [Step([uv, "pip", change.action, *where, *limits, change.argument])]
    raise AstrodomeError(
        f"Cannot {change.action} {change.argument}: neither pip nor uv was found.",
        f"Install pip into {sys.prefix} ({sys.executable} -m ensurepip), or install uv.",
    )


def _pipx(change: PluginChange, prefix: Path) -> list[Step]:
    about = json.loads((prefix / "pipx_metadata.json").read_text("utf-8"))
    injected = {canonical_name(name) for name in about.get("injected_packages") or {}}
    main = canonical_name(str((about.get("main_package") or {}).get("package") or ""))
    if change.action == "uninstall":
        if change.name == main:
            raise AstrodomeError(
                f"Cannot uninstall {change.name}: it is the main application of the pipx "
                f"environment {prefix.name}.",
                f"Uninstall the whole environment: pipx uninstall {prefix.name}",
            )
        if change.name not in injected:  # pipx did not install the distribution.
            return _plain(change)
    environ = {"PIPX_HOME": str(prefix.parent.parent)} if prefix.parent.name == "venvs" else {}
    pipx = _program("pipx", change)
    if change.action == "uninstall":
        line = [pipx, "uninject", "--leave-deps", prefix.name, change.name]
        return [Step(line, environ)]
    if change.constraints:  # With --pip-args, pipx would record the temporary file.
        environ |= dict.fromkeys(("PIP_CONSTRAINT", "UV_CONSTRAINT"), str(change.constraints))
    force = ["--force"] if change.name in distributions.installed() else []
    return [Step([pipx, "inject", *force, prefix.name, change.argument], environ)]


def _uv_tool(change: PluginChange, prefix: Path, folder: Path) -> list[Step]:
    """Return the command line of ``uv tool install`` that applies a change.

    ``uv tool install`` removes every distribution that is not one of its arguments. Therefore, the
    arguments contain all recorded requirements, and all distributions that were installed later.
    It also records constraints permanently, so the constraints are checked in a separate dry run.
    """
    uv = _program("uv", change)
    receipt = receipts.read(prefix / receipts.FILE)
    if change.action == "uninstall" and change.name == receipt.main:
        raise AstrodomeError(
            f"Cannot uninstall {change.name}: it is the main application of the uv tool "
            f"environment {prefix.name}.",
            f"Uninstall the whole environment: uv tool uninstall {prefix.name}",
        )
    options = receipt.write_options(folder)
    known = change.name in {canonical_name(entry["name"]) for entry in receipt.requirements}
    repeated = (
        change.action == "install" and known and canonical_name(change.argument) == change.name
    )
    without = "" if repeated else change.name
    found = []
    if change.action == "install":
        where = ["--python", sys.executable]
        limits = ["-c", str(change.constraints)] if change.constraints else []
        dry = [uv, "pip", "install", "--dry-run", *where, *options, *limits, change.argument]
        found.append(Step(dry))
    line = [uv, "tool", "install", *options, *receipt.arguments(folder, without)]
    for name, dist in receipt.unrecorded().items():
        if name != change.name:
            line += receipts.as_installed(name, dist)
    if change.action == "install" and not repeated:
        line.append(f"--with={change.argument}")
    return [*found, Step(line, receipt.environ(prefix))]


def _program(name: str, change: PluginChange) -> str:
    if program := shutil.which(name):
        return program
    raise AstrodomeError(
        f"Cannot {change.action} {change.argument}: {name}, the installer of the environment "
        f"{sys.prefix}, was not found.",
        f"Add the folder that contains {name} to PATH.",
    )


def argument(typed: str, short: dict[str, str]) -> tuple[str, str]:
    """Return the argument for the installer, and the name of the distribution.

    The path of a file or folder is made absolute. A short name is replaced with the name of the
    distribution. The returned name is an empty string if it is unknown before the installation.
    """
    path = Path(typed).expanduser()
    looks_like_path = "/" in typed.partition("@")[0] or typed.startswith((".", "~"))
    if path.suffix == ".whl" or typed.endswith((".tar.gz", ".zip")) or looks_like_path:
        if "://" in typed:
            return typed, _name_in_file(Path(typed.partition("#")[0]))
        if not path.exists():
            raise not_found(typed, kind="File or folder", exit_code=2)
        path = path.resolve()
        return str(path), _name_in_file(path)
    typed = short.get(canonical_name(typed), typed)
    wanted = distributions.requirement(typed)
    return typed, wanted.name if wanted else ""


def _name_in_file(path: Path) -> str:
    """Return the distribution name in a wheel, a source archive or a project folder.

    The result is an empty string if a project folder does not specify the name.
    """
    if path.suffix == ".whl":
        return canonical_name(path.name.partition("-")[0])
    if path.is_dir():
        import tomllib

        try:
            project: dict[str, Any] = tomllib.loads((path / "pyproject.toml").read_text("utf-8"))
            return canonical_name(str(project["project"]["name"]))
        except (OSError, ValueError, KeyError, TypeError):
            return ""
    stem = path.name.removesuffix(".tar.gz").removesuffix(".zip")
    return canonical_name(stem.rpartition("-")[0])
