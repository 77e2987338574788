"""The wheels contain man pages and completion scripts that match the commands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]
PAGES = sorted(ROOT.glob("core/share/man/man1/*.1")) + sorted(ROOT.glob("plugins/*/share/*/*/*.1"))
LAUNCHER = "#!{python}\nfrom astrodome.start import run\nrun()\n"


def shared(folder: Path, target: Path) -> set[str]:
    """Return the paths below the environment's folder that the wheel of a distribution installs."""
    (wheel,) = WheelBuilder(str(folder)).build(directory=str(target))
    names = zipfile.ZipFile(wheel).namelist()
    return {name.partition(".data/data/")[2] for name in names if ".data/data/" in name}


def test_man_pages_and_completion_scripts_are_up_to_date(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "release", "check", "generated", "--output", str(tmp_path)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_each_wheel_contains_the_pages_of_its_commands(tmp_path: Path) -> None:
    host = shared(ROOT / "core", tmp_path)
    man = {"sdo", "scope", "ztf-scope"} | {
        f"{app}-{name}" for app in ("sdo", "scope") for name in ("plugins", "config", "schema")
    }
    assert {f"share/man/man1/{name}.1" for name in man} <= host
    for program in ("sdo", "scope", "ztf-scope"):
        assert {
            f"share/bash-completion/completions/{program}",
            f"share/zsh/site-functions/_{program}",
            f"share/fish/vendor_completions.d/{program}.fish",
        } <= host
    assert shared(ROOT / "plugins/goes", tmp_path) == {"share/man/man1/sdo-goes.1"}
    assert "share/man/man1/scope-train.1" in shared(ROOT / "plugins/ztf_scope", tmp_path)
    assert shared(ROOT / "plugins/solar", tmp_path) == set()


@pytest.mark.skipif(not shutil.which("groff"), reason="groff is not installed")
def test_groff_formats_all_pages_without_warnings() -> None:
    assert len(PAGES) > 30
    pages = [str(page) for page in PAGES if not page.read_text("utf-8").startswith(".so ")]
    ran = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z", *pages],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.skipif(not shutil.which("man"), reason="man is not installed")
def test_man_shows_the_options_of_a_command(tmp_path: Path) -> None:
    page = ROOT / "plugins/goes/share/man/man1/sdo-goes.1"
    environ = os.environ | {"MANPAGER": "cat", "MANWIDTH": "200", "HOME": str(tmp_path)}
    ran = subprocess.run(
        ["man", "-l", str(page)], env=environ, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0 and "--max-diff" in ran.stdout and "sdo goes flares" in ran.stdout


@pytest.mark.parametrize("program", ["sdo", "ztf-scope"])
def test_bash_completes_with_the_installed_script(tmp_path: Path, program: str) -> None:
    launcher = tmp_path / program
    launcher.write_text(LAUNCHER.format(python=sys.executable))
    launcher.chmod(0o755)
    script = ROOT / "core/share/bash-completion/completions" / program
    function = f"_{program.replace('-', '_')}_completion"
    line = (
        f"source '{script}'; complete -p {program}; COMP_WORDS=({program} plu); COMP_CWORD=1; "
        f'{function} {program}; printf "%s\\n" "${{COMPREPLY[@]}}"'
    )
    environ = os.environ | {
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "ASTRODOME_HOME": str(tmp_path),
    }
    ran = subprocess.run(
        ["bash", "--norc", "-c", line], env=environ, capture_output=True, text=True, check=False
    )
    assert ran.stderr == ""
    assert ran.stdout.splitlines() == [
        f"complete -o default -F {function} {program}",
        "plugins",
    ]
