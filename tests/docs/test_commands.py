"""The command reference is up to date, and each command has a valid example."""

from __future__ import annotations

import runpy
import shlex
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from astrodome import app, parameters, plugins

ROOT = Path(__file__).parents[2]
CONSTRAINTS = ROOT / "constraints.txt"
GENERATE = runpy.run_path(str(ROOT / "docs" / "generate_commands.py"))
COMMANDS = [one for _, found in GENERATE["commands"]().values() for one in found]
LINES = [line for one in COMMANDS for line in one.examples.values()]


@pytest.mark.skipif(
    f"typer=={version('typer')}" not in CONSTRAINTS.read_text("utf-8").splitlines(),
    reason="another version of Typer writes the types of options differently",
)
def test_the_reference_is_up_to_date() -> None:
    pages = GENERATE["pages"]()
    assert set(GENERATE["TARGET"].glob("*.md")) == set(pages), "Run make docs."
    for path, text in pages.items():
        assert path.read_text("utf-8") == text, "Commands changed: run make docs."


def test_every_command_has_an_example_that_starts_with_its_name() -> None:
    assert len(COMMANDS) > 80
    for one in COMMANDS:
        assert one.examples, one.path
        assert all(f"{line} ".startswith(f"{one.path} ") for line in one.examples.values())
        assert all(about[0].isupper() and about.endswith(":") for about in one.examples)


def test_every_section_in_the_file_of_examples_is_a_command() -> None:
    given = GENERATE["tomllib"].loads(GENERATE["EXAMPLES"].read_text("utf-8"))
    assert set(given) <= {one.path for one in COMMANDS}


def parsed(line: str) -> dict[str, Any]:
    """Parse a command line without running it, and return the given values of parameters.

    Paths are not checked: the files in the examples do not exist.
    """
    name, *words = shlex.split(line)
    with plugins.using(GENERATE["ours"](name)):
        command = app.build(name, GENERATE["ours"](name))
        ctx = command.make_context(name, [], resilient_parsing=True)
        while hasattr(command, "commands"):
            ctx.resilient_parsing = False
            label, command, words = command.resolve_command(ctx, words)
            ctx = command.make_context(label, [], parent=ctx, resilient_parsing=True)
        ctx.resilient_parsing = False
        values, left, _ = command.make_parser(ctx).parse_args(list(words))
        assert not left, left
        for param in command.params:
            value = values.get(param.name)
            if param.required:
                assert value, param.name
            if param.name in values and not parameters.is_path(param):
                param.process_value(ctx, value)
    return dict(values)


@pytest.mark.parametrize("line", LINES)
def test_the_example_is_a_valid_command_line(line: str) -> None:
    assert isinstance(parsed(line), dict)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("sdo goes get --no-such-option 3", "No such option"),
        ("sdo goes get --timestamp yesterday", "yesterday"),
        ("sdo goes get --max-diff much", "much"),
        ("sdo goes gett", "No such command"),
        ("sdo plugins list everything", "everything"),
        ("sdo plugins info", "name"),
    ],
)
def test_an_invalid_example_is_found(line: str, message: str) -> None:
    with pytest.raises(Exception, match=message):
        parsed(line)
