"""Create environments that contain sdo-cli, SCoPe (``scope-ml``) and llm.

    python -m benchmarks.older [sdo] [scope] [llm]

This command creates the environments in advance. Otherwise, a benchmark creates the environment
that it requires. The environments require about 2 and 4 GB in ``.venvs/older-sdo`` and
``.venvs/older-scope``, that for llm 0.1 GB. The environment variables ``ASTRODOME_OLDER_SDO``,
``ASTRODOME_OLDER_SCOPE`` and ``ASTRODOME_OLDER_LLM`` specify other folders.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
BARE = {"sdo": ("sdo-cli==0.0.21", "torchvision==0.15.2"), "scope": (), "llm": ()}
"""Distributions that are installed without their requirements, because these conflict."""
READY = "astrodome-benchmark-pins.txt"


def folder(tool: str) -> Path:
    """Return the path of the environment for a tool. The folder may not exist."""
    default = HERE.parent / ".venvs" / f"older-{tool}"
    return Path(os.environ.get(f"ASTRODOME_OLDER_{tool.upper()}", default)).absolute()


@cache
def environment(tool: str) -> Path:
    """Return the ``bin`` folder of an environment. It is recreated if the pinned versions changed.

    Raises CalledProcessError if pip fails.
    """
    place, pins = folder(tool), HERE / f"older-{tool}.txt"
    wanted = "\n".join([pins.read_text("utf-8"), *BARE[tool]])
    ready = place / READY
    if not ready.is_file() or ready.read_text("utf-8") != wanted:
        print(
            f"Installing the environment '{tool}' in {place}, which takes several minutes …",
            file=sys.stderr,
        )
        venv.create(place, with_pip=True, clear=True)
        pip = [str(place / "bin" / "python"), "-m", "pip", "install", "-qq"]
        subprocess.run([*pip, "-r", str(pins)], check=True)
        if BARE[tool]:
            subprocess.run([*pip, "--no-deps", *BARE[tool]], check=True)
        ready.write_text(wanted, "utf-8")
    return place / "bin"


@cache
def beside(tool: str, pin: str) -> Path:
    """Return a folder that contains another version of a distribution.

    Put the folder at the start of the import path for commands that require this version.
    """
    python = environment(tool) / "python"
    place = folder(tool) / pin
    if not place.is_dir():
        part = place.with_name(f"{pin}.part")
        pip = [str(python), "-m", "pip", "install", "-qq", "--no-deps", "--target", str(part)]
        subprocess.run([*pip, pin], check=True)
        part.rename(place)
    return place


if __name__ == "__main__":
    for name in sys.argv[1:] or BARE:
        print(environment(name))
