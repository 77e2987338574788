"""Run the commands and the Python code on a page, and compare their output with the page.

The page contains comments that mark what is run:

``<!-- run: NAME -->`` before a ``console`` block
    Lines that start with ``$`` and a space are commands. A backslash at the end of the line, or
    ``>`` and a space at the start of the next line, continues a command. The other lines are the
    output of the command above; ``…`` stands for omitted output. Options of the marker:
    ``tolerance=0.2`` (relative difference of numbers; default 0.05), ``status=1`` (exit status of
    the last command), ``terminal`` (tables as on a terminal, not as in a pipe).
``<!-- run-python -->`` before a ``python`` block
    All such blocks on a page share their variables. A ``text`` block directly after it that is
    marked with ``<!-- output -->`` contains what the code prints.
``<!-- setup`` … ``-->``
    Commands that are run, but not shown.
``<!-- write: FILE -->`` before a block of code
    The code is written to the file, whose folder must exist.

``python tests/docs/transcripts.py PAGE FOLDER`` prints what each command on a page prints.
"""

from __future__ import annotations

import contextlib
import io
import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

TOLERANCE = 0.05
KINDS = ("console", "setup", "write", "python")
MARK = "\x1e"
WIDTH = 100
BLOCK = re.compile(
    r"^<!-- setup\n(?P<setup>.*?)^-->$"
    r"|^<!-- write: (?P<file>\S+) -->\n+```\w+\n(?P<write>.*?)^```$"
    r"|^<!-- run: (?P<name>\S+)(?P<options>[^\n]*?) -->\n+```console\n(?P<console>.*?)^```$"
    r"|^<!-- run-python(?P<given>[^\n]*?) -->\n+```python\n(?P<python>.*?)^```$"
    r"(?:\n+<!-- output -->\n+```text\n(?P<printed>.*?)^```$)?",
    re.DOTALL | re.MULTILINE,
)
TOKEN = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d(?:[T ][\d:.]*\d)?)"
    r"|(?P<number>(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?)"
    r"|(?P<word>\w+)|(?P<blank>[ \t]+)|(?P<other>.|\n)"
)
PROGRESS = re.compile(r"^[\w ]+: \d+(?: of \d+)? [\w ]+, \S+/s.*\n", re.MULTILINE)
"""A line about the progress, which a command prints every 30 seconds on a slow machine."""
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\].*?(?:\x07|\x1b\\)")


@dataclass(frozen=True)
class Block:
    """A part of a page that is run: commands with their output, or Python code."""

    page: Path
    line: int
    kind: str
    """``console``, ``setup`` or ``python``."""
    name: str
    code: str
    output: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def commands(self) -> list[tuple[str, str]]:
        """Return the commands in a console block, each with its expected output."""
        found: list[tuple[list[str], list[str]]] = []
        for line in self.code.splitlines():
            if line.startswith("$ "):
                found.append(([line[2:]], []))
            elif not found:
                raise ValueError(f"{self}: expected a line that starts with '$ ', got {line!r}.")
            elif not found[-1][1] and found[-1][0][-1].endswith("\\"):
                found[-1][0].append(line)
            elif not found[-1][1] and line.startswith("> "):
                found[-1][0].append(line[2:])
            else:
                found[-1][1].append(line)
        return [("\n".join(command), "\n".join(output)) for command, output in found]

    @property
    def tolerance(self) -> float:
        """Return the allowed relative difference of numbers."""
        return float(self.options.get("tolerance", TOLERANCE))

    def __str__(self) -> str:
        return f"{self.page}, line {self.line} ({self.name or self.kind})"


def blocks(page: Path) -> list[Block]:
    """Return the parts of a page that are run, in their order on the page."""
    text = page.read_text("utf-8")
    found = []
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        options = dict(re.findall(r"([\w-]+)=?(\S*)", match["options"] or match["given"] or ""))
        kind = next(kind for kind in KINDS if match[kind] is not None)
        code = match[kind]
        if kind == "write":
            kind, code = "setup", f"cat >{match['file']} <<'END-OF-FILE'\n{code}END-OF-FILE\n"
        found.append(Block(page, line, kind, match["name"] or "", code, match["printed"], options))
    marked = len(re.findall(r"^<!-- (?:run: |run-python|setup\n|write: )", text, re.MULTILINE))
    if marked != len(found):
        raise ValueError(f"{page}: {marked} marked blocks, but only {len(found)} are valid.")
    return found


def replay(page: Path, folder: Path, env: Mapping[str, str] | None = None) -> None:
    """Run all blocks of a page in a folder, and compare their output with the page.

    Raises AssertionError if a command fails, or if an output differs from the page.
    """
    found = blocks(page)
    assert found, f"{page} contains no block that is run"
    for block, pairs in run(found, folder, env):
        for command, expected, actual in pairs:
            assert agrees(expected, actual, block.tolerance), (
                f"{block}: different output\n{command}\n--- on the page\n{expected}\n"
                f"--- printed\n{actual}"
            )


def run(
    found: list[Block], folder: Path, env: Mapping[str, str] | None = None
) -> Iterator[tuple[Block, list[tuple[str, str, str]]]]:
    """Run blocks, and yield each of them with (command, expected output, actual output)."""
    folder.mkdir(parents=True, exist_ok=True)
    state = folder / ".transcript"
    state.mkdir(exist_ok=True)
    given = environment(folder, env)
    shared: dict[str, Any] = {"__name__": "__page__"}
    for block in found:
        if block.kind == "python":
            printed = execute(block, shared, folder, given)
            yield block, [(block.code, block.output or "…", printed)]
            continue
        setup = block.kind == "setup"
        commands = [(block.code, "…")] if setup else block.commands
        status, outputs = shell([command for command, _ in commands], block, state, given)
        expected = int(block.options.get("status", 0))
        assert status == expected and len(outputs) == len(commands), (
            f"{block}: exit status {status}, expected {expected}\n"
            f"{commands[max(len(outputs) - 1, 0)][0]}\n{outputs[-1] if outputs else ''}"
        )
        yield block, [(*pair, output) for pair, output in zip(commands, outputs, strict=True)]


