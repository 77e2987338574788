"""Write the tables in docs/performance.md and README.md from the results of a run.

    python -m benchmarks.readme [RESULTS.json]

The table in docs/performance.md contains every time and rate that was measured for both sides. The
table in the README in this folder contains all figures.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.json"
SHORT, LONG = HERE.parent / "docs" / "performance.md", HERE / "README.md"
BEGIN, END = "<!-- benchmarks.readme: begin -->", "<!-- benchmarks.readme: end -->"
TIMES = ("s", "ms", "µs")
NUMERIC = ("sdo-cli or SCoPe", "astrodome", "times better")
"""Columns that are aligned to the right."""


def number(value: float | None) -> str:
    """Format a figure with three significant digits, and all digits before the decimal point."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 99.95 else f"{value:.3g}"


def ratio(value: float | None) -> str:
    """Format a ratio with two significant digits, or more for large ratios."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 9.95 else f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def read(path: Path) -> dict[str, Any]:
    """Return the results of a run.

    Raises ValueError for a run with small inputs.
    """
    results: dict[str, Any] = json.loads(path.read_text("utf-8"))
    if results["small"]:
        raise ValueError(f"{path} contains the results of a run with --small.")
    return results


def compared(results: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the figures with a time or a rate for both sides."""
    return [
        figure
        for figure in results["figures"]
        if figure["older"] is not None and (figure["unit"] in TIMES or figure["unit"][-2:] == "/s")
    ]


def conditions(results: Mapping[str, Any]) -> str:
    """Return sentences about the conditions of a run."""
    machine = results["machine"]
    lines = (
        f"The figures are medians of {results['repeat']} alternating runs of each side, measured "
        f"on {machine['date'][:10]} with {machine['cpus']} CPUs, {machine['system']} and Python "
        f"{machine['python']}. The load average at the start was {machine['load']}."
    )
    failed = ", ".join(f"`{name}`" for name in results["failed"])
    lines += f" These benchmarks failed: {failed}." if failed else ""
    return lines + (f" {results['note']}" if "note" in results else "")


def table(results: Mapping[str, Any], rows: Sequence[Mapping[str, str]]) -> str:
    """Return the conditions of a run, and a Markdown table with the keys of the rows as columns."""
    rule = ["---:" if name in NUMERIC else "---" for name in rows[0]]
    lines = [f"| {' | '.join(rows[0])} |", f"|{'|'.join(rule)}|"]
    lines += [f"| {' | '.join(row.values())} |" for row in rows]
    return "\n".join([conditions(results), "", *lines])


def short(results: Mapping[str, Any]) -> str:
    """Return the section of docs/performance.md."""
    rows = [
        {
            "what": figure["subject"],
            "sdo-cli or SCoPe": f"{number(figure['older'])} {figure['unit']}",
            "astrodome": number(figure["ours"]),
            "times better": ratio(figure["ratio"]),
        }
        for figure in compared(results)
    ]
    return table(results, rows)


def long(results: Mapping[str, Any]) -> str:
    """Return the section of the README in this folder."""
    rows = [
        {
            "benchmark": figure["benchmark"],
            "subject": figure["subject"],
            "sdo-cli or SCoPe": number(figure["older"]),
            "astrodome": number(figure["ours"]),
            "unit": figure["unit"],
            "times better": ratio(figure["ratio"]),
            "goal": figure["goal"],
        }
        for figure in results["figures"]
    ]
    return table(results, rows)


def with_section(page: str, section: str) -> str:
    """Return a page in which the text between the two markers is replaced."""
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    replaced, count = pattern.subn(lambda _: f"{BEGIN}\n{section}\n{END}", page)
    if count != 1:
        raise ValueError(f"Expected one section between {BEGIN} and {END}, found {count}.")
    return replaced


def pages(results: Mapping[str, Any]) -> dict[Path, str]:
    """Return the text of both pages with the tables of these results."""
    return {
        path: with_section(path.read_text("utf-8"), section(results))
        for path, section in ((SHORT, short), (LONG, long))
    }


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else RESULTS
    for page, text in pages(read(path)).items():
        page.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
