"""The migration page contains all commands, options and command lines of sdo-cli."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from astrodome import plugins
from end_to_end import every_command

from docs import sdo_cli

PAGE = (Path(__file__).parents[2] / "docs" / "migration" / "sdo-cli.md").read_text("utf-8")
ROWS = re.findall(r"^\| `(sdo-cli .*?)` \| `(sdo .*?)`.*\|$", PAGE, re.MULTILINE)


def section(command: str) -> str:
    """Return the section about a command of sdo-cli, or about the group that contains it."""
    sections = dict(re.findall(r"^## sdo (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
    name = command if command in sections else command.rpartition(" ")[0]
    return sections[name]


def options(table: str, column: int) -> set[str]:
    """Return the options in a column of the tables in a section."""
    rows = re.findall(r"^\| (`-.*?) \| (.*?) \| (.*?) ?\|$", table, re.MULTILINE)
    return {option for row in rows for option in re.findall(r"`(-[\w-]+)`", row[column])}


@pytest.fixture(scope="module")
def accepted() -> Callable[[str], set[str]]:
    """Return a function that returns the options that a command of ``sdo`` accepts."""
    registry = plugins.load("sdo")
    commands = dict(every_command.walk(every_command.root("sdo", registry), "sdo"))

    def names(command: str) -> set[str]:
        with plugins.using(registry):
            found = commands[f"sdo {command}"]
            ctx: Any = found.make_context(command, [], resilient_parsing=True)
            return {name for param in found.get_params(ctx) for name in param.opts}

    return names


@pytest.mark.parametrize("command", sdo_cli.OPTIONS)
def test_the_tables_contain_all_options_of_the_command(
    command: str, accepted: Callable[[str], set[str]]
) -> None:
    table = section(command)
    assert set(sdo_cli.OPTIONS[command]) <= options(table, 0)
    assert set(sdo_cli.OPTIONS[command]) <= accepted(command)


def test_the_tables_contain_no_other_options() -> None:
    known = {option for names in sdo_cli.OPTIONS.values() for option in names}
    assert options(PAGE, 0) == known | set(sdo_cli.ROOT)


@pytest.mark.parametrize("command", sdo_cli.OPTIONS)
def test_the_options_to_type_here_exist(command: str, accepted: Callable[[str], set[str]]) -> None:
    here = options(section(command), 1)
    others = {name for names in sdo_cli.OPTIONS.values() for name in names}
    group = [name for name in sdo_cli.OPTIONS if section(name) == section(command)]
    assert here <= {name for one in group for name in accepted(one)}
    assert here & others


@pytest.mark.parametrize("command", sdo_cli.OPTIONS)
def test_the_command_has_a_section_of_its_own_or_is_named_in_that_of_its_group(
    command: str,
) -> None:
    group, _, name = command.rpartition(" ")
    whole = f"\n## sdo {command}\n" in PAGE
    assert whole or (f"\n## sdo {group}\n" in PAGE and f"`{name}`" in section(command))


def test_the_command_lines_of_the_manual_are_on_the_page() -> None:
    assert [old for old, _ in ROWS] == sdo_cli.LINES


@pytest.mark.parametrize(("old", "new"), ROWS)
def test_the_command_lines_need_no_other_change_than_the_name(old: str, new: str) -> None:
    from docs.test_commands import parsed

    assert shlex.split(new) == ["sdo", *shlex.split(old)[1:]]
    assert len(parsed(new)) >= 1
