"""Write the table of nox sessions in ``docs/development/matrix.md`` from the reports of nox.

Each session is run with ``nox -s NAME --report .nox/reports/NAME.json``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/development/matrix.md"
START, END = "<!-- sessions -->\n", "<!-- end of sessions -->"


def sessions(folder: Path) -> list[dict[str, Any]]:
    """Return the newest result of each session in all reports."""
    found = {}
    for path in sorted(folder.glob("reports/*.json"), key=lambda path: path.stat().st_mtime):
        for session in json.loads(path.read_text())["sessions"]:
            # The name itself contains neither the version of Python nor the parameters.
            name = (session["signatures"] or [session["name"]])[0]
            found[name] = session | {"name": name}
    return [found[name] for name in sorted(found)]


def counts(path: Path) -> str:
    """Return the numbers of passed, failed and skipped tests in a file with JUnit results."""
    if not path.exists():
        return ""
    totals = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    for suite in ElementTree.parse(path).getroot().iter("testsuite"):
        for name in totals:
            totals[name] += int(suite.get(name, 0))
    failed = totals["failures"] + totals["errors"]
    passed = totals["tests"] - failed - totals["skipped"]
    return f"{passed:,} passed, {failed} failed, {totals['skipped']} skipped"


def table(folder: Path) -> str:
    rows = ["| session | result | tests | time |", "|---|---|---|---|"]
    for session in sessions(folder):
        name = session["name"]
        minutes = session["duration"] / 60
        tests = counts(folder / "results" / f"{name}.xml")
        rows.append(f"| `{name}` | {session['result']} | {tests} | {minutes:.1f} min |")
    return "\n".join(rows) + "\n"


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / ".nox"
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    _, end, after = rest.partition(END)
    PAGE.write_text(before + START + "\n" + table(folder) + "\n" + end + after, encoding="utf-8")


if __name__ == "__main__":
    main()
