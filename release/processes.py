"""Run the tools of other projects."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from .project import ROOT, ReleaseError

HIDDEN = (
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "COLUMNS",
    "ASTRODOME_PLUGINS",
    "ASTRODOME_PLUGIN_DIR",
)
LAST_LINES = 12


def run(
    *command: object,
    cwd: Path = ROOT,
    environ: Mapping[str, str] | None = None,
    isolated: bool = False,
) -> str:
    """Run a program, and return its standard output.

    A program without a path is taken from the environment of this Python interpreter. With
    ``isolated``, the process does not see the variables of this repository's environment.
    Raises ReleaseError with the end of the output if the exit status is not 0.
    """
    words = [str(word) for word in command]
    if os.sep not in words[0]:
        words[0] = str(Path(sys.executable).with_name(words[0]))
    variables = dict(os.environ)
    if isolated:
        variables = {key: text for key, text in variables.items() if key not in HIDDEN}
    try:
        ran = subprocess.run(
            words,
            cwd=cwd,
            env=variables | dict(environ or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise ReleaseError(
            f"{Path(words[0]).name} is not installed (run: pip install --group release)."
        ) from None
    if ran.returncode:
        end = (ran.stdout + ran.stderr).strip().splitlines()[-LAST_LINES:]
        shown = "\n    ".join(end)
        name = Path(words[0]).name
        raise ReleaseError(
            f"'{name} {' '.join(words[1:5])} …' exited with status {ran.returncode}:\n    {shown}"
        )
    return ran.stdout
