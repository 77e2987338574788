"""``pylock.toml`` matches the requirements and contains public addresses only."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "pylock.toml"


@pytest.fixture
def lock(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("release.lock")


@pytest.fixture
def changed(
    lock: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str], list[str]]:
    """Return a function that replaces text in a copy of the lock file, and checks the copy."""

    def check(old: str, new: str) -> list[str]:
        text = LOCK.read_text("utf-8")
        assert old in text
        (tmp_path / "pylock.toml").write_text(text.replace(old, new, 1), "utf-8")
        monkeypatch.setattr(lock, "LOCK", tmp_path / "pylock.toml")
        return list(lock.check(tmp_path))

    return check


def test_the_lock_file_satisfies_all_requirements(lock: ModuleType, tmp_path: Path) -> None:
    assert lock.check(tmp_path) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("https://files.pythonhosted.org/packages/", "file:///wheels/", "invalid address"),
        ("https://files.pythonhosted.org/packages/", "https://mirror.example.org/", "invalid"),
        ("hashes = { sha256 = ", "hashes = { md5 = ", "no SHA-256 digest"),
        ('name = "typer"', 'name = "typer2"', "astrodome requires typer"),
        ('lock-version = "1.0"', 'lock-version = "9.0"', "unsupported lock-version"),
    ],
)
def test_a_faulty_lock_file_is_reported(
    changed: Callable[[str, str], list[str]], old: str, new: str, problem: str
) -> None:
    assert any(problem in text for text in changed(old, new))


def test_another_version_than_in_the_constraints_is_reported(
    changed: Callable[[str, str], list[str]],
) -> None:
    pin = next(
        line for line in (ROOT / "constraints.txt").read_text().splitlines() if "rich==" in line
    )
    version = pin.partition("==")[2]
    found = changed(f'name = "rich"\nversion = "{version}"', 'name = "rich"\nversion = "13.0.0"')
    assert any(f"constraints.txt contains {pin}" in text for text in found)
    assert any("requires rich" in text for text in found)


def test_wheels_for_other_systems_and_versions_are_left_out(lock: ModuleType) -> None:
    text = LOCK.read_text("utf-8")
    for tag in ("win_amd64", "musllinux", "-cp310-cp310-", "-cp314-cp314-"):
        assert tag not in text
    for tag in ("manylinux", "macosx", "-cp311-", "-cp312-", "-cp313-"):
        assert tag in text
