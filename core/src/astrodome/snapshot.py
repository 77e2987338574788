"""Back up the installed distributions, and restore them after a failed change."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

from . import distributions

PREFIX = ".astrodome-backup-"


class Snapshot:
    """Backup of the packages and scripts in this environment, consisting of hard links.

    Installers replace files instead of modifying them. Therefore, a hard link preserves the old
    content without using disk space. The files in ``extra`` are copied.
    """

    def __init__(self, extra: list[Path]) -> None:
        for left in Path(sys.prefix).glob(f"{PREFIX}*"):  # Left behind by a killed process.
            shutil.rmtree(left, ignore_errors=True)
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=sys.prefix))
        self.versions = distributions.versions()
        self.saved: dict[Path, Path] = {}
        for number, path in enumerate([*_folders(), *extra]):
            copy = self.folder / str(number)
            if path.is_dir():
                shutil.copytree(path, copy, symlinks=True, copy_function=_link)
            else:
                shutil.copy2(path, copy)
            self.saved[path] = copy

    def restore(self) -> list[str]:
        """Restore the distributions, and return descriptions of the changes that were undone."""
        now = distributions.versions()
        for number, (path, copy) in enumerate(self.saved.items()):
            if path.exists():
                path.rename(self.folder / f"changed-{number}")
            copy.rename(path)
        undone = [f"{name} removed" for name in sorted(set(now) - set(self.versions))]
        return undone + [
            f"{name} {old} restored"
            for name, old in sorted(self.versions.items())
            if now.get(name) != old
        ]

    def discard(self) -> None:
        """Delete the backup."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _folders() -> list[Path]:
    """Return the folders of this environment that contain packages and scripts."""
    paths = sysconfig.get_paths()
    names = dict.fromkeys(paths[name] for name in ("purelib", "platlib", "scripts"))
    return [Path(name) for name in names if Path(name).is_dir()]


def _link(source: str, target: str) -> None:
    """Create a hard link, or a copy if hard links are not supported."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
