"""The version, the addresses and the authors are the same everywhere."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = [ROOT / "core", *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]


def release(root: Path, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "release", *args]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def project(folder: Path) -> dict[str, object]:
    return dict(tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"])


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the files that contain the version or the addresses."""
    for folder in FOLDERS:
        (init,) = folder.glob("src/*/__init__.py")
        for path in (folder / "pyproject.toml", folder / "README.md", init):
            target = tmp_path / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    for name in ("CHANGELOG.md", "CITATION.cff", "codemeta.json", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "release", tmp_path / "release")
    return tmp_path


def test_all_metadata_agree(tmp_path: Path) -> None:
    ran = release(ROOT, "check", "metadata", "--output", str(tmp_path))
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_address_is_the_one_of_the_root() -> None:
    addresses = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["astrodome"]
    for folder in FOLDERS:
        urls = project(folder)["urls"]
        assert isinstance(urls, dict)
        assert urls["Source"] == addresses["repository"]
        assert urls["Documentation"] == addresses["documentation"]
        assert all(url.startswith(tuple(addresses.values())) for url in urls.values())
    meta = json.loads((ROOT / "codemeta.json").read_text("utf-8"))
    assert meta["codeRepository"] == addresses["repository"]
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"\nrepository-code: {addresses['repository']}\n" in citation


def test_descriptions_contain_absolute_links_to_existing_files() -> None:
    addresses = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["astrodome"]
    start = f"{addresses['repository']}/blob/main/"
    found = []
    for folder in FOLDERS:
        text = (folder / "README.md").read_text("utf-8")
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            if link.startswith(start):
                found.append(link.removeprefix(start).partition("#")[0])
            assert link.startswith(("https://", "#")), f"{folder.name}: {link}"
    assert found and all((ROOT / path).exists() for path in found)


def test_another_address_changes_the_links_in_descriptions(copy: Path) -> None:
    path = copy / "pyproject.toml"
    path.write_text(
        path.read_text("utf-8").replace("https://github.com/astrodome/", "https://example.org/")
    )
    release(copy, "set-version", "7.8.9")
    text = (copy / "plugins/goes/README.md").read_text("utf-8")
    assert "](https://example.org/astrodome/blob/main/examples/goes_api.py)" in text
    assert "github.com/astrodome" not in text


def test_one_command_sets_the_version_everywhere(copy: Path) -> None:
    ran = release(copy, "set-version", "7.8.9", "--date", "2031-02-03")
    assert ran.returncode == 0, ran.stderr
    for folder in FOLDERS:
        init = next((copy / folder.relative_to(ROOT)).glob("src/*/__init__.py"))
        assert '__version__ = "7.8.9"\n' in init.read_text("utf-8")
        found = project(copy / folder.relative_to(ROOT))
        assert found["dynamic"] == ["version"]
        wanted = [line for line in found["dependencies"] if line.startswith("astrodome")]  # type: ignore[attr-defined]
        assert all(re.fullmatch(r"[\w\[\]-]+>=7\.8\.9", line) for line in wanted)
    assert json.loads((copy / "codemeta.json").read_text("utf-8"))["version"] == "7.8.9"
    citation = (copy / "CITATION.cff").read_text("utf-8")
    assert "\nversion: 7.8.9\ndate-released: 2031-02-03\n" in citation
    assert release(copy, "check", "metadata").returncode == 0


def test_a_second_release_replaces_the_date(copy: Path) -> None:
    release(copy, "set-version", "7.8.9", "--date", "2031-02-03")
    release(copy, "set-version", "8.0.0", "--date", "2032-02-03")
    assert re.findall("date-released: .*", (copy / "CITATION.cff").read_text("utf-8")) == [
        "date-released: 2032-02-03"
    ]


@pytest.mark.parametrize("version", ["next", "1.0-rc1", "v1.0"])
def test_an_invalid_version_changes_nothing(copy: Path, version: str) -> None:
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    ran = release(copy, "set-version", version)
    assert ran.returncode == 1 and f"Invalid version '{version}'" in ran.stderr
    assert all(path.read_bytes() == data for path, data in before.items())


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("plugins/goes/src/astrodome_goes/__init__.py", "__version__ =", "__version__: str ="),
        ("plugins/goes/src/astrodome_goes/__init__.py", '"0.1.0"', '"0.1.1"'),
        ("plugins/goes/pyproject.toml", "astrodome>=0.1.0", "astrodome>=0.0.9"),
        ("plugins/goes/pyproject.toml", "/issues", "/bugs"),
        ("plugins/goes/pyproject.toml", '  "Typing :: Typed",\n', ""),
        ("plugins/goes/pyproject.toml", 'dynamic = ["version"]', 'version = "0.1.0"'),
        ("CITATION.cff", "repository-code: h", "repository-code: x"),
        ("codemeta.json", '"version": "0.1.0"', '"version": "0.1.1"'),
        ("pyproject.toml", "https://github.com/astrodome/astrodome", "https://example.org/other"),
    ],
)
def test_a_disagreement_is_reported(copy: Path, file: str, old: str, new: str) -> None:
    release(copy, "set-version", "0.1.0")
    text = (copy / file).read_text("utf-8")
    assert old in text
    (copy / file).write_text(text.replace(old, new), "utf-8")
    ran = release(copy, "check", "metadata")
    assert ran.returncode == 1 and "FAILED metadata: " in ran.stdout


def test_a_tag_must_match_the_version_and_the_changelog(copy: Path) -> None:
    release(copy, "set-version", "7.8.9")
    assert "expected v7.8.9" in release(copy, "tag", "v7.8.8").stderr
    assert "no section for the version 7.8.9" in release(copy, "tag", "v7.8.9").stderr
    with (copy / "CHANGELOG.md").open("a", encoding="utf-8") as file:
        file.write("\n## 7.8.9 (2031-02-03)\n\n- Text.\n")
    assert release(copy, "tag", "v7.8.9").returncode == 0
