"""The checks of built distributions find faults."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Return a function that imports a module of the release tools."""
    monkeypatch.syspath_prepend(str(ROOT))

    def load(name: str) -> ModuleType:
        return importlib.import_module(f"release.{name}")

    return load


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """Return an output folder with the wheel of the smallest distribution."""
    command = [sys.executable, "-m", "build", "-q", "-w", "-n", "-o", str(tmp_path / "packages")]
    subprocess.run([*command, str(ROOT / "plugins/mcp")], check=True, capture_output=True)
    (made,) = (tmp_path / "packages").glob("*.whl")
    return made


def rewrite(wheel: Path, change) -> None:  # type: ignore[no-untyped-def]
    """Replace the content of each file in a wheel by ``change(name, content)``."""
    with zipfile.ZipFile(wheel) as old:
        files = {name: change(name, old.read(name)) for name in old.namelist()}
    with zipfile.ZipFile(wheel, "w") as new:
        for name, content in files.items():
            new.writestr(name, content)


def test_each_check_has_a_summary_and_is_in_the_guide(load) -> None:  # type: ignore[no-untyped-def]
    guide = (ROOT / "docs/development/releasing.md").read_text("utf-8")
    for name, summary in load("checks").summaries().items():
        assert summary.endswith(".") and f"| `{name}` | " in guide


def test_an_unknown_check_is_an_error() -> None:
    command = [sys.executable, "-m", "release", "check", "moon"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 1 and "Unknown check 'moon'" in ran.stderr


def test_twine_rejects_a_faulty_description(load, wheel: Path) -> None:  # type: ignore[no-untyped-def]
    pytest.importorskip("twine")
    quality = load("quality")
    assert quality.twine(wheel.parents[1]) == []

    def change(name: str, content: bytes) -> bytes:
        if not name.endswith("METADATA"):
            return content
        head = content.partition(b"\n\n")[0].replace(b"text/markdown", b"text/x-rst")
        return head + b"\n\n" + b"A `broken <description\n===\n"

    rewrite(wheel, change)
    (problem,) = quality.twine(wheel.parents[1])
    assert "twine" in problem


def test_unexpected_files_in_a_wheel_are_found(load, wheel: Path) -> None:  # type: ignore[no-untyped-def]
    pytest.importorskip("check_wheel_contents")
    quality = load("quality")
    assert quality.contents(wheel.parents[1]) == []
    record = b"tests/test_x.py,,\n"
    rewrite(wheel, lambda name, content: content + record * name.endswith("RECORD"))
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("tests/test_x.py", "x = 1\n")
    (problem,) = quality.contents(wheel.parents[1])
    assert "check-wheel-contents" in problem


def test_local_addresses_are_removed_from_a_bill_of_materials(load) -> None:  # type: ignore[no-untyped-def]
    document = {
        "components": [
            {
                "bom-ref": "a",
                "name": "astrodome",
                "externalReferences": [
                    {"type": "distribution", "url": "file:///wheels/astrodome.whl"},
                    {"type": "vcs", "url": "https://example.org"},
                ],
            },
            {
                "bom-ref": "b",
                "name": "rich",
                "externalReferences": [{"type": "distribution", "url": "file:///wheels/rich.whl"}],
            },
        ],
        "dependencies": [],
    }
    public = load("supply_chain")._public(document, "sdo")
    assert "file:" not in json.dumps(public)
    assert public["components"][0]["externalReferences"][0]["url"] == "https://example.org"
    assert public["dependencies"] == [{"ref": "application-sdo", "dependsOn": ["a"]}]
    assert public["metadata"]["component"]["name"] == "sdo"


def test_the_same_sources_give_the_same_wheel_and_changed_sources_do_not(
    wheel: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "another" / "folder"
    shutil.copytree(ROOT / "plugins/mcp", copy, ignore=shutil.ignore_patterns("__pycache__"))

    def built(name: str) -> bytes:
        command = [sys.executable, "-m", "build", "-q", "-w", "-n", "-o", str(tmp_path / name)]
        subprocess.run([*command, str(copy)], check=True, capture_output=True)
        (made,) = (tmp_path / name).glob("*.whl")
        return made.read_bytes()

    assert built("second") == wheel.read_bytes()
    with (copy / "src/astrodome_mcp/__init__.py").open("a") as file:
        file.write("# changed\n")
    assert built("third") != wheel.read_bytes()
