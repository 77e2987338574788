"""The apps have second names, for computers with another program of the same name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from astrodome import suggestions

LAUNCHER = "#!{python}\nfrom astrodome.start import run\nrun()\n"

pytestmark = pytest.mark.requires("astrodome_ztf_scope")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the scripts that pip writes."""
    made = tmp_path / "bin"
    made.mkdir()
    for name in ("sdo", "scope", "ztf-scope"):
        write(made / name, LAUNCHER.format(python=sys.executable))
    return made


def write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def run(
    folder: Path, name: str, *args: str, first: Path | None = None, **environ: str
) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(map(str, (*([first] if first else []), folder, "/usr/bin", "/bin")))
    variables = {
        "PATH": path,
        "ASTRODOME_HOME": str(folder.parent / "home"),
        "HOME": str(folder.parent),
        **environ,
    }
    return subprocess.run(
        [folder / name, *args], env=variables, capture_output=True, text=True, check=False
    )


def notes(folder: Path, name: str, first: Path | None = None, **environ: str) -> list[str]:
    ran = run(folder, name, "plugins", "doctor", "--json", first=first, **environ)
    rows = json.loads(ran.stdout)
    return [
        row["finding"] for row in rows if row["status"] == "note" and "program" in row["finding"]
    ]


def test_the_second_name_starts_the_same_app(folder: Path) -> None:
    classes = [run(folder, name, "classes", "--json").stdout for name in ("scope", "ztf-scope")]
    assert classes[0] == classes[1] and json.loads(classes[0])


def test_usage_texts_contain_the_name_under_which_the_app_was_started(folder: Path) -> None:
    for name in ("scope", "ztf-scope"):
        assert f"Usage: {name} train " in run(folder, name, "train", "--help").stdout
        assert f"Usage: {name} " in run(folder, name, "--help").stdout
        failed = run(folder, name, "train", "--moon")
        assert failed.returncode == 2 and f"{name} train" in failed.stderr
    described = json.loads(run(folder, "ztf-scope", "schema", "classes").stdout)
    assert described["command"] == "ztf-scope classes"


def test_both_names_use_the_same_environment_variables(folder: Path) -> None:
    for name in ("scope", "ztf-scope"):
        ran = run(folder, name, "classes", SCOPE_CLASSES_AS_JSON="1")
        assert json.loads(ran.stdout)


def test_errors_of_a_damaged_installation_contain_the_name(folder: Path) -> None:
    code = "import sys; sys.modules['pluggy'] = None; from astrodome.start import run; run()"
    write(folder / "ztf-scope", f"#!{sys.executable}\n{code}\n")
    ran = run(folder, "ztf-scope", "classes")
    assert ran.returncode == 1 and "Error: ztf-scope cannot start" in ran.stderr


def test_doctor_reports_another_program_that_comes_first_in_path(
    folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other" / "scope"
    write(other, "#!/bin/sh\necho oscilloscope\n")
    (note,) = notes(folder, "ztf-scope", other.parent)
    assert str(other) in note and "use the name ztf-scope" in note
    assert notes(folder, "ztf-scope") == []
    assert notes(folder, "sdo", other.parent) == []


def test_other_programs_do_not_change_a_start(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "scope"
    write(other, "#!/bin/sh\necho oscilloscope\n")
    assert run(folder, "ztf-scope", "classes", first=other.parent).stderr == ""


def test_a_link_or_a_shim_is_not_another_program(folder: Path, tmp_path: Path) -> None:
    links = tmp_path / "links"
    links.mkdir()
    (links / "scope").symlink_to(folder / "scope")
    assert notes(folder, "scope", links) == []
    (links / "scope").unlink()
    write(
        links / "scope", '#!/usr/bin/env bash\nexec "/x/pyenv" exec "$program" "$@"\npyenv exec\n'
    )
    assert notes(folder, "scope", links) == []


def test_doctor_reports_a_distribution_with_a_program_of_the_same_name(
    folder: Path, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    (site / "scope-1.0.dist-info").mkdir(parents=True)
    (site / "scope-1.0.dist-info" / "METADATA").write_text("Name: scope\nVersion: 1.0\n")
    (site / "scope-1.0.dist-info" / "entry_points.txt").write_text(
        "[console_scripts]\nscope = scope.main:run\n"
    )
    (note,) = notes(folder, "scope", PYTHONPATH=str(site))
    assert "the distribution scope also installs a program 'scope'" in note


def test_the_distribution_installs_all_names() -> None:
    text = (Path(__file__).parents[2] / "core" / "pyproject.toml").read_text("utf-8")
    expected = {name for app in suggestions.apps() for name in suggestions.scripts(app)}
    assert set(tomllib.loads(text)["project"]["scripts"]) == expected
