"""Options of commands in groups."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated

import pytest
import typer
from astrodome.option_groups import OptionGroup, expand, option
from typer.testing import CliRunner


class Cut(OptionGroup, panel="Selection"):
    """Which values are selected."""

    minimum: float = option(0.0, "Smallest value.", min=0)
    names: list[str] | None = option(None, "Name; repeatable.", "--name")
    strict: bool = option(False, "Exclude the limits.")
    path: Path = option(..., "File to read.")


def select(
    unit: Annotated[str, typer.Argument(help="Unit.")] = "mag",
    quiet: bool = option(False, "Print nothing."),
    *,
    cut: Cut,
) -> None:
    """Select values."""
    print(unit, quiet, cut.minimum, cut.names, cut.strict, cut.path, sorted(cut.given()))


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer(add_completion=False)
    app.command()(expand(select))
    return app


def test_a_command_gets_the_values_of_a_group(app: typer.Typer) -> None:
    line = ["d", "--minimum", "2", "--name", "a", "--name", "b", "--strict", "--path", "x"]
    found = CliRunner().invoke(app, line)
    assert found.output == "d False 2.0 ['a', 'b'] True x ['minimum', 'names', 'path', 'strict']\n"
    assert CliRunner().invoke(app, ["--path", "x", "--minimum", "-1"]).exit_code == 2
    assert CliRunner().invoke(app, []).exit_code == 2, "--path is required"


def test_the_help_text_has_the_panel_of_the_group(app: typer.Typer) -> None:
    text = CliRunner().invoke(app, ["--help"]).output
    assert "Selection" in text and "Smallest value." in text and "Select values." in text
    assert "--no-strict" not in text and "--no-quiet" not in text


def test_the_signature_lists_every_option_once() -> None:
    names = list(inspect.signature(expand(select)).parameters)
    assert names == ["unit", "quiet", "minimum", "names", "strict", "path"]


def test_the_representation_of_a_group_contains_its_values() -> None:
    assert repr(Cut(minimum=1.0, strict=True)) == "Cut(minimum=1.0, strict=True)"
