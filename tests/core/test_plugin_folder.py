"""Plugins in a folder of Python files: they are used without being installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from astrodome import health, models, plugins

MOON = '''
"""A plugin in one file."""
from astrodome import AstrodomeError, CommandSpec, ModelSpec, hookimpl

@hookimpl
def register_commands():
    yield CommandSpec("moon", "{name}:moon", help="Show the age of the Moon.")

@hookimpl
def register_models():
    yield ModelSpec("phases", "{name}", "{name}:Phases", summary="Phases of the Moon.")

def moon(day: int = 3) -> None:
    """Show the age of the Moon."""
    if day < 0:
        raise AstrodomeError("Negative day.")
    print(f"{{day}} days")

class Phases:
    age = 29.5
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the plugin ``moon``, outside of the folder of installed plugins."""
    made = tmp_path / "my plugins"
    made.mkdir()
    (made / "moon.py").write_text(MOON.format(name="moon"))
    (made / "_helper.py").write_text("raise RuntimeError('imported')")
    (made / "notes.txt").write_text("not Python")
    (made / "data").mkdir()
    return made


def listed(ran: Any) -> dict[str, dict[str, Any]]:
    assert ran.returncode == 0, ran.stderr
    return {row["name"]: row for row in json.loads(ran.stdout)}


def test_a_file_is_a_plugin_only_if_the_folder_is_chosen(observatory: Any, folder: Path) -> None:
    observatory.add("mirror")
    assert observatory.run("moon").returncode == 2
    ran = observatory.run("--plugin-dir", str(folder), "moon", "--day", "5")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "5 days\n", "")
    ran = observatory.run(f"--plugin-dir={folder}", "--help")
    assert "Show the age of the Moon." in ran.stdout and "Look at mirror." in ran.stdout
    assert observatory.run("moon", ASTRODOME_PLUGIN_DIR=str(folder)).stdout == "3 days\n"
    expected = observatory.run("moon", "--day=-1", ASTRODOME_PLUGIN_DIR=str(folder))
    assert (expected.returncode, expected.stderr) == (1, "Error: Negative day.\n")


def test_the_list_contains_the_path_and_doctor_checks_the_plugin(
    observatory: Any, folder: Path
) -> None:
    observatory.add("mirror")
    chosen = ("--plugin-dir", str(folder), "plugins")
    rows = listed(observatory.run(*chosen, "list", "--json"))
    assert list(rows) == ["mirror", "moon"] and rows["mirror"]["origin"] == ""
    assert rows["moon"]["origin"] == str(folder / "moon.py")
    assert rows["moon"]["status"] == "active" and rows["moon"]["distribution"] == ""
    doctor = observatory.run(*chosen, "doctor")
    assert doctor.returncode == 0 and "2 registered objects can be imported" in doctor.stdout
    for verb in ("disable", "enable", "uninstall"):
        refused = observatory.run(*chosen, verb, "moon")
        assert refused.returncode == 2 and f"it is the file {folder / 'moon.py'}" in refused.stderr


def test_a_package_is_a_plugin_and_can_import_its_modules(observatory: Any, folder: Path) -> None:
    package = folder / "tides"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "plugin.py").write_text(
        "from astrodome import CommandSpec, hookimpl\n@hookimpl\ndef register_commands():\n"
        "    yield CommandSpec('tides', 'tides.cli:tides', help='Show the tides.')\n"
    )
    (package / "cli.py").write_text(
        "from .table import HIGH\ndef tides():\n    'Show the tides.'\n    print(HIGH)\n"
    )
    (package / "table.py").write_text("HIGH = 12.4\n")
    ran = observatory.run("--plugin-dir", str(folder), "tides")
    assert (ran.returncode, ran.stdout) == (0, "12.4\n"), ran.stderr


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        ("bad.py", "def f(:", "SyntaxError"),
        ("bad.py", "import no_such_library", "No module named 'no_such_library'"),
        ("bad.py", "REQUIRES_API = (99, 0)", "requires version 99.0"),
        ("bad.py", "print('hello')", "it prints 'hello' when it is imported"),
        ("bad.py", "import os; os._exit(3)", "it calls os._exit(3)"),
        ("json.py", MOON.format(name="json"), "the module name 'json' is already used"),
        ("new-moon.py", MOON.format(name="new_moon"), "'new-moon' is not a valid module name"),
    ],
)
def test_the_error_of_a_bad_file_names_it_and_other_plugins_work(
    observatory: Any, folder: Path, file: str, text: str, why: str
) -> None:
    (folder / file).write_text(text)
    ran = observatory.run("moon", ASTRODOME_PLUGIN_DIR=str(folder))
    assert (ran.returncode, ran.stdout) == (0, "3 days\n"), ran.stderr
    assert ran.stderr.count("\n") == 1
    assert str(folder / file) in ran.stderr and why in ran.stderr
    row = listed(observatory.run("--plugin-dir", str(folder), "plugins", "list", "--json"))
    assert str(folder / file) in row[Path(file).stem]["error"]


