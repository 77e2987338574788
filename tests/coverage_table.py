"""Combine the measurements of ``make coverage`` and print the coverage of each distribution.

The exit status is 1 if a distribution is below the goals. ``--files N`` also prints the N files of
each distribution with the most lines that no test executes.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections import defaultdict
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import coverage

ROOT = Path(__file__).parents[1]
GOALS = {"lines": 90.0, "branches": 80.0}


def measure() -> dict[str, dict[str, Any]]:
    """Return the summary of each file by its path in the repository."""
    found = coverage.Coverage(config_file=str(ROOT / "pyproject.toml"))
    folder = Path(found.config.data_file).parent
    found.combine([str(folder)], keep=True)
    target = folder / "report.json"
    with redirect_stdout(io.StringIO()):
        found.json_report(outfile=str(target))
    return {path: one["summary"] for path, one in json.loads(target.read_text())["files"].items()}


def shares(summaries: list[dict[str, Any]]) -> dict[str, float]:
    """Return the percentages of executed lines and branches."""

    def share(covered: str, total: str) -> float:
        count = sum(one[total] for one in summaries)
        return 100 * sum(one[covered] for one in summaries) / count if count else 100.0

    return {
        "lines": share("covered_lines", "num_statements"),
        "branches": share("covered_branches", "num_branches"),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=0, metavar="N")
    count = parser.parse_args().files
    parts: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for path, summary in measure().items():
        parts[path.partition("/src/")[0]][path] = summary
    low = []
    print("| distribution | lines | branches |\n|---|---|---|")
    for part, files in sorted(parts.items()):
        percent = shares(list(files.values()))
        print(f"| `{part}` | {percent['lines']:.1f} % | {percent['branches']:.1f} % |")
        low += [f"{part}: {what}" for what, goal in GOALS.items() if percent[what] < goal]
        worst = sorted(files, key=lambda path: -files[path]["missing_lines"])
        for path in worst[:count]:
            one = files[path]
            print(f"    {one['missing_lines']} of {one['num_statements']} lines in {path}")
    if low:
        print(f"Below {GOALS['lines']:g} % of lines or {GOALS['branches']:g} % of branches: {low}")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
