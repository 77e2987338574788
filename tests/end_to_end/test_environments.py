"""Plugins in environments of pip, uv and pipx: no distribution is lost or broken."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

from .conftest import _clean, build_project, made_once, uv_settings

pytestmark = [pytest.mark.wheels, pytest.mark.timeout(600)]

TOOLS = Path(sys.executable).parent
PLUGIN = """
from astrodome import CommandSpec, hookimpl

@hookimpl
def register_commands():
    yield CommandSpec({name!r}, __name__ + ":look", help="Look.")

def look():
    "Look once."
    print("looked")
"""
KINDS = ("venv", "uv-venv", "uv-tool", "pipx")


@dataclass(frozen=True)
class Site:
    """One environment with astrodome and the plugins ``quote`` and ``hand``."""

    kind: str
    path: Path
    folder: Path
    wheels: Path

    def environ(self) -> dict[str, str]:
        return (
            _clean()
            | uv_settings(self.wheels, self.folder / "uv-cache")
            | {
                "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
                "XDG_CONFIG_HOME": str(self.folder / "config"),
                "PIP_FIND_LINKS": f"{self.wheels} {os.environ.get('PIP_FIND_LINKS', '')}".strip(),
                "UV_TOOL_DIR": str(self.folder / "uv" / "tools"),
                "UV_TOOL_BIN_DIR": str(self.folder / "uv" / "bin"),
                "PIPX_HOME": str(self.folder / "pipx"),
                "PIPX_BIN_DIR": str(self.folder / "pipx" / "bin"),
                "PIPX_DEFAULT_BACKEND": "uv",
                "USE_EMOJI": "0",
            }
        )

    def call(self, *command: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        ran = subprocess.run(
            [str(part) for part in command],
            env=self.environ(),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == code, f"{command}\n{ran.stdout}\n{ran.stderr}"
        return ran

    def sdo(self, *args: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        return self.call(self.path / "bin" / "sdo", *args, code=code)

    def create(self) -> None:
        """Create the environment; ``hand`` is installed without using uv tool or pipx."""
        if self.kind == "uv-tool":
            self.call("uv", "tool", "install", "astrodome", "--with=sdo-quote")
        elif self.kind == "pipx":
            self.call("pipx", "install", "--quiet", "astrodome")
            self.call("pipx", "inject", "--quiet", "astrodome", "sdo-quote")
        else:
            seed = ["--seed"] if self.kind == "venv" else []
            self.call("uv", "venv", "-q", "--python", sys.executable, *seed, self.path)
            self.by_hand("astrodome", "sdo-quote")
        self.by_hand("sdo-hand")

    def by_hand(self, *names: str) -> None:
        self.call("uv", "pip", "install", "-q", "--python", self.path / "bin" / "python", *names)

    def versions(self) -> dict[str, str]:
        listed = ("uv", "pip", "list", "-q", "--format=json", "--python")
        ran = self.call(*listed, self.path / "bin" / "python")
        return {row["name"]: row["version"] for row in json.loads(ran.stdout)}

    def states(self) -> dict[str, str]:
        rows = json.loads(self.sdo("plugins", "list", "--json").stdout)
        return {row["name"]: row["status"] for row in rows}

    def recorded(self) -> set[str]:
        """Return the distributions in the records of uv or pipx."""
        if self.kind == "uv-tool":
            import tomllib

            receipt = tomllib.loads((self.path / "uv-receipt.toml").read_text())
            return {entry["name"] for entry in receipt["tool"]["requirements"]}
        if self.kind == "pipx":
            about = json.loads((self.path / "pipx_metadata.json").read_text())
            return {"astrodome", *about["injected_packages"]}
        return set()


@pytest.fixture(scope="session")
def strangers(shared: Path, wheels: Path) -> Path:
    """Return a folder with the wheels of the host, some plugins and a library that they require."""
    folder = shared / "strangers"

    def build() -> None:
        (host,) = wheels.glob("astrodome-[0-9]*.whl")
        shutil.copy(host, folder)
        for version in ("1.0", "2.0"):
            build_project(folder, "sdo-lens", "", version=version)
        for name, needs, code in (
            ("sdo-quote", "sdo-lens", PLUGIN.format(name="quote")),
            ("sdo-hand", "", PLUGIN.format(name="hand")),
            ("sdo-calm", "", PLUGIN.format(name="calm")),
            ("sdo-conflict", "typer<0.5", PLUGIN.format(name="conflict")),
            ("sdo-stuck", "sdo-lens<2", "raise RuntimeError('the dome is stuck')"),
        ):
            build_project(folder, name, code, requires=needs)

    with made_once(folder, build):
        return folder


@pytest.fixture(scope="session")
def sites(shared: Path, strangers: Path) -> Callable[[str], Site]:
    """Return a function that creates environments, all of which belong to one user."""
    for tool in ("uv", "pipx"):
        if not (TOOLS / tool).exists():
            pytest.skip(f"{tool} is not installed: pip install --group test")

    def site(kind: str) -> Site:
        folder = shared / "user"
        path = {
            "uv-tool": folder / "uv" / "tools" / "astrodome",
            "pipx": folder / "pipx" / "venvs" / "astrodome",
        }.get(kind, folder / kind)
        found = Site(kind, path, folder, strangers)
        with made_once(folder, lambda: link_tools(folder)):
            pass
        with made_once(shared / f"site-{kind}", found.create):
            return found

    return site


def link_tools(folder: Path) -> None:
    (folder / "bin").mkdir()
    for tool in ("uv", "pipx"):
        (folder / "bin" / tool).symlink_to(TOOLS / tool)


def in_use(shared: Path, kind: str) -> FileLock:
    """Return a lock for an environment that all test processes share."""
    return FileLock(shared / f"site-{kind}-in-use.lock")


@pytest.fixture(params=KINDS)
def site(
    request: pytest.FixtureRequest, sites: Callable[[str], Site], shared: Path
) -> Iterator[Site]:
    """Return an environment that no other test process changes at the same time."""
    found = sites(request.param)
    with in_use(shared, request.param):
        yield found


def test_a_plugin_is_installed_and_uninstalled_and_the_others_are_kept(
    site: Site, strangers: Path
) -> None:
    before, recorded = site.versions(), site.recorded()
    (wheel,) = strangers.glob("sdo_calm*.whl")
    relative = os.path.relpath(wheel, site.folder)
    installed = site.sdo("plugins", "install", relative)
    assert "Installed: calm (sdo-calm 1.0)." in installed.stderr and installed.stdout == ""
    assert site.versions() == before | {"sdo-calm": "1.0"}
    assert site.states() == dict.fromkeys(("calm", "hand", "quote"), "active")
    assert site.sdo("calm").stdout == "looked\n"
    assert "Look." in site.sdo("--help").stdout
    if recorded:
        assert site.recorded() >= recorded | {"sdo-calm"}

    site.sdo("plugins", "uninstall", "calm")
    assert site.versions() == before
    assert site.states() == {"hand": "active", "quote": "active"}
    assert "sdo-calm" not in site.recorded() and site.recorded() >= recorded


@pytest.mark.parametrize("kind", ("venv", "uv-tool"))
def test_plugins_are_installed_together_in_editable_mode_and_upgraded(
    kind: str, strangers: Path, tmp_path: Path
) -> None:
    """The environment is a separate one, because other tests use the shared ones at this time."""
    wheels = shutil.copytree(strangers, tmp_path / "wheels")
    link_tools(tmp_path)
    path = tmp_path / {"uv-tool": "uv/tools/astrodome"}.get(kind, kind)
    site = Site(kind, path, tmp_path, wheels)
    site.create()
    before, recorded = site.versions(), site.recorded()
    project = site.folder / f"project-{kind}"
    site.sdo("plugins", "new", "corona", "--output", project)
    installed = site.sdo("plugins", "install", "sdo-calm==1.0", "-e", project)
    assert "Installed: corona (astrodome-corona 0.1.0), calm (sdo-calm 1.0)." in installed.stderr
    assert site.versions() == before | {"sdo-calm": "1.0", "astrodome-corona": "0.1.0"}
    cli = project / "src" / "astrodome_corona" / "cli.py"
    cli.write_text(cli.read_text("utf-8").replace("Show the number", "Edited: the number"), "utf-8")
    assert "Edited" in site.sdo("corona", "--help").stdout
    assert site.sdo("plugins", "doctor").stderr == ""

    build_project(wheels, "sdo-calm", PLUGIN.format(name="calm"), version="1.1")
    site.sdo("plugins", "install", "sdo-calm>=1", "--upgrade")
    assert site.versions() == before | {"sdo-calm": "1.1", "astrodome-corona": "0.1.0"}
    for name in ("calm", "corona"):
        site.sdo("plugins", "uninstall", name)
    assert site.versions() == before and site.recorded() >= recorded


def test_a_plugin_that_would_break_something_is_not_installed(site: Site) -> None:
    before, recorded = site.versions(), site.recorded()
    assert before["sdo-lens"] == "2.0"
    for name, why in (
        ("sdo-conflict", "failed with exit code 1"),
        ("sdo-stuck", "the plugin stuck failed to load: RuntimeError: the dome is stuck"),
    ):
        refused = site.sdo("plugins", "install", name, code=1).stderr
        (error,) = [row for row in refused.splitlines() if row.startswith("Error: Cannot install")]
        assert name in error and why in error
        assert "Nothing was changed." in error or "sdo-lens 2.0 restored" in error
        assert site.versions() == before and site.recorded() == recorded
    assert site.states() == {"hand": "active", "quote": "active"}
    assert not list(site.path.glob(".astrodome-backup-*"))


def test_a_plugin_disabled_in_one_environment_is_active_in_the_others(
    sites: Callable[[str], Site], shared: Path
) -> None:
    first, second = sites("venv"), sites("uv-tool")
    with in_use(shared, "venv"), in_use(shared, "uv-tool"):
        first.sdo("plugins", "disable", "quote")
        try:
            assert first.states()["quote"] == "disabled"
            assert second.states()["quote"] == "active"
        finally:
            first.sdo("plugins", "enable", "quote")
        assert first.states()["quote"] == "active"


def test_plugins_can_be_removed_when_typer_is_too_old(
    sites: Callable[[str], Site], tmp_path: Path
) -> None:
    kept = sites("venv")
    damaged = Site("venv", tmp_path / "site", kept.folder, kept.wheels)
    damaged.call("uv", "venv", "-q", "--python", sys.executable, damaged.path)
    damaged.by_hand("astrodome", "sdo-quote")
    damaged.by_hand("sdo-conflict", "typer<0.5")
    refused = damaged.sdo("--help", code=1).stderr
    assert "typer>=0.28 is required" in refused and "Traceback" not in refused
    assert damaged.states() == {"conflict": "not loaded", "quote": "not loaded"}
    assert "typer>=0.28" in damaged.sdo("plugins", "doctor", code=1).stdout
    damaged.sdo("plugins", "disable", "sdo-quote")
    assert damaged.states()["quote"] == "disabled"
    left = damaged.sdo("plugins", "uninstall", "conflict").stderr
    assert "Uninstalled: sdo-conflict 1.0." in left and "pip install" in left
    assert damaged.states() == {"quote": "disabled"}
    damaged.by_hand("typer>=0.28")
    damaged.sdo("plugins", "enable", "quote")
    assert damaged.sdo("quote").stdout == "looked\n"