def test_a_name_that_an_installed_plugin_registers_is_a_clash(
    observatory: Any, folder: Path
) -> None:
    observatory.add("moon")
    ran = observatory.run("--plugin-dir", str(folder), "moon")
    assert ran.returncode == 1
    assert f"registered by {folder / 'moon.py'} and by obs-moon" in ran.stderr


def test_a_missing_library_of_a_command_names_the_file(observatory: Any, folder: Path) -> None:
    (folder / "stars.py").write_text(MOON.format(name="no_library").replace('"moon"', '"stars"'))
    ran = observatory.run("--plugin-dir", str(folder), "stars")
    assert ran.returncode == 1 and f"which {folder / 'stars.py'} registers" in ran.stderr
    assert "Install the missing library" in ran.stderr and "pip install" not in ran.stderr


def test_several_folders_can_be_chosen(observatory: Any, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "more"
    other.mkdir()
    (other / "sun.py").write_text(
        MOON.format(name="sun").replace('"moon"', '"sun"').replace('"phases"', '"spots"')
    )
    by_option = ("--plugin-dir", str(folder), f"--plugin-dir={other}")
    by_variable = {"ASTRODOME_PLUGIN_DIR": os.pathsep.join(["", str(other), str(folder)])}
    for args, env in ((by_option, {}), ((), by_variable)):
        for command in ("moon", "sun"):
            ran = observatory.run(*args, command, **env)
            assert (ran.returncode, ran.stdout, ran.stderr) == (0, "3 days\n", "")
        assert set(listed(observatory.run(*args, "plugins", "list", "--json", **env))) == {
            "moon",
            "sun",
        }
    ran = observatory.run("--plugin-dir", str(other), "moon", **by_variable)
    assert ran.returncode == 2, "the option replaces the folders in the variable"
    (other / "moon.py").write_text(MOON.format(name="moon"))
    ran = observatory.run(*by_option, "moon")
    assert (ran.returncode, ran.stdout) == (0, "3 days\n")
    assert f"{other / 'moon.py'}: the module name 'moon' is already used" in ran.stderr


def test_a_folder_with_the_separator_in_its_path_is_an_error(
    observatory: Any, tmp_path: Path
) -> None:
    made = tmp_path / f"a{os.pathsep}b"
    made.mkdir()
    ran = observatory.run("--plugin-dir", str(made), "plugins", "list", "--json")
    assert ran.returncode == 2 and "Traceback" not in ran.stderr
    message = json.loads(ran.stdout)["error"]["message"]
    assert message == f"The path of a plugin folder cannot contain '{os.pathsep}': {made}"


def test_a_missing_folder_is_an_error(observatory: Any, folder: Path) -> None:
    for args, env in (
        (("--plugin-dir", str(folder / "missing")), {}),
        ((), {"ASTRODOME_PLUGIN_DIR": str(folder / "moon.py")}),
    ):
        ran = observatory.run(*args, "plugins", "list", **env)
        assert ran.returncode == 2 and "Plugin folder not found: /" in ran.stderr
        assert "Traceback" not in ran.stderr
    assert observatory.run("plugins", "list", ASTRODOME_PLUGIN_DIR="").returncode == 0


@pytest.mark.requires("astrodome_goes")
def test_the_models_are_available_in_python(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "moon.py").rename(folder / "moon_in_python.py")
    (folder / "moon_in_python.py").write_text(MOON.format(name="moon_in_python"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("ASTRODOME_PLUGIN_DIR", str(folder))
    with plugins.using(plugins.load_all()):
        assert models.get("phases", "moon_in_python").age == 29.5
    assert "moon_in_python" not in {row["name"] for row in health.check().plugins}


def test_the_example_in_the_guide_runs(observatory: Any) -> None:
    folder = Path(__file__).parents[2] / "examples/one_file_plugin"
    ran = observatory.run("--plugin-dir", str(folder), "moon", "2011-06-07", "--json")
    # A solar eclipse, and therefore a new Moon, was on 2011-06-01 at 21:03.
    assert json.loads(ran.stdout)["age"] == pytest.approx(5.1, abs=0.6)
    assert problems_of(folder) == []


def problems_of(folder: Path) -> list[str]:
    """Return the problems that the conformance kit finds in the example."""
    code = "from astrodome.testing import problems; print(*problems('moon'), sep='\\n')"
    environ = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), *sys.path])}
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    return ran.stdout.split("\n")[:-1] if ran.stdout.strip() else []
