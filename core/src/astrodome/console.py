"""Print the output of commands: tables, JSON documents, progress, warnings and errors."""

from __future__ import annotations

import itertools
import json
import math
import os
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from . import cells
from .errors import AstrodomeError, without_hint

if TYPE_CHECKING:
    from rich.console import Console

    from .compute import Outcome, Plan

json_requested = False
"""Whether the running command was started with ``--json``."""
_json_printed = False
NARROWEST = 6
"""Minimum width, in characters, of a column whose text can be wrapped."""


def on_terminal(stream: Any = None) -> bool:
    """Return whether a stream (by default standard output) is a terminal."""
    stream = stream or sys.stdout
    return bool(stream and stream.isatty()) and os.environ.get("TERM") != "dumb"


def rich_console(*, stderr: bool = False) -> Console:
    """Return a Rich console that respects ``NO_COLOR`` and the width of the terminal."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


def show(
    rows: Iterable[Mapping[str, Any]],
    *,
    title: str = "",
    columns: Sequence[str] = (),
    formats: Mapping[str, cells.Format] | None = None,
    header: bool = True,
    as_json: bool = False,
    optional: Sequence[tuple[str, ...]] = (),
) -> None:
    """Print records as a table on a terminal, as tab-separated text otherwise, or as JSON.

    Parameters
    ----------
    rows
        Records, given as mappings from column names to values.
    title
        Title of the table on a terminal.
    columns
        Names of the columns to print, in this order. By default, all columns are printed.
    formats
        Formats for a terminal, keyed by column name, for example ``{"speed": ".2e"}``. By default,
        the number of digits depends on the column name; see :mod:`.cells`. Numbers in
        piped output always have full precision.
    header
        Whether to print the column names.
    as_json
        Whether to print a JSON array with all columns.
    optional
        Groups of columns that may be hidden if the terminal is too narrow for the whole table.
        Groups that contain no values are hidden first, then the other groups in the given order.

    Examples
    --------
    >>> show([{"star": "Vega", "mag": 0.03}, {"star": "Deneb", "mag": 1.25}])
    star    mag
    Vega    0.03
    Deneb   1.25
    """
    records = [dict(row) for row in rows]
    if as_json:
        return show_json(records)
    names = list(columns) or list(dict.fromkeys(key for row in records for key in row))
    if not names:
        return None
    by_name = {name: [row.get(name) for row in records] for name in names}
    if not on_terminal():
        _print_lines(names if header else [], list(by_name.values()))
        return None
    texts = {
        name: cells.column(name, values, (formats or {}).get(name))
        for name, values in by_name.items()
    }
    hidden = _too_wide(texts, optional)
    numeric = [name for name in names if any(map(cells.is_number, by_name[name]))]
    shown = {name: column for name, column in texts.items() if name not in hidden}
    _print_table(shown, numeric, title, header)
    if hidden:
        note(
            f"Columns hidden because the terminal is too narrow: {', '.join(hidden)}. "
            "Pipe the output or use --json to get all columns."
        )
    return None


def _too_wide(texts: Mapping[str, Sequence[str]], optional: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the optional columns to hide so that each row fits on one line, in table order."""
    widths = _widths(texts)
    empty = {name for name, column in texts.items() if not any(column)}
    hidden: set[str] = set()
    for group in sorted(optional, key=lambda group: not empty.issuperset(group)):
        if not any(texts.values()) or _fits([widths[n] for n in texts if n not in hidden]):
            break
        hidden.update(group)
    return [name for name in texts if name in hidden]


