"""The code and the commands on the pages for authors run as they are written."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PAGES = Path(__file__).parents[2] / "docs" / "plugins"


def write_files(page: str, folder: Path) -> None:
    """Write the files on a page to a folder."""
    text = (PAGES / page).read_text("utf-8")
    found = re.findall(r"<!-- run: (\S+) -->\n```python\n(.*?)```", text, re.DOTALL)
    assert found
    folder.mkdir(exist_ok=True)
    for name, code in found:
        (folder / name).write_text(code)


def command_lines(page: str) -> list[list[str]]:
    text = (PAGES / page).read_text("utf-8")
    consoles = "".join(re.findall(r"```console\n(.*?)```", text, re.DOTALL))
    return [shlex.split(line[2:]) for line in consoles.splitlines() if line.startswith("$ ")]


PYTEST = (sys.executable, "-m", "pytest")


def execute(
    command: Sequence[str], folder: Path, loaded: str = "gradients,zenith", status: int = 0
) -> str:
    """Run an app in a folder with the given plugins, and return what it printed."""
    app, *arguments = command
    code = f"from astrodome.app import main; main({app!r})"
    ran = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env=os.environ | {"ASTRODOME_HOME": str(folder / "home"), "ASTRODOME_PLUGINS": loaded},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == status, f"{command}\n{ran.stdout}{ran.stderr}"
    return ran.stderr if status else ran.stdout


def test_the_source_on_the_page_is_listed_checked_and_used(tmp_path: Path) -> None:
    write_files("write-a-source.md", tmp_path / "my_plugins")
    listed, doctor, download, info = command_lines("write-a-source.md")
    assert "images:gradients" in execute(listed, tmp_path)
    assert "gradients\twrong" not in execute(doctor, tmp_path, "gradients,solar")
    execute(download, tmp_path, "gradients,sdo_data,solar")
    names = sorted(path.name for path in (tmp_path / "images").rglob("*.jpeg"))
    assert names == [f"2012-12-01T0{hour}0000__171.jpeg" for hour in range(3)]
    assert "171" in execute(info, tmp_path, "sdo_data,solar")


def test_the_command_on_the_page_computes_the_numbers_in_the_text(tmp_path: Path) -> None:
    write_files("write-a-command.md", tmp_path / "my_plugins")
    shown, both, limited, negative = command_lines("write-a-command.md")
    assert "--limit" in execute(shown, tmp_path)
    assert '"airmass": 2.0' in execute(both, tmp_path)
    assert [line.split("\t")[0] for line in execute(limited, tmp_path).splitlines()] == [
        "altitude",
        "30.0",
    ]
    assert "11.47" in execute([*limited[:-1], "12"], tmp_path)
    assert "Invalid altitude '-5'" in execute(negative, tmp_path, status=2)


def test_the_tests_on_the_page_pass(tmp_path: Path) -> None:
    write_files("write-a-command.md", tmp_path)
    write_files("test-and-publish.md", tmp_path)
    ran = subprocess.run(
        # The temporary folder may be in the repository, whose configuration must not be used.
        [*PYTEST, "-q", "-c", os.devnull, "-p", "no:cacheprovider", "test_zenith.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0 and "passed" in ran.stdout, ran.stdout + ran.stderr
