"""Entries for the changelog have names that towncrier reads."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def misplaced(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], list[str]]:
    monkeypatch.syspath_prepend(str(ROOT))
    from release.changelog import misplaced

    return misplaced


def test_every_entry_is_read(misplaced: Callable[[Path], list[str]]) -> None:
    assert misplaced(ROOT / "changes") == []
    assert len(list((ROOT / "changes").glob("*/*.md"))) > 0


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("12.feature.md", "Text.", "expected a folder"),
        ("moon/12.feature.md", "Text.", "expected a folder"),
        ("goes/12.wonder.md", "Text.", "expected a name"),
        ("goes/12.feature.rst", "Text.", "expected a name"),
        ("goes/12.feature.md", " \n", "empty file"),
    ],
)
def test_a_file_that_would_be_ignored_is_reported(
    tmp_path: Path,
    misplaced: Callable[[Path], list[str]],
    name: str,
    text: str,
    problem: str,
) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    (found,) = misplaced(tmp_path)
    assert found.startswith(name) and problem in found


def test_the_changelog_contains_the_text_of_an_entry(tmp_path: Path) -> None:
    pytest.importorskip("towncrier")
    import shutil
    import subprocess

    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "changes/goes").mkdir(parents=True)
    (tmp_path / "changes/goes/12.bugfix.md").write_text("The *peak* is correct.")
    shutil.copy(ROOT / "CHANGELOG.md", tmp_path)
    command = [sys.executable, "-m", "towncrier", "build", "--yes", "--version", "9.9.9"]
    subprocess.run([*command, "--date", "2031-02-03"], cwd=tmp_path, check=True)
    text = (tmp_path / "CHANGELOG.md").read_text("utf-8")
    assert "## 9.9.9 (2031-02-03)\n" in text
    assert "- The *peak* is correct. (#12)" in text
    assert "### X-ray flux and flares (`astrodome-goes`)" in text
    assert not list((tmp_path / "changes/goes").iterdir())
