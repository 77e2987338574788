"""Real XRS files from sunpy, and copies of a real day for other dates and satellites."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest
from astrodome.testing import Result, run
from astrodome_goes import Store
from astropy.io import fits
from services.goes import Archives
from sunpy.data.test import get_test_filepath

DAY = "go1520110607.fits"
"""2011-06-07, GOES 15, every two seconds, with an M2.5 flare."""


SERVER = """
import json, os, sys
import astrodome_goes.archives.csv_files
import astrodome_goes.archives.download
from astrodome.app import main
for line in sys.stdin:
    request = json.loads(line)
    if isinstance(request, int):
        print(os.waitstatus_to_exitcode(os.waitpid(request, 0)[1]), flush=True)
        continue
    if not (child := os.fork()):
        os.setsid()
        sys.stdin.close()
        args, environment, folder, output = request
        os.environ.update(environment)
        if coverage := sys.modules.get("coverage"):  # the measurement for the mutation tests
            if measurement := coverage.Coverage.current():
                measurement.switch_context(environment["PYTEST_CURRENT_TEST"])
        os.chdir(folder)
        for number in (1, 2):
            name = f"{output}/{os.getpid()}.{number}"
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT), number)
        code = 0
        try:
            main("sdo", args)
        except SystemExit as end:
            code = end.code or 0
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # The threads of libraries do not exist after a fork; a normal exit aborts.
    print(child, flush=True)
"""
"""Import all modules once, fork for each command, print its process id and later its exit code."""


class Starter:
    """Run ``sdo goes`` in processes that have already imported all modules.

    Like the process of a user, they have one thread; a test with a fake server has more.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> Starter:
        self.server = subprocess.Popen(
            [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.server.communicate()

    def start(self, *args: object) -> int:
        """Start ``sdo goes`` with these arguments; return the process id."""
        ours = {
            k: v for k, v in os.environ.items() if k.startswith(("ASTRODOME_", "XDG_", "PYTEST_"))
        }
        return self._request([["goes", *map(str, args)], ours, str(Path.cwd()), str(self.folder)])

    def wait(self, number: int) -> Result:
        """Wait for the end of a process; the exit code is negative for a signal."""
        code = self._request(number)
        output = [self.folder / f"{number}.{stream}" for stream in (1, 2)]
        if code == -signal.SIGKILL:  # possibly before it created these files
            output = [path if path.exists() else Path(os.devnull) for path in output]
        out, err = (path.read_text() for path in output)
        return Result(code, out, err)

    def run(self, *args: object) -> Result:
        """Run ``sdo goes`` with these arguments."""
        return self.wait(self.start(*args))

    def _request(self, request: object) -> int:
        print(json.dumps(request), file=self.server.stdin, flush=True)
        return int(self.server.stdout.readline())

    @staticmethod
    def kill(number: int) -> None:
        """Kill the process and its workers."""
        with suppress(ProcessLookupError):  # It may have ended.
            os.killpg(number, signal.SIGKILL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Treat warnings as errors in the tests of this folder."""
    filters = (
        "error",
        "ignore::ResourceWarning",
        "default::pytest.PytestUnraisableExceptionWarning",
    )
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.filterwarnings(*filters), append=False)


@pytest.fixture
def goes() -> Callable[..., Result]:
    """Run ``sdo goes …`` in this process."""

    def call(*args: object) -> Result:
        return run("sdo", "goes", *args, plugin="astrodome_goes.plugin")

    return call


@pytest.fixture
def xrs() -> Callable[[str], Path]:
    """Return the path of a file with XRS data in sunpy's test data."""
    return lambda name: Path(get_test_filepath(name))


@pytest.fixture(scope="session")
def day_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the data of 2011-06-07."""
    folder = tmp_path_factory.mktemp("goes")
    run(
        "sdo",
        *("goes", "import", get_test_filepath(DAY), "--store", folder),
        plugin="astrodome_goes.plugin",
    ).succeeded()
    return folder


@pytest.fixture
def day(tmp_path: Path) -> Callable[..., Path]:
    """Write a copy of the real day with another date (``DD/MM/YYYY``), satellite or flux."""

    def copy(date: str = "07/06/2011", satellite: int = 15, factor: float = 1) -> Path:
        year, month, number = date.split("/")[::-1]
        path = tmp_path / f"go{satellite:02d}{year}{month}{number}.fits"
        with fits.open(get_test_filepath(DAY)) as content:
            content[0].header["DATE-OBS"] = date
            content[0].header["TELESCOP"] = f"GOES {satellite:02d}"
            content[2].data["FLUX"] *= factor
            content.writeto(path)
        return path

    return copy


@pytest.fixture
def stored() -> Callable[[Path], pd.DataFrame]:
    """Return all samples in a store."""

    def read(folder: Path) -> pd.DataFrame:
        parts = list(Store(folder).read()) if Store(folder).months() else []
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"timestamp": []})

    return read


@pytest.fixture
def archives(monkeypatch: pytest.MonkeyPatch) -> Iterator[Archives]:
    """Run a fake server for the three archives, and set its addresses in the environment."""
    with Archives() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("ASTRODOME_GOES_TIMEOUT", "0.7")
        yield running


@pytest.fixture(scope="session")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    """Run commands without the time for imports, so that many can be run and killed."""
    with Starter(tmp_path_factory.mktemp("output")) as made:
        yield made
