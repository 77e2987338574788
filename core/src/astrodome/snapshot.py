"""Backup of the installed distributions, to undo the changes made by an installer."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import Distribution, distributions
from importlib.util import cache_from_source
from pathlib import Path

from .distributions import canonical_name, name_of, version_of

PREFIX = ".astrodome-backup-"


@dataclass(frozen=True)
class Saved:
    """Backup of a distribution. ``files`` maps the original paths to the paths of the backup."""

    name: str
    version: str
    record: str
    files: dict[Path, Path] = field(default_factory=dict)


class Snapshot:
    """Backup of all distributions in this environment, consisting of hard links.

    Installers replace files instead of modifying them. Therefore, a hard link preserves the old
    content without using disk space. The files in ``extra`` are copied.
    """

    def __init__(self, extra: list[Path]) -> None:
        for left in Path(sys.prefix).glob(f"{PREFIX}*"):  # A killed process left it behind.
            shutil.rmtree(left, ignore_errors=True)
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=sys.prefix))
        self.places = _places()
        self.top = {place: _names(place) for place in self.places}
        self.saved = {saved.name: saved for saved in map(self._save, _recorded(self.places))}
        self.extra: dict[Path, Path] = {}
        for number, file in enumerate(extra):
            copy = self.folder / f"extra-{number}"
            shutil.copy2(file, copy)
            self.extra[file] = copy

    def _save(self, dist: Distribution) -> Saved:
        saved = Saved(
            canonical_name(name_of(dist)), version_of(dist), dist.read_text("RECORD") or ""
        )
        target = self.folder / saved.name
        target.mkdir(exist_ok=True)
        for number, path in enumerate(_files(dist)):
            copy = target / str(number)
            if _link(path, copy):
                saved.files[path] = copy
        return saved

    def changed(self) -> tuple[set[str], dict[str, tuple[str, str]]]:
        """Return the names of added distributions, and the old and new versions of changed ones."""
        now = {canonical_name(name_of(dist)): dist for dist in _recorded(self.places)}
        added = set(now) - set(self.saved)
        different = {}
        for name, saved in self.saved.items():
            dist = now.get(name)
            if dist is None or (dist.read_text("RECORD") or "") != saved.record:
                different[name] = (saved.version, version_of(dist) if dist else "")
        return added, different

    def restore(self) -> list[str]:
        """Restore the distributions, and return descriptions of the changes that were undone."""
        added, different = self.changed()
        for dist in list(_recorded(self.places)):
            if canonical_name(name_of(dist)) in added | set(different):
                _remove(list(_files(dist)))
        for place in self.places:
            for name in _names(place) - self.top[place]:
                _delete(place / name)
        for name in different:
            for path, copy in self.saved[name].files.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.unlink(missing_ok=True)
                _link(copy, path)
        for file, copy in self.extra.items():
            shutil.copy2(copy, file)
        return [f"{name} removed" for name in sorted(added)] + [
            f"{name} {old} restored" for name, (old, _) in sorted(different.items())
        ]

    def discard(self) -> None:
        """Delete the backup."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _places() -> list[Path]:
    """Return the site-packages folders of this environment."""
    paths = sysconfig.get_paths()
    return [Path(path) for path in dict.fromkeys((paths["purelib"], paths["platlib"]))]


def _names(place: Path) -> set[str]:
    with suppress(OSError):
        return {entry.name for entry in os.scandir(place)}
    return set()


def _recorded(places: list[Path]) -> list[Distribution]:
    """Return the distributions that have a RECORD file."""
    found = distributions(path=[str(place) for place in places])
    return [dist for dist in found if name_of(dist) and dist.read_text("RECORD")]


def _files(dist: Distribution) -> list[Path]:
    """Return the existing files of a distribution that are inside this environment."""
    root = Path(sys.prefix).resolve()
    found = []
    for file in dist.files or ():
        path = Path(os.path.normpath(str(dist.locate_file(file))))
        if path.is_file() and (path.is_relative_to(sys.prefix) or path.is_relative_to(root)):
            found.append(path)
    return found


def _remove(files: list[Path]) -> None:
    """Delete files, their bytecode files, and the folders that are empty afterwards."""
    folders = set()
    for path in files:
        path.unlink(missing_ok=True)
        folders.add(path.parent)
        if path.suffix == ".py":
            compiled = Path(cache_from_source(str(path)))
            compiled.unlink(missing_ok=True)
            folders.add(compiled.parent)
    for folder in sorted(folders, key=lambda f: len(f.parts), reverse=True):
        with suppress(OSError):  # Folders that are not empty are kept.
            while folder != Path(sys.prefix):
                folder.rmdir()
                folder = folder.parent


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _link(path: Path, copy: Path) -> bool:
    """Create a hard link, or a copy if hard links are not supported.

    Return False if the file cannot be read.
    """
    try:
        os.link(path, copy)
    except OSError:
        try:
            shutil.copy2(path, copy)
        except OSError:
            return False
    return True
