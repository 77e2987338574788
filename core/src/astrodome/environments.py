"""Create the pip, uv or pipx command lines that change this environment.

Only the standard library is used, because these commands must also work in a damaged environment.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from . import distributions, receipts
from .distributions import canonical_name
from .errors import AstrodomeError, InvalidInputError, not_found


@dataclass(frozen=True)
class Step:
    """A command line and the environment variables that it requires."""

    command: list[str]
    environ: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """A distribution to install or uninstall.

    ``argument`` is passed to the installer. ``name`` is the name of the distribution, or an empty
    string if it is unknown. An ``editable`` project folder is used without copying its modules.
    """

    argument: str
    name: str
    editable: bool = False

    def __str__(self) -> str:
        return self.name or self.argument


@dataclass(frozen=True)
class PluginChange:
    """A request to install or uninstall plugins.

    ``constraints`` is the path of a file with constraints in pip format. With ``upgrade``, the
    newest allowed versions are installed.
    """

    action: str
    wanted: tuple[Wanted, ...]
    constraints: Path | None = None
    upgrade: bool = False

    @property
    def names(self) -> frozenset[str]:
        """Known names of the distributions."""
        return frozenset(one.name for one in self.wanted if one.name)

    def __str__(self) -> str:
        return f"{self.action} {', '.join(map(str, self.wanted))}"


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
        upgrade = ["--upgrade"] if change.upgrade else []
        line = [sys.executable, "-m", "pip", change.action, *yes, *upgrade, *limits]
        return [Step([*line, *_arguments(change)])]
    if uv := shutil.which("uv"):
        line = [uv, "pip", change.action, "--python", sys.executable, *_upgrades(change), *limits]
        return [Step([*line, *_arguments(change)])]
    raise AstrodomeError(
        f"Cannot {change}: neither pip nor uv was found.",
        f"Install pip into {sys.prefix} ({sys.executable} -m ensurepip), or install uv.",
    )


def _arguments(change: PluginChange) -> list[str]:
    """Return the arguments of ``pip install`` or ``uv pip install``."""
    return [
        part
        for one in change.wanted
        for part in (["--editable", one.argument] if one.editable else [one.argument])
    ]


def _upgrades(change: PluginChange) -> list[str]:
    """Return the options of uv that upgrade the given distributions but not their requirements."""
    names = sorted(change.names) if change.upgrade else []
    return [f"--upgrade-package={name}" for name in names]


def _pipx(change: PluginChange, prefix: Path) -> list[Step]:
    about = json.loads((prefix / "pipx_metadata.json").read_text("utf-8"))
    injected = {canonical_name(name) for name in about.get("injected_packages") or {}}
    main = canonical_name(str((about.get("main_package") or {}).get("package") or ""))
    if change.action == "uninstall":
        if main in change.names:
            raise _main_application(main, "pipx", prefix, f"pipx uninstall {prefix.name}")
        if not change.names <= injected:  # pipx did not install the distribution.
            return _plain(change)
    environ = {"PIPX_HOME": str(prefix.parent.parent)} if prefix.parent.name == "venvs" else {}
    pipx = _program("pipx", change)
    if change.action == "uninstall":
        line = [pipx, "uninject", "--leave-deps", prefix.name, *sorted(change.names)]
        return [Step(line, environ)]
    if change.constraints:  # With --pip-args, pipx would record the temporary file.
        environ |= dict.fromkeys(("PIP_CONSTRAINT", "UV_CONSTRAINT"), str(change.constraints))
    found, present = [], distributions.installed()
    for editable in (False, True):
        for installed in (False, True):  # --force also installs the newest version.
            arguments = [
                one.argument
                for one in change.wanted
                if (one.editable, one.name in present) == (editable, installed)
            ]
            options = ["--force"] * installed + ["--editable"] * editable
            if arguments:
                found.append(Step([pipx, "inject", *options, prefix.name, *arguments], environ))
    return found


def _main_application(name: str, tool: str, prefix: Path, command: str) -> AstrodomeError:
    return AstrodomeError(
        f"Cannot uninstall {name}: it is the main application of the {tool} environment "
        f"{prefix.name}.",
        f"Uninstall the whole environment: {command}",
    )


def _uv_tool(change: PluginChange, prefix: Path, folder: Path) -> list[Step]:
    """Return the command line of ``uv tool install`` that applies a change.

    ``uv tool install`` removes every distribution that is not one of its arguments. Therefore, the
    arguments contain all recorded requirements, and all distributions that were installed later.
    It also records constraints permanently, so the constraints are checked in a separate dry run.
    """
    uv = _program("uv", change)
    receipt = receipts.read(prefix / receipts.FILE)
    if change.action == "uninstall" and receipt.main in change.names:
        command = f"uv tool uninstall {prefix.name}"
        raise _main_application(receipt.main, "uv tool", prefix, command)
    options = receipt.write_options(folder)
    known = {canonical_name(entry["name"]) for entry in receipt.requirements}
    new = tuple(one for one in change.wanted if not _repeats(one, known, change))
    found = []
    if change.action == "install":
        where = ["--python", sys.executable]
        limits = ["-c", str(change.constraints)] if change.constraints else []
        dry = [uv, "pip", "install", "--dry-run", *where, *options, *_upgrades(change), *limits]
        found.append(Step([*dry, *_arguments(change)]))
    replaced = {one.name for one in new}
    line = [uv, "tool", "install", *options, *_upgrades(change)]
    line += receipt.arguments(folder, replaced)
    for name, dist in receipt.unrecorded().items():
        if name not in change.names:
            line += receipts.as_installed(name, dist)
    if change.action == "install":
        line += [
            f"--with-editable={one.argument}" if one.editable else f"--with={one.argument}"
            for one in new
        ]
    return [*found, Step(line, receipt.environ(prefix))]


def _repeats(one: Wanted, known: Collection[str], change: PluginChange) -> bool:
    """Return whether a distribution to install is a recorded requirement without other details."""
    repeated = one.name in known and canonical_name(one.argument) == one.name
    return change.action == "install" and repeated and not one.editable


def _program(name: str, change: PluginChange) -> str:
    if program := shutil.which(name):
        return program
    raise AstrodomeError(
        f"Cannot {change}: {name}, the installer of the environment {sys.prefix}, was not found.",
        f"Add the folder that contains {name} to PATH.",
    )


def wanted(typed: str, short: dict[str, str]) -> Wanted:
    """Return a distribution to install from its name, its short name, a path or a URL.

    The path of a file or folder is made absolute. A short name is replaced with the name of the
    distribution. The name of the distribution is an empty string if it is unknown.
    """
    path = Path(typed).expanduser()
    looks_like_path = "/" in typed.partition("@")[0] or typed.startswith((".", "~"))
    if path.suffix == ".whl" or typed.endswith((".tar.gz", ".zip")) or looks_like_path:
        if "://" in typed:
            return Wanted(typed, _name_in_file(Path(typed.partition("#")[0])))
        if not path.exists():
            raise not_found(typed, kind="File or folder", exit_code=2)
        path = path.resolve()
        return Wanted(str(path), _name_in_file(path))
    typed = short.get(canonical_name(typed), typed)
    requirement = distributions.requirement(typed)
    return Wanted(typed, requirement.name if requirement else "")


def editable(path: Path) -> Wanted:
    """Return the project folder to install in editable mode."""
    folder = path.expanduser().resolve()
    if not folder.is_dir():
        raise not_found(path, kind="Project folder", exit_code=2)
    if not any((folder / name).is_file() for name in ("pyproject.toml", "setup.py")):
        raise InvalidInputError(
            f"The folder {path} contains no Python project: pyproject.toml not found.",
            "Specify the folder that contains pyproject.toml.",
        )
    return Wanted(str(folder), _name_in_file(folder), editable=True)


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
