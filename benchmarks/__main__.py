"""Run the benchmarks and print the results. The README in this folder describes the benchmarks."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from astrodome import compute, console, files

from .measure import Effort
from .readme import number

SUBJECTS = {
    "startup": "startup",
    "plugins": "plugin_startup",
    "resize": "pictures",
    "patch": "pictures",
    "download": "download",
    "cevae": "cevae",
    "sdoml": "sdoml",
    "events": "events",
    "goes": "goes",
    "fritz": "fritz",
    "scope_xgb": "scope_xgb",
    "scope_data": "scope_data",
    "scope_dnn": "scope_dnn",
    "scope_features": "scope_features",
}
"""Names of the modules, keyed by subject. Each contains a function with the name of the subject."""
BUSY = 0.7
"""Load average above which a warning is shown, because other processes affect the results."""


def main() -> int:
    """Measure the selected subjects, and return exit status 1 if one of them failed."""
    options = _options()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # Users start from compiled modules.
    chosen = options.subjects or list(SUBJECTS)
    effort = Effort(options.repeat, options.small)
    found: dict[str, Any] = {
        "machine": machine(),
        "repeat": effort.repeat,
        "small": effort.small,
        "figures": [],
        "failed": {},
    }
    if found["machine"]["load"] > BUSY:
        console.warn(
            f"The load average is {found['machine']['load']}. Other processes affect the results."
        )
    for subject in chosen:
        console.note(f"Measuring {subject} …")
        with tempfile.TemporaryDirectory(prefix="astrodome-bench-") as place:
            try:
                measure = getattr(import_module(f".{SUBJECTS[subject]}", __package__), subject)
                for figure in measure(Path(place), effort):
                    found["figures"].append({"benchmark": subject, **dataclasses.asdict(figure)})
            except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
                console.warn(f"{subject} could not be measured: {error}")
                found["failed"][subject] = str(error)
    about = ", ".join(f"{name} {value}" for name, value in found["machine"].items())
    print(f"Medians of {effort.repeat} alternating runs of each side ({about})")
    if effort.small:
        print("Small inputs were used, so the results are not meaningful.")
    console.show(found["figures"], formats=dict.fromkeys(("older", "ours", "ratio"), number))
    if options.json:
        files.write_text(options.json, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    return int(bool(found["failed"]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument(
        "subjects", nargs="*", metavar="|".join(SUBJECTS), help="subjects to measure (default: all)"
    )
    parser.add_argument(
        "--repeat", type=int, default=5, help="number of runs for each program (default: 5)"
    )
    parser.add_argument(
        "--small", action="store_true", help="use small inputs, to check that all benchmarks run"
    )
    parser.add_argument("--json", type=Path, help="JSON file to which the results are written")
    options = parser.parse_args()
    if unknown := set(options.subjects) - set(SUBJECTS):
        parser.error(
            f"unknown subject {', '.join(sorted(unknown))}: expected {', '.join(SUBJECTS)}"
        )
    return options


def machine() -> dict[str, Any]:
    """Return the date, the properties of the machine and its load average."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpus": compute.cores(),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


if __name__ == "__main__":
    sys.exit(main())
