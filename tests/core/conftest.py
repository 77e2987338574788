"""Fixtures: an app ``observatory`` with plugins of a few lines each."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

COMMAND = """
from astrodome import CommandSpec, hookimpl

@hookimpl
def register_commands():
    yield CommandSpec("{name}", "{package}.cli:app", help="Look at {name}.", panel="Data")
"""
CLI = '''
"""Commands of a small plugin."""
import typer
from typing import Annotated

app = typer.Typer(help="Look at the sky.", no_args_is_help=True)

@app.command("ce_vae")
def look(size_of_it: Annotated[int, typer.Option(help="Pixels.")] = 1) -> None:
    """Look once."""
    print(f"looked {size_of_it}")

@app.command()
def fall() -> None:
    """Fail in an unexpected way."""
    raise RuntimeError("the dome is stuck")

@app.command()
def refuse() -> None:
    """Fail in an expected way."""
    from astrodome import AstrodomeError
    raise AstrodomeError("The dome is closed.", "Open it.")
'''


@dataclass
class Observatory:
    """A folder with plugin distributions, and the command line ``observatory`` for them."""

    folder: Path

    @property
    def search_path(self) -> str:
        """Return ``PYTHONPATH`` for a child process: this folder, then the path of this process."""
        return os.pathsep.join([str(self.folder), *filter(None, [os.environ.get("PYTHONPATH")])])

    def add(self, name: str, plugin: str = "", *, cli: str = CLI, version: str = "1.0") -> None:
        """Write the files of an installed distribution ``obs-<name>`` with one command group."""
        package = self.folder / f"obs_{name}"
        package.mkdir()
        (package / "__init__.py").write_text("")
        code = plugin or COMMAND.format(name=name, package=package.name)
        (package / "plugin.py").write_text(dedent(code))
        (package / "cli.py").write_text(cli)
        info = self.folder / f"obs_{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: obs-{name}\nVersion: {version}\n"
        )
        (info / "entry_points.txt").write_text(
            f"[astrodome.observatory]\n{name} = obs_{name}.plugin\n"
        )

    def run(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run the command line in a new process."""
        return subprocess.run(
            [sys.executable, "-c", "from astrodome.app import main; main('observatory')", *args],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": self.search_path} | env,
            check=False,
        )


@pytest.fixture
def observatory(tmp_path: Path) -> Observatory:
    return Observatory(tmp_path)
