"""Run misbehaving plugins in forked processes, which is faster than new processes.

Each line of standard input is a JSON document with the folder of a plugin and the steps to run.
The answer is one line with the results of the steps. A step runs in a forked process, so that it
cannot affect other plugins.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import Distribution
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from astrodome import app, doctor, plugins
from astrodome.testing import contract

APP = "observatory"
LOADED: set[str] = set()
"""Names of the modules that the worker has imported."""
LIMIT = 120
"""Time limit for a step in seconds."""


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    for name in sys.argv[1:]:
        __import__(name)
    known = plugins.load_all()
    LOADED.update(sys.modules)
    plugins.load_all = lambda: known  # The kinds of the installed plugins do not change.
    doctor.CHECKS = ()  # The health checks of the host have their own tests.
    contract.subprocess.run = in_fork  # type: ignore[assignment]
    for line in sys.stdin:
        request = json.loads(line)
        sys.path.insert(0, request["folder"])
        result = forked(lambda request=request: STEPS[request["step"]](request))
        sys.path.remove(request["folder"])
        answers.write(json.dumps(result) + "\n")
        answers.flush()


def forked(function: Callable[[], Any]) -> dict[str, Any]:
    """Call a function in a forked process, and return its result, output and exit status."""
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryDirectory() as folder:
        process = os.fork()
        if not process:
            _child(function, Path(folder))
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        found: dict[str, Any] = {"code": code, "value": None}
        with suppress(FileNotFoundError):
            found["value"] = json.loads(Path(folder, "value").read_text())
        return found | {name: Path(folder, name).read_text() for name in ("out", "err")}


def _child(function: Callable[[], Any], folder: Path) -> None:
    import signal

    signal.alarm(LIMIT)
    tempfile.tempdir = str(folder)  # The child never deletes its temporary folders.
    for number, name in ((1, "out"), (2, "err")):
        handle = os.open(folder / name, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        os.dup2(handle, number)
    leave, code = os._exit, 0
    try:
        value = json.dumps(function())
        (folder / "value").write_text(value)
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else int(left.code is not None)
        if isinstance(left.code, str):
            print(left.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    leave(code)


def in_fork(args: Any, **_: Any) -> CompletedProcess[str]:
    """Run ``python -c CODE`` in a forked process instead of a new process."""

    def execute() -> None:
        for name in set(sys.modules) - LOADED:
            del sys.modules[name]
        exec(args[2], {"__name__": "__main__"})

    found = forked(execute)
    return CompletedProcess(args, found["code"], found["out"], found["err"])


def run_commands(request: dict[str, Any]) -> list[dict[str, Any]]:
    """Load the plugins, and run each command line of the request."""
    entries = [
        entry
        for info in sorted(Path(request["folder"]).glob("*.dist-info"))
        for entry in Distribution.at(info).entry_points
    ]
    os.chdir(request["folder"])
    registry = plugins.load(APP, entries)
    return [
        forked(lambda args=args: app.main(APP, args, registry))  # type: ignore[misc]
        for args in request["commands"]
    ]


def find_problems(request: dict[str, Any]) -> list[str]:
    """Return the problems that the conformance tests of a plugin report."""
    return contract.problems("obs_odd.plugin")


def run_contract(request: dict[str, Any]) -> list[str]:
    """Return the failures of the contract class for the command, model or source ``odd``."""
    os.chdir(request["folder"])  # The command may write files.
    base, attributes = _contract(request["contract"])
    odd: Any = type("TestOdd", (base,), {"plugin": "obs_odd.plugin", **attributes})
    registry = contract.with_kinds(__import__("obs_odd.plugin", fromlist=["plugin"]))
    failures = []
    for name in [name for name in dir(odd) if name.startswith("test_")]:
        test = getattr(odd, name)
        parameters = test.__code__.co_varnames[1 : test.__code__.co_argcount]
        found = forked(
            lambda name=name, parameters=parameters: _test(odd, name, parameters, registry)
        )
        if found["value"]:
            failures.append(found["value"])
        elif found["code"]:
            failures.append(f"{name} ended with the exit status {found['code']}: {found['err']}")
    return failures


def _contract(name: str) -> tuple[type, dict[str, Any]]:
    if name == "command":
        from astrodome.testing import CommandContract

        return CommandContract, {"app": APP, "command": "odd", "arguments": [()]}
    if name == "model":
        from astrodome_sood.testing import AnomalyModelContract

        return AnomalyModelContract, {"model": "odd"}
    from astrodome_solar.testing import ImageSourceContract

    search = {"start": "2011-06-07", "end": "2011-06-07T02:00", "freq": "1h", "wavelength": [171]}
    return ImageSourceContract, {"source": "odd", "search": search}


class Folders:
    """Create folders like ``tmp_path_factory``."""

    def mktemp(self, name: str) -> Path:
        return Path(tempfile.mkdtemp(prefix=name))


def _test(odd: Any, name: str, parameters: tuple[str, ...], registry: Any) -> str:
    """Run one test of a contract class, and return the message of its failure."""
    import pytest

    instance = odd()
    folders = Folders()
    given: dict[str, Any] = {"tmp_path_factory": folders, "tmp_path": folders.mktemp("test")}
    try:
        with plugins.using(registry):
            if "run_folder" in parameters:
                given["run_folder"] = instance._folder(folders, 0)
            getattr(instance, name)(*(given[each] for each in parameters))
    except pytest.skip.Exception:
        return ""
    except Exception as error:
        return f"{name}: {error}"
    return ""


STEPS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "commands": run_commands,
    "kit": find_problems,
    "contract": run_contract,
}

if __name__ == "__main__":
    main()
