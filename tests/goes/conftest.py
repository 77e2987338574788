"""Real XRS files as sunpy ships them, and copies of a real day for other dates and satellites."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from astrodome.testing import Result, run
from astropy.io import fits
from services.goes import Archives
from sunpy.data.test import get_test_filepath

DAY = "go1520110607.fits"
"""2011-06-07, GOES 15, every two seconds, with an M2.5 flare."""


MOTHER = """
import json, os, sys
import astrodome_goes.archives.client
import astrodome_goes.archives.csv_tree
import astrodome_goes.archives.download
import astrodome_goes.archives.import_files
from astrodome.app import main
for line in sys.stdin:
    order = json.loads(line)
    if isinstance(order, int):
        print(os.waitstatus_to_exitcode(os.waitpid(order, 0)[1]), flush=True)
        continue
    if not (child := os.fork()):
        os.setsid()
        sys.stdin.close()
        args, environment, folder, said = order
        os.environ.update(environment)
        os.chdir(folder)
        for number in (1, 2):
            name = f"{said}/{os.getpid()}.{number}"
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT), number)
        code = 0
        try:
            main("sdo", args)
        except SystemExit as end:
            code = end.code or 0
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # the threads of libraries did not come along, and their ends would abort
    print(child, flush=True)
"""
"""Has imported everything and forks for each command; says its number, and later how it ended."""


class Starter:
    """Starts ``sdo goes`` in processes that have imported everything already.

    They have one thread, as a user's have, while a test with a twin has more.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> Starter:
        self.mother = subprocess.Popen(
            [sys.executable, "-c", MOTHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.mother.communicate()

    def start(self, *args: object) -> int:
        """Start ``sdo goes`` with these arguments; gives the process's number."""
        ours = {k: v for k, v in os.environ.items() if k.startswith(("ASTRODOME_", "XDG_"))}
        return self._ask([["goes", *map(str, args)], ours, str(Path.cwd()), str(self.folder)])

    def ended(self, number: int) -> Result:
        """Wait for its end; the code is negative for a signal."""
        code = self._ask(number)
        said = [self.folder / f"{number}.{stream}" for stream in (1, 2)]
        if code == -signal.SIGKILL:  # perhaps before it had anywhere to say something
            said = [path if path.exists() else Path(os.devnull) for path in said]
        out, err = (path.read_text() for path in said)
        return Result(code, out, err)

    def run(self, *args: object) -> Result:
        """``sdo goes`` with these arguments, to its end."""
        return self.ended(self.start(*args))

    def _ask(self, order: object) -> int:
        print(json.dumps(order), file=self.mother.stdin, flush=True)
        return int(self.mother.stdout.readline())

    @staticmethod
    def kill(number: int) -> None:
        """End the process and its workers at once, wherever they are."""
        with suppress(ProcessLookupError):  # it may be done
            os.killpg(number, signal.SIGKILL)


@pytest.fixture
def goes() -> Callable[..., Result]:
    """Run ``sdo goes …`` in this process."""

    def call(*args: object) -> Result:
        return run("sdo", "goes", *args, plugin="astrodome_goes.plugin")

    return call


@pytest.fixture
def xrs() -> Callable[[str], Path]:
    """A file of XRS data that sunpy ships, by name."""
    return lambda name: Path(get_test_filepath(name))


@pytest.fixture(scope="session")
def day_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that holds 2011-06-07."""
    folder = tmp_path_factory.mktemp("goes")
    run(
        "sdo",
        *("goes", "import", get_test_filepath(DAY), "--store", folder),
        plugin="astrodome_goes.plugin",
    ).succeeded()
    return folder


@pytest.fixture
def day(tmp_path: Path) -> Callable[..., Path]:
    """The real day as a file of another date (``DD/MM/YYYY``), satellite or brightness."""

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
def archives(monkeypatch: pytest.MonkeyPatch) -> Iterator[Archives]:
    """The three archives on loopback; the settings lead there."""
    with Archives() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("ASTRODOME_GOES_TIMEOUT", "0.7")
        yield running


@pytest.fixture(scope="session")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    """Starts commands that need no time to import, so that many can be run and killed."""
    with Starter(tmp_path_factory.mktemp("said")) as made:
        yield made
