"""Run tasks on request, and return their durations in seconds.

This module is imported in several environments, so it requires only the standard library.
"""

import json
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from importlib.metadata import files
from pathlib import Path
from typing import Any


def serve(tasks: dict[str, Callable[..., Any]]) -> None:
    """Respond to requests ``[task, {argument: value}]``, one per line, until the input ends.

    A task prepares its input and returns a function without arguments. The response is the duration
    of this function in seconds. If a task returns any other value, the response is this value.
    """
    responses = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # Exclude library output from the responses.
    for line in sys.stdin:
        name, given = json.loads(line)
        result = tasks[name](**given)
        print(json.dumps(seconds(result) if callable(result) else result), file=responses)


def seconds(function: Callable[[], Any]) -> float:
    """Call a function, and return its duration in seconds."""
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


class Log:
    """Replacement for the command object that is passed to the functions of sdo-cli."""

    def log(self, *_: object) -> None:
        pass

    vlog = log


@cache
def table(features: str) -> Any:
    """Read an array of features from a file, and return it as a pandas table."""
    import numpy as np
    import pandas as pd

    values = np.load(features)
    return pd.DataFrame(values, columns=[f"f{i}" for i in range(values.shape[1])])


def peak() -> float:
    """Return the peak memory of this process in MB.

    On Linux, ``getrusage`` is not used, because it includes the peak memory of the parent process.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def enter_scope_folder() -> None:
    """Change to a folder that contains the ``config.yaml`` that scope-ml reads when imported."""
    os.chdir(tempfile.mkdtemp())
    default = next(f for f in files("scope-ml") or [] if f.name == "config.defaults.yaml")
    shutil.copy(default.locate(), "config.yaml")
