"""Build the wheels and source distributions twice, and compare the files."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

from .processes import run
from .project import ROOT, Distribution, ReleaseError, distributions

PACKAGES = "packages"
"""Subfolder of the output folder for wheels and source distributions."""


def check(output: Path) -> list[str]:
    """Check that two builds of every wheel and source distribution have the same bytes.

    The second build runs in a copy of the source tree at another path, and the wheel is built
    from the source distribution. The modification times are those of the last commit.
    """
    folder = output / PACKAGES
    shutil.rmtree(folder, ignore_errors=True)
    built = build(ROOT, folder)
    with tempfile.TemporaryDirectory() as made:
        copy = Path(made) / "copy"
        _copy_sources(copy)
        second = build(copy, Path(made) / "packages")
        wrong = [
            f"{name} differs between two builds"
            for name in built
            if second.get(name) != built[name]
        ]
    for name, digest in built.items():
        size = (folder / name).stat().st_size
        print(f"   {name:48} {size / 1024:8.0f} kB  sha256 {digest[:16]}…")
    (output / "SHA256SUMS").write_text(
        "".join(f"{digest}  {name}\n" for name, digest in built.items()), "utf-8"
    )
    return wrong


def build(root: Path, target: Path) -> dict[str, str]:
    """Build all distributions below a folder, and return the digests of the files by name."""
    environ = {"SOURCE_DATE_EPOCH": run("/usr/bin/env", "git", "log", "-1", "--format=%ct").strip()}
    for one in distributions():
        source = root / one.folder.relative_to(ROOT)
        run("python", "-m", "build", "--no-isolation", "-o", target, source, environ=environ)
    found = sorted(path for path in target.iterdir() if path.suffix in (".whl", ".gz"))
    if len(found) != 2 * len(distributions()):
        raise ReleaseError(f"Expected a wheel and a source distribution each, got {len(found)}.")
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def packages(output: Path, suffix: str) -> list[Path]:
    """Return the built files with a suffix; build them if the folder is missing."""
    folder = output / PACKAGES
    if not folder.is_dir():
        build(ROOT, folder)
    return sorted(folder.glob(f"*{suffix}"))


def wheel(output: Path, one: Distribution) -> Path:
    """Return the built wheel of a distribution."""
    for path in packages(output, ".whl"):
        if path.name.startswith(f"{one.package}-"):
            return path
    raise ReleaseError(f"The wheel of {one.name} was not built.")


def _copy_sources(target: Path) -> None:
    """Copy the files of the repository that git does not ignore."""
    listed = run("/usr/bin/env", "git", "ls-files", "-co", "--exclude-standard", "-z")
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if path.is_file():
            copied = target / name
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copied)