def _widths(texts: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return the width of each column in characters, keyed by column name."""
    from rich.cells import cell_len

    return {name: max(map(cell_len, [name, *column])) for name, column in texts.items()}


def _fits(widths: Sequence[int]) -> bool:
    """Return whether columns, separated by three characters, fit on the terminal."""
    return sum(widths) + 3 * len(widths) + 1 <= rich_console().width


def show_one(record: Mapping[str, Any], *, title: str = "", as_json: bool = False) -> None:
    """Print one record, as one line per key or as a JSON object."""
    if as_json:
        show_json(dict(record))
    elif not record:
        return
    elif not on_terminal():
        _print_lines([], [list(record), list(record.values())])
    else:
        values = [cells.column(name, [value])[0] for name, value in record.items()]
        numeric = ["value"] if any(map(cells.is_number, record.values())) else []
        _print_table({"key": list(record), "value": values}, numeric, title, header=False)


def _print_lines(names: Sequence[str], columns: Sequence[Sequence[Any]]) -> None:
    """Print tab-separated values, which ``cut`` and spreadsheets can read."""
    if names:
        print("\t".join(map(cells.exact, names)))
    for row in zip(*columns, strict=True):
        print("\t".join(map(cells.exact, row)))


def _print_table(
    texts: Mapping[str, Sequence[str]], numeric: Collection[str], title: str, header: bool
) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", box=SIMPLE_HEAD, show_header=header)
    unwrapped = _unwrapped(texts)
    for number, name in enumerate(texts):
        table.add_column(
            name,
            justify="right" if name in numeric else "left",
            style="bold" if number == 0 else "",
            overflow="fold",
            no_wrap=name in unwrapped,
        )
    for row in zip(*texts.values(), strict=True):
        table.add_row(*map(Text, row))
    rich_console().print(table)


def _unwrapped(texts: Mapping[str, Sequence[str]]) -> set[str]:
    """Return the columns that contain only single words, such as times and identifiers.

    These columns are not wrapped, and the other columns share the remaining width. Return an empty
    set if the terminal is too narrow.
    """
    words = {name for name, column in texts.items() if not any(" " in cell for cell in column)}
    needed = [w if n in words else min(w, NARROWEST) for n, w in _widths(texts).items()]
    return words if _fits(needed) else set()


def show_json(document: Any) -> None:
    """Print a JSON document. Times are converted to ISO 8601, and NaN and infinity to null."""
    global _json_printed
    _json_printed = True
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    escaped = not encoding.lower().startswith("utf")
    print(json.dumps(_plain(document), indent=1, ensure_ascii=escaped))


def _plain(value: Any) -> Any:
    if cells.is_missing(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(item) for item in value]
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "tolist"):  # NumPy scalars and arrays
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float) else str(value)


def note(text: str) -> None:
    """Print a message to standard error."""
    print(text, file=sys.stderr)


def warn(text: str, hint: str = "") -> None:
    """Print a warning with an optional hint to standard error."""
    _say("Warning", text, hint)


def error(failure: AstrodomeError) -> None:
    """Print the message and the hint of an error to standard error."""
    _say("Error", failure.message, failure.hint)


def start(args: Sequence[str]) -> None:
    """Store whether the arguments of a command line contain ``--json``."""
    global json_requested, _json_printed
    options = itertools.takewhile(lambda arg: arg != "--", args)
    json_requested, _json_printed = "--json" in options, False


def fail(failure: AstrodomeError) -> None:
    """Print an error to standard error and, if ``--json`` was given, as a JSON document.

    The document is not printed if the command has already printed its result.
    """
    show_error_document(failure)
    error(failure)


def show_error_document(failure: AstrodomeError) -> None:
    """Print an error as a JSON document if ``--json`` was given and no document was printed."""
    if json_requested and not _json_printed:
        content = {"code": failure.code, "message": failure.message, "hint": failure.hint}
        show_json({"error": content})


def _say(kind: str, text: str, hint: str) -> None:
    bold, end = ("", "")
    if on_terminal(sys.stderr) and "NO_COLOR" not in os.environ:
        bold, end = ("\033[1;31m" if kind == "Error" else "\033[1;33m", "\033[0m")
    print(f"{bold}{kind}:{end} {text}", file=sys.stderr)
    if hint:
        print(f"Hint: {hint}", file=sys.stderr)


def finish(
    outcome: Outcome, verb: str, noun: str, *, as_json: bool = False, more: str = ""
) -> None:
    """Print the failed items and a summary, and exit with status 1 if any item failed.

    The summary contains the numbers of items, ``noun`` (plural) and ``verb`` (past participle). If
    ``as_json`` is True, an :class:`.OutcomeDocument` is printed instead. Use this only if the
    command prints no other document. ``more`` is printed after the counts.
    """
    _show_failed(outcome.failed)
    parts = [f"{_counted(outcome.done, noun)} {verb}"]
    parts += [f"{outcome.skipped} skipped"] if outcome.skipped else []
    parts += [f"{len(outcome.failed)} failed"] if outcome.failed else []
    if as_json:
        show_json(outcome.as_dict())
    else:
        note(", ".join(parts) + more + ".")
    if outcome.failed:
        raise SystemExit(1)


def _counted(number: int, noun: str) -> str:
    """Return a number and a regular plural noun, or the singular if the number is 1."""
    if number == 1:
        noun = noun.removesuffix("es" if noun.endswith("ches") else "s")
    return f"{number} {noun}"


def _show_failed(failed: Iterable[tuple[str, str]]) -> None:
    """Print the failed items, and then each of their hints once."""
    hints = []
    for name, why in failed:
        message, hint = without_hint(why)
        note(f"  failed  {name}: {message}")
        hints.append(hint)
    for hint in dict.fromkeys(filter(None, hints)):
        note(f"Hint: {hint}")


def show_plan(plan: Plan, verb: str, noun: str, *, as_json: bool = False) -> None:
    """Print the result of a dry run, and exit with status 1 if any item cannot be processed.

    The names of the planned items are printed to standard output, one per line, followed by the
    files that would be deleted.
    """
    _show_failed(plan.failed)
    if as_json:
        show_json(plan.as_dict())
    else:
        for line in [*plan.planned, *(f"delete {name}" for name in plan.deleted)]:
            print(line)
        parts = [f"{_counted(len(plan.planned), noun)} would be {verb}"]
        parts += [f"{len(plan.deleted)} would be deleted"] if plan.deleted else []
        parts += [f"{plan.skipped} skipped"] if plan.skipped else []
        parts += [f"{len(plan.failed)} failed"] if plan.failed else []
        note(f"Dry run: {', '.join(parts)}. Nothing was changed.")
    if plan.failed:
        raise SystemExit(1)


class Progress:
    """The progress of a long operation, which :func:`progress` yields."""

    def __init__(self, label: str, total: int | None, unit: str, *, resumes: bool = True) -> None:
        self.label, self.total, self.unit, self.resumes = label, total, unit, resumes
        self.count = 0
        self.detail = ""
        self._started = self._said = time.monotonic()
        self._bar: Any = None
        self._task: Any = None

    def set_total(self, total: int) -> None:
        """Set the total number of items, if it is not known at the beginning."""
        self.total = total
        if self._bar:
            self._bar.update(self._task, total=total)

    def advance(self, steps: int = 1, detail: str = "") -> None:
        """Increase the number of finished items. ``detail`` is shown after the numbers."""
        self.count += steps
        self.detail = detail or self.detail
        if self._bar:
            self._bar.update(self._task, completed=self.count, detail=self.detail)
            if time.monotonic() - self._said > 0.1:
                self._said = time.monotonic()
                self._bar.refresh()
        elif time.monotonic() - self._said > 30:
            self._said = time.monotonic()
            of = f" of {self.total}" if self.total else ""
            rate = self.count / (self._said - self._started)
            note(f"{self.label}: {self.count}{of} {self.unit}, {rate:.3g}/s {self.detail}".rstrip())


_interrupted: Progress | None = None


def interruption() -> str:
    """Return a message that describes the interrupted operation and how to continue."""
    state = _interrupted
    if state is None:
        return "Interrupted. Files that were written are complete."
    of = f" of {state.total}" if state.total else ""
    again = "resume" if state.resumes else "start from the beginning"
    return (
        f"Interrupted after {state.count}{of} {state.unit}. Run the same command again to {again}."
    )


@contextmanager
def progress(
    label: str, total: int | None = None, unit: str = "items", *, resumes: bool = True
) -> Iterator[Progress]:
    """Show progress on standard error, as a bar on a terminal or as one line every 30 seconds.

    Pass ``resumes=False`` if the same command starts from the beginning after an interruption.
    """
    global _interrupted
    state = Progress(label, total, unit, resumes=resumes)
    try:
        if not on_terminal(sys.stderr):
            yield state
            return
        from rich import progress as bars

        with bars.Progress(
            bars.TextColumn("{task.description}"),
            bars.BarColumn(),
            bars.MofNCompleteColumn(),
            bars.TaskProgressColumn(show_speed=True),
            bars.TimeRemainingColumn(),
            bars.TextColumn("{task.fields[detail]}"),
            console=rich_console(stderr=True),
            transient=True,
            auto_refresh=False,  # A refresh thread would prevent forking.
        ) as bar:
            state._bar = bar
            state._task = bar.add_task(label, total=total, detail="")
            yield state
    except KeyboardInterrupt:
        _interrupted = state
        raise
