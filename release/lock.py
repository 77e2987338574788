"""Write and check ``pylock.toml``, the exact files of all required libraries (PEP 751).

The lock file is valid for Linux and macOS, and for the Python versions in ``PYTHONS``. It contains
neither the distributions of this repository nor the libraries of optional extras.
"""

from __future__ import annotations

import re
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .environments import index_settings
from .metadata import PYTHONS
from .processes import run
from .project import ROOT, ReleaseError, distributions

LOCK = ROOT / "pylock.toml"
FILES = "https://files.pythonhosted.org/packages/"
OLDEST = "3.11.5"
"""Oldest Python version; some libraries do not support earlier patch releases of Python 3.11."""
TAGS = (*(f"cp{number.replace('.', '')}" for number in PYTHONS), "py3", "py2.py3")
_WHEEL = re.compile(r"^    \{ url = \"[^\"]*/([^\"/]+)\.whl\"")
_UNUSED = re.compile(r"win32|win_|musllinux|armv7l|i686|ppc64|s390x|riscv64|cp\d+t-|_i386|graalpy")


def write() -> None:
    """Resolve the requirements of all distributions, and write the lock file."""
    own = [one.name for one in distributions()]
    hidden = [word for name in own for word in ("--no-emit-package", name)]
    with tempfile.TemporaryDirectory() as made:
        links = Path(made) / "links"
        run("python", "-m", "build", "-w", "-n", "-o", links, ROOT / "core")
        run("python", "-m", "build", "-w", "-n", "-o", links, ROOT / "plugins/solar")
        environ = index_settings() | {"UV_FIND_LINKS": str(links), "UV_INDEX": ""}
        run(
            *("uv", "pip", "compile", "-q", "--universal", "--python-version", OLDEST),
            *("--no-config", "--no-header", "--format", "pylock.toml", "-o", f"{made}/pylock.toml"),
            *("-c", ROOT / "constraints.txt", *hidden),
            *(one.folder / "pyproject.toml" for one in distributions()),
            environ=environ,
            isolated=True,
        )
        lines = (Path(made) / "pylock.toml").read_text("utf-8").splitlines()
    text = "\n".join(line for line in lines if _is_used(line))
    head, *packages = text.split("\n[[packages]]\n")
    used = [package for package in packages if "url = " in package]  # Others are for Windows only.
    LOCK.write_text("\n[[packages]]\n".join([head, *used]).strip() + "\n", "utf-8")
    print(f"Written: {LOCK.name} ({LOCK.stat().st_size / 1024:.0f} kB)")


def _is_used(line: str) -> bool:
    """Return whether a line is not a wheel for an unsupported system or Python version."""
    found = _WHEEL.match(line)
    if not found:
        return True
    python, abi, platform = found[1].rsplit("-", 3)[1:]
    known = any(tag in TAGS for tag in python.split(".")) or abi == "abi3"
    return known and not _UNUSED.search(f"{python}-{abi}-{platform}")


def check(_output: Path) -> list[str]:
    """Check that pylock.toml satisfies all requirements, and contains public addresses only."""
    if not LOCK.exists():
        return ["pylock.toml does not exist (run: python -m release lock)"]
    document = tomllib.loads(LOCK.read_text("utf-8"))
    if document.get("lock-version") != "1.0":
        return [f"unsupported lock-version {document.get('lock-version')}"]
    return [*_invalid_files(document), *_unmet(document)]


def _invalid_files(document: dict[str, Any]) -> Iterator[str]:
    """Yield packages whose files are missing, or have no public address or no digest."""
    for package in document["packages"]:
        given = [*package.get("wheels", []), *filter(None, [package.get("sdist")])]
        if not given or {"path", "vcs", "directory", "archive", "index"} & set(package):
            yield f"{package['name']}: expected files from the Python Package Index"
        for file in given:
            if not file.get("url", "").startswith(FILES) or "path" in file:
                yield f"{package['name']}: invalid address {file.get('url', file.get('path'))}"
            if not file.get("hashes", {}).get("sha256"):
                yield f"{package['name']}: a file has no SHA-256 digest"


def _unmet(document: dict[str, Any]) -> Iterator[str]:
    """Yield requirements and pinned versions that differ from the lock file."""
    locked: dict[str, set[str]] = {}
    for package in document["packages"]:
        locked.setdefault(canonicalize_name(package["name"]), set()).add(package["version"])
    own = {one.name for one in distributions()}
    for one in distributions():
        for line in one.project["dependencies"]:
            wanted = Requirement(line)
            found = locked.get(canonicalize_name(wanted.name), set())
            if wanted.name in own:
                continue
            if not found or not all(wanted.specifier.contains(each) for each in found):
                shown = ", ".join(sorted(found)) or "no version"
                yield f"{one.name} requires {line}, but {shown} is locked"
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines():
        name, _, version = line.partition("==")
        found = locked.get(canonicalize_name(name.strip()), set())
        if found and version and version.strip() not in found:
            yield f"constraints.txt contains {line}, but {', '.join(found)} is locked"
    if own & set(locked):
        raise ReleaseError(f"Unexpected packages in the lock file: {', '.join(own & set(locked))}.")
