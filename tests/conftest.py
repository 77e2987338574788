"""Fixtures for all tests."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that runs the tests in the background ignores SIGINT, which child processes inherit.
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["selection"]

TORTURE = bool(os.environ.get("ASTRODOME_TORTURE"))

# Other processes use the CPU at the same time, so a time limit for one example is not useful.
hypothesis.settings.register_profile("dev", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.register_profile("torture", deadline=None, max_examples=1000)
hypothesis.settings.load_profile("torture" if TORTURE else "ci" if os.environ.get("CI") else "dev")


@pytest.fixture(scope="session")
def torture() -> Callable[[int, int], int]:
    """Return the number of repetitions: a sample, or the full number with ASTRODOME_TORTURE."""

    def count(sample: int, full: int) -> int:
        return full if TORTURE else sample

    return count


@pytest.fixture(autouse=True)
def private_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the settings and the state of the user from every test."""
    home = tmp_path_factory.mktemp("home")
    for name in [n for n in os.environ if n.startswith(("ASTRODOME_", "SDO_", "SCOPE_"))]:
        if name != "ASTRODOME_TORTURE":
            monkeypatch.delenv(name)
    for name in ("config", "data"):  # astropy warns about a folder that does not exist
        (home / name).mkdir()
        monkeypatch.setenv(f"XDG_{name.upper()}_HOME", str(home / name))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Return a function that mounts a small file system; skip the test if this is not allowed."""
    mounted: list[Path] = []

    def mount(options: str) -> Path:
        point = tmp_path / "disk"
        point.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(point)]
        if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("mounting a small file system is not allowed here")
        mounted.append(point)
        return point

    yield mount
    for point in mounted:
        subprocess.run(["umount", "--lazy", str(point)], check=True)
