"""Commands in processes that do not import the modules themselves, so that many can be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from astrodome.testing import Result

SERVER = """
import importlib, json, os, sys
app, *modules = sys.argv[1:]
for name in modules:
    importlib.import_module(name)
from astrodome.app import main
codes = {}
for line in sys.stdin:
    request = json.loads(line)
    if isinstance(request, int):
        child = abs(request)
        if child not in codes:
            ended, status = os.waitpid(child, os.WNOHANG if request < 0 else 0)
            if ended:
                codes[child] = os.waitstatus_to_exitcode(status)
        print(json.dumps(codes.get(child)), flush=True)
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
            main(app, args)
        except SystemExit as end:
            code = end.code or 0
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # The threads of libraries do not exist after a fork; a normal exit aborts.
    print(child, flush=True)
"""
"""Import all modules once, fork for each command, print its process id and later its exit code."""


class Starter:
    """Run ``command``, for example ``sdo goes``, in processes that have already imported modules.

    Like the process of a user, they have one thread; a test with a fake server has more.
    """

    def __init__(self, command: str, folder: Path, *modules: str) -> None:
        self.app, *self.words = command.split()
        self.folder = folder
        self.modules = modules

    def __enter__(self) -> Starter:
        self.server = subprocess.Popen(
            [sys.executable, "-c", SERVER, self.app, *self.modules],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.server.communicate()

    def start(self, *args: object) -> int:
        """Start a command with these arguments; return the process id."""
        ours = {
            k: v for k, v in os.environ.items() if k.startswith(("ASTRODOME_", "XDG_", "PYTEST_"))
        }
        number = self._request(
            [[*self.words, *map(str, args)], ours, str(Path.cwd()), str(self.folder)]
        )
        assert number is not None
        return number

    def wait(self, number: int) -> Result:
        """Wait for the end of a process; the exit code is negative for a signal."""
        code = self._request(number)
        assert code is not None
        output = [self.folder / f"{number}.{stream}" for stream in (1, 2)]
        if code == -signal.SIGKILL:  # possibly before it created these files
            output = [path if path.exists() else Path(os.devnull) for path in output]
        out, err = (path.read_text() for path in output)
        return Result(code, out, err)

    def running(self, number: int) -> bool:
        return self._request(-number) is None

    def run(self, *args: object) -> Result:
        """Run a command with these arguments."""
        return self.wait(self.start(*args))

    def _request(self, request: object) -> int | None:
        print(json.dumps(request), file=self.server.stdin, flush=True)
        assert self.server.stdout
        answer: int | None = json.loads(self.server.stdout.readline())
        return answer

    @staticmethod
    def kill(number: int) -> None:
        """Kill the process and its workers."""
        with suppress(ProcessLookupError):  # It may have ended.
            os.killpg(number, signal.SIGKILL)
