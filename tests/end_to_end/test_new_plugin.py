"""The command ``plugins new`` writes distributions that pass their own tests and all checks."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from astrodome import scaffold
from astrodome.testing import run

from . import test_requirements
from .conftest import EVERYTHING
from .conftest import new_plugin as new

VARIANTS = {
    "x": (),
    "only-an-application": ("--app", "the-longest-app-name-24"),
    "only-a-kind": ("--kind", "the-longest_kind-name-24"),
    "a-name-of_24-characters1": EVERYTHING,
    "only-images": ("--source", "images"),
    "only-sood": ("--model", "sood"),
    "only-scope": ("--model", "scope"),
}
"""Options by name of the plugin: each template alone, all together, short and long names."""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one distribution for each variant."""
    made = tmp_path_factory.mktemp("variants")
    for name, options in VARIANTS.items():
        new(name, *options, "--output", made / name).succeeded()
    return made


def check(folder: Path, *command: object) -> None:
    """Run a tool on the new distributions as if they were installed."""
    sources = map(str, folder.glob("*/src"))
    search_path = filter(None, [*sources, os.environ.get("PYTHONPATH")])
    ran = subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(search_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_each_distribution_passes_its_tests(folder: Path) -> None:
    check(folder, "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", ".")


def test_each_distribution_passes_ruff(folder: Path) -> None:
    pytest.importorskip("ruff")
    check(folder, "ruff", "check", "--no-cache", ".")
    check(folder, "ruff", "format", "--no-cache", "--check", ".")


def test_the_distribution_with_all_components_passes_mypy(folder: Path) -> None:
    pytest.importorskip("mypy")
    check(folder / "a-name-of_24-characters1", "mypy", "--cache-dir", folder / ".mypy_cache")


@pytest.mark.parametrize("name", VARIANTS)
def test_each_distribution_has_complete_metadata(folder: Path, name: str) -> None:
    project = tomllib.loads((folder / name / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["name"] == f"astrodome-{name.replace('_', '-')}"
    assert {"Source", "Issues", "Changelog"} <= set(project["urls"])
    for lines in (project["dependencies"], project["classifiers"]):
        assert lines == sorted(lines)
    for file in ("README.md", "LICENSE", "CHANGELOG.md", ".github/workflows/publish.yml"):
        assert (folder / name / file).read_text("utf-8").strip()
    assert not [path for path in (folder / name).rglob("*") if path.suffix == scaffold.EXTENSION]


def test_all_imported_libraries_are_required(folder: Path) -> None:
    name = "a-name-of_24-characters1"
    test_requirements.test_a_distribution_requires_every_library_that_it_imports(folder / name)


def test_the_entry_points_belong_to_the_extended_apps(folder: Path) -> None:
    def groups(name: str) -> dict[str, dict[str, str]]:
        text = (folder / name / "pyproject.toml").read_text("utf-8")
        found: dict[str, dict[str, str]] = tomllib.loads(text)["project"]["entry-points"]
        return found

    package = "astrodome_a_name_of_24_characters1"
    plugin = {"a-name-of-24-characters1": f"{package}.plugin"}
    assert groups("a-name-of_24-characters1") == {
        "astrodome.sdo": plugin,
        "astrodome.scope": plugin,
        "astrodome.coronal": {"coronal": f"{package}.app"},
    }
    assert groups("only-scope") == {
        "astrodome.scope": {"only-scope": "astrodome_only_scope.plugin"}
    }
    assert list(groups("only-images")) == list(groups("x")) == ["astrodome.sdo"]


@pytest.mark.parametrize(
    ("name", "apps"),
    [
        ("x", ["sdo"]),
        ("only-an-application", ["the-longest-app-name-24"]),
        ("only-scope", ["scope"]),
        ("a-name-of_24-characters1", ["sdo", "coronal", "scope"]),
    ],
)
def test_the_program_of_each_extended_app_checks_the_plugin(
    folder: Path, name: str, apps: list[str]
) -> None:
    readme = (folder / name / "README.md").read_text("utf-8")
    workflow = (folder / name / ".github/workflows/test.yml").read_text("utf-8")
    distribution = f"astrodome-{name.replace('_', '-')}"
    expected = [f"{app} plugins doctor {distribution}" for app in apps]
    assert [line[2:] for line in readme.splitlines() if "doctor" in line] == expected
    steps = [line.partition("run: ")[2] for line in workflow.splitlines() if "doctor" in line]
    assert steps == expected


def test_a_plugin_requires_the_distribution_with_the_program_of_its_app(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "astrodome_observatory-1.2+local.dist-info"
    info.mkdir()
    metadata = "Metadata-Version: 2.1\nName: astrodome-observatory\nVersion: 1.2+local\n"
    (info / "METADATA").write_text(metadata)
    scripts = "[console_scripts]\nobservatory = astrodome.start:run\n"
    (info / "entry_points.txt").write_text(scripts)
    monkeypatch.syspath_prepend(str(tmp_path))
    for app, expected in (
        ("observatory", ["astrodome-observatory>=1.2", "astrodome>=0.1"]),
        ("sdo", ["astrodome>=0.1"]),
    ):
        new("weather", "--output", tmp_path / app, app=app).succeeded()
        text = (tmp_path / app / "pyproject.toml").read_text("utf-8")
        assert tomllib.loads(text)["project"]["dependencies"] == expected


@pytest.mark.requires("astrodome_sdo_data", "pandas", "PIL")
def test_the_readme_of_a_source_contains_the_command_that_downloads_its_images(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readme = (folder / "only-images" / "README.md").read_text("utf-8").replace("\\\n", "")
    assert "$ pip install astrodome-only-images astrodome-sdo-data\n" in readme
    (line,) = [line for line in readme.splitlines() if " data download " in line]
    monkeypatch.syspath_prepend(str(folder / "only-images" / "src"))
    monkeypatch.chdir(tmp_path)
    loaded = ("astrodome_only_images.plugin", "astrodome_sdo_data.plugin")
    run(*line.split()[1:], plugin=loaded).succeeded()
    assert len(list((tmp_path / "images").rglob("*.jpeg"))) == 3


def test_a_command_extends_the_app_that_wrote_it(tmp_path: Path) -> None:
    written = new("corona", "--output", tmp_path / "new", "--json", app="scope").succeeded().json
    assert written["distribution"] == "astrodome-corona"
    assert written["folder"] == str(tmp_path / "new")
    found = (path.relative_to(tmp_path / "new") for path in (tmp_path / "new").rglob("*.*"))
    assert {path.as_posix() for path in found if (tmp_path / "new" / path).is_file()} <= {
        *written["files"]
    }
    assert '"astrodome.scope"' in (tmp_path / "new" / "pyproject.toml").read_text("utf-8")


def test_the_author_is_in_the_metadata_and_in_the_license(tmp_path: Path) -> None:
    author = 'Zoë "Z" O\'Neil <zoe@example.org>'
    new("corona", "--author", author, "--output", tmp_path / "new").succeeded()
    project = tomllib.loads((tmp_path / "new" / "pyproject.toml").read_text("utf-8"))["project"]
    (found,) = project["authors"]
    assert found["email"] == "zoe@example.org" and found["name"].startswith("Zoë")
    assert found["name"] in (tmp_path / "new" / "LICENSE").read_text("utf-8")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("Corona",), "Invalid name 'Corona'"),
        (("a--b",), "Invalid name 'a--b'"),
        (("../x",), "Invalid name '../x'"),
        (("x" * 25,), "expected 1 to 24 lower-case letters"),
        (("",), "Invalid name ''"),
        (("corona", "--app", "My App"), "Invalid application 'My App'"),
        (("corona", "--kind", "1st"), "Invalid kind '1st'"),
        (("goes",), "The distribution astrodome-goes already exists"),
        (("template_",), "Invalid name"),
        (("data",), "The command 'data' already exists"),
        (("detect", "--model", "sood"), "The model 'detect' already exists"),
        (("gsu", "--source", "images"), "The source 'gsu' already exists"),
        (("corona", "--kind", "images"), "The source kind 'images' already exists"),
        (("corona", "--app", "scope"), "The application 'scope' already exists"),
        (("corona", "--app", "ls"), "The program 'ls' (/"),
        (("corona", "--source", "image"), "'image' is not declared by an installed plugin"),
        (("corona", "--model", "soood"), "The task 'soood' is not declared"),
        (("plugins",), "reserved"),
        (("class",), "Invalid name 'class': it is a Python keyword"),
        (("numpy",), "Invalid name 'numpy': it is an importable module"),
        (("corona", "--app", "json"), "Invalid application 'json': it is an importable module"),
        (("corona", "--kind", "import"), "Invalid kind 'import': it is a Python keyword"),
    ],
)
def test_a_name_that_cannot_be_used_is_an_error_and_nothing_is_written(
    args: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    failed = new(*args, "--output", tmp_path / "new")
    assert failed.code == 2 and message in failed.err, failed.err
    assert "Traceback" not in failed.err and "Hint: " in failed.err
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_kept(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    failed = new("corona", "--output", tmp_path / "new")
    assert failed.code == 2 and f"{tmp_path / 'new'} already exists" in failed.err
    missing = new("corona", "--output", tmp_path / "missing" / "new")
    assert missing.code == 2 and f"Folder not found: {tmp_path / 'missing'}" in missing.err
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    assert list((tmp_path / "new").iterdir()) == []


def test_an_error_while_writing_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []
    write_text = Path.write_text

    def fail(path: Path, *args: str) -> int:
        written.append(path)
        if len(written) > 5:
            raise OSError(28, "No space left on device", str(path))
        return write_text(path, *args)

    monkeypatch.setattr(Path, "write_text", fail)
    failed = new("corona", "--output", tmp_path / "new")
    assert failed.code == 1 and "No space left" in failed.err
    assert len(written) == 6 and list(tmp_path.iterdir()) == []