def environment(folder: Path, env: Mapping[str, str] | None) -> dict[str, str]:
    """Return the environment of the commands: the tested programs, and a private home folder."""
    prefixes = ("ASTRODOME_", "SDO_", "SCOPE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
    return {
        **kept,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "ASTRODOME_HOME": str(folder / ".home"),
        "COLUMNS": str(WIDTH),
        "LC_ALL": "C.UTF-8",
        "MPLBACKEND": "Agg",
        "NO_COLOR": "1",
        "TERM": "xterm",
        **(env or {}),
    }


def shell(
    commands: list[str], block: Block, state: Path, env: Mapping[str, str]
) -> tuple[int, list[str]]:
    """Run commands in one shell; return its exit status and the output of each command.

    The working directory and the exported variables are kept for the next block.
    """
    lines = [f"cd {state.parent}"]
    if (state / "shell").exists():
        lines = [f". {state}/shell"]
    for command in commands:
        lines.append(f"printf '\\036'\n{{ {command}\n}} 2>{target(block, state)}")
        if "terminal" in block.options:
            lines.append(f"cat {state}/errors")
    lines.append(f"{{ export -p; printf 'cd %q\\n' \"$PWD\"; }} >{state}/shell")
    script = state / "script"
    script.write_text("\n".join(lines) + "\n", "utf-8")
    argv = ["bash", "-e", str(script)]
    if "terminal" in block.options:
        status, text = on_terminal(argv, env)
        if status:
            text += (state / "errors").read_text("utf-8")
    else:
        ran = subprocess.run(
            argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False, text=True
        )
        status, text = ran.returncode, ran.stdout
    return status, [PROGRESS.sub("", ESCAPES.sub("", part)) for part in text.split(MARK)[1:]]


def target(block: Block, state: Path) -> str:
    return f"{state}/errors" if "terminal" in block.options else "&1"


def on_terminal(argv: list[str], env: Mapping[str, str]) -> tuple[int, str]:
    """Run a program whose standard output is a terminal; return its exit status and output."""
    ours, theirs = pty.openpty()
    received: list[bytes] = []

    def read() -> None:
        with contextlib.suppress(OSError):  # the other end is closed
            while data := os.read(ours, 65536):
                received.append(data)

    reader = threading.Thread(target=read)
    try:
        process = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=theirs)
        reader.start()
        status = process.wait()
    finally:
        os.close(theirs)
    reader.join()
    os.close(ours)
    return status, b"".join(received).decode().replace("\r\n", "\n")


def execute(block: Block, shared: dict[str, Any], folder: Path, env: Mapping[str, str]) -> str:
    """Run Python code in this process, and return what it prints."""
    printed = io.StringIO()
    code = compile("\n" * (block.line + 1) + block.code, str(block.page), "exec")
    with (
        mock.patch.dict(os.environ, env),
        contextlib.chdir(folder),
        contextlib.redirect_stdout(printed),
    ):
        exec(code, shared)
    return printed.getvalue()


def agrees(expected: str, actual: str, tolerance: float = TOLERANCE) -> bool:
    """Return whether a text agrees with the text on a page, in which ``…`` matches any text."""
    pattern, text = tokens(expected), tokens(actual)
    at = here = 0
    star, resume = -1, 0
    while here < len(text):
        if at < len(pattern) and pattern[at] == "…":
            star, resume, at = at, here, at + 1
        elif at < len(pattern) and same(pattern[at], text[here], tolerance):
            at, here = at + 1, here + 1
        elif star >= 0:
            resume += 1
            at, here = star + 1, resume
        else:
            return False
    return all(token == "…" for token in pattern[at:])


def tokens(text: str) -> list[str]:
    """Split text into numbers, words, blanks and characters; lines have no blanks at the end."""
    joined = (
        "\n".join(line.rstrip() for line in text.splitlines()).strip("\n").replace("\n…\n", "\n…")
    )
    joined = re.sub(r"^…\n|\n…$", "…", joined)
    joined = re.sub("─+", "─", joined)  # The width of a table depends on the digits of its numbers.
    return [
        " " if match.lastgroup == "blank" else match.group() for match in TOKEN.finditer(joined)
    ]


def same(expected: str, actual: str, tolerance: float) -> bool:
    if expected == actual:
        return True
    numbers = [TOKEN.fullmatch(token) for token in (expected, actual)]
    if not all(match and match.lastgroup == "number" for match in numbers):
        return False
    wanted, got = (float(token.replace(",", "")) for token in (expected, actual))
    return abs(wanted - got) <= tolerance * max(abs(wanted), abs(got))


def main() -> None:
    """Print what each block of a page prints, and mark the differences from the page."""
    page, folder = Path(sys.argv[1]), Path(sys.argv[2]).resolve()
    for block, pairs in run(blocks(page), folder):
        print(f"== {block}")
        for command, expected, actual in pairs:
            differs = "" if agrees(expected, actual, block.tolerance) else "  <-- differs"
            print(f"$ {command}{differs}\n{actual.rstrip()}", flush=True)


if __name__ == "__main__":
    main()
