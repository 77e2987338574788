"""Start ``scope`` commands quickly, and kill them at any time.

A process imports all modules once. For each line that it reads, it forks a child process that runs
``scope`` with the arguments in the line. It prints the id of the child process and, later, the
exit status.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

PARENT = """
import json, os, sys
import pandas, pyarrow.dataset, scipy.spatial, scipy.sparse.csgraph, requests
from astrodome import app, plugins
import astrodome_ztf_scope.plugin as plugin
import astrodome_ztf_scope.cli.upload, astrodome_ztf_scope.catalogues.local
import astrodome_ztf_scope.marshal.classifications.upload as upload
import astrodome_ztf_scope.marshal.fritz
from astrodome_ztf_scope.marshal.classifications import photometry
photometry.mjd_from_hjd(__import__("numpy").array([2458200.5, 2459200.5]), 1.0, 2.0)
sys.modules["pyarrow"].set_cpu_count(1)
print("ready", flush=True)
for line in sys.stdin:
    child = os.fork()
    if not child:
        os.setpgid(0, 0)
        try:
            app.main("scope", json.loads(line), plugins.of("scope", ztf_scope=plugin))
            code = 0
        except SystemExit as left:
            code = left.code or 0
        sys.stdout.flush()
        os._exit(code if isinstance(code, int) else 1)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Lives:
    """Runs ``scope`` in ``folder`` with additional environment variables."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.said = folder / "said.txt"
        self.process = subprocess.Popen(
            [sys.executable, "-c", PARENT],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.said.open("w"),
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1", "ARROW_NUM_THREADS": "1"} | environment,
        )
        self._line("ready", 120)

    def __enter__(self) -> Lives:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()

    def run(
        self, arguments: Sequence[str], kill_when: Callable[[], bool] | None = None
    ) -> int | None:
        """Run one command; return its exit status, or None if ``kill_when`` returned True first."""
        assert self.process.stdin
        print(json.dumps(list(arguments)), file=self.process.stdin, flush=True)
        child = int(self._line("", 60))
        if kill_when is not None:
            deadline = time.monotonic() + 60
            while not kill_when() and _alive(child) and time.monotonic() < deadline:
                time.sleep(0.001)
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        code = int(self._last(300))
        return None if code == -signal.SIGKILL else code

    def _line(self, expected: str, seconds: float) -> str:
        """Return the next line that is not output of the command."""
        assert self.process.stdout
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            ready, _, _ = select.select([self.process.stdout], [], [], 1)
            if ready or self.process.poll() is not None:
                line = self.process.stdout.readline().strip()
                if not line and self.process.poll() is not None:
                    raise RuntimeError(self.said.read_text()[-2000:])
                if line == expected or (not expected and line.isdigit()):
                    return line
        raise TimeoutError("the command said nothing")

    def _last(self, seconds: float) -> str:
        assert self.process.stdout
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            line = self.process.stdout.readline().strip()
            if line.lstrip("-").isdigit():
                return line
        raise TimeoutError("the command did not end")


def _alive(child: int) -> bool:
    try:
        os.kill(child, 0)
    except ProcessLookupError:
        return False
    return True
