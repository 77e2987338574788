"""Options of commands in groups."""

from __future__ import annotations

import inspect
from enum import Enum
from pathlib import Path
from typing import Annotated, Literal

import pytest
import typer
from astrodome.option_groups import OptionGroup, expand, from_model, option
from pydantic import BaseModel, Field
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


class Split(Enum):
    """Methods that split a node."""

    best = "best split"
    random = "random split"


class Fit(BaseModel):
    trees: int = Field(100, ge=1, lt=1000, description="Number of trees.")
    rate: float | None = Field(None, gt=0, description="Learning rate.")
    layout: Literal["auto", "disks"] = Field("auto", description="Layout.")
    waves: list[int] = Field([171], description="Wavelengths, in angstroms.")
    deep: bool = Field(True, description="Whether trees are deep.")
    weights: dict[str, float] = Field({}, description="A mapping has no option.")
    split: Split = Field(Split.best, description="Method.")
    splits: list[Split] | None = Field(None, description="Methods.")
    pair: tuple[int, int] = Field((1, 2), description="A tuple has no option.")
    grid: list[list[int]] = Field([], description="A nested list has no option.")
    seed: int = Field(0, description="Excluded.")


def test_a_group_is_generated_from_a_pydantic_model() -> None:
    class Base(OptionGroup, panel="Fit options"):
        pass

    group = from_model(Fit, Base, {"seed"})
    assert issubclass(group, Base) and group.panel == "Fit options"

    def fit(*, options: OptionGroup) -> None:
        print(options.given())

    fit.__annotations__["options"] = group
    app = typer.Typer(add_completion=False)
    app.command()(expand(fit))

    def output(*args: str) -> str:
        return CliRunner().invoke(app, list(args)).output

    assert output() == "{}\n"
    given = ("--trees", "999", "--rate", "0.5", "--layout", "disks", "--waves", "171", "--no-deep")
    assert output(*given, "--waves", "193") == (
        "{'trees': 999, 'rate': 0.5, 'layout': 'disks', 'waves': [171, 193], 'deep': False}\n"
    )
    assert output("--split", "random split", "--splits", "best split") == (
        "{'split': 'random split', 'splits': ['best split']}\n"
    )
    assert Fit(split="random split").split is Split.random  # type: ignore[arg-type]
    for wrong in (
        ("--split", "random"),
        ("--pair", "1"),
        ("--grid", "1"),
        ("--trees", "0"),
        ("--trees", "1000"),
        ("--layout", "x"),
        ("--seed", "1"),
    ):
        assert CliRunner().invoke(app, list(wrong)).exit_code == 2
    assert "--weights" not in output("--help") and "Fit options" in output("--help")
    assert group.splits.metavar == "[best split|random split]"
    texts = {name: getattr(group, name).help for name in group.__annotations__}
    assert texts["trees"] == "Number of trees (default: 100)."
    assert texts["split"] == "Method (default: best split)."
    assert texts["rate"] == "Learning rate (greater than 0)."
    assert (
        texts["waves"] == "Wavelengths, in angstroms (default: 171). This option can be repeated."
    )
    assert texts["deep"] == "Whether trees are deep (default: yes)."
