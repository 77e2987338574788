"""The directory of plugins is up to date, and an invalid entry is a clear error."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from astrodome import AstrodomeError

GENERATE = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "generate_directory.py"))
ENTRY = """\
[[plugin]]
distribution = "astrodome-goes"
repository = "plugins/goes"
description = "The X-ray flux."
apps = ["sdo"]
"""


def test_the_directory_is_up_to_date() -> None:
    page = GENERATE["SOURCE"].with_suffix(".md").read_text("utf-8")
    assert page == GENERATE["page"](), "Run make docs."


def test_the_directory_lists_the_plugins_of_this_repository() -> None:
    folders = {path.parents[2].name for path in GENERATE["ROOT"].glob("plugins/*/src/*/plugin.py")}
    listed = {entry.repository for entry in GENERATE["entries"]()}
    assert {f"plugins/{folder}" for folder in folders} <= listed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("apps =", "app ="), "app"),
        (('distribution = "astrodome-goes"\n', ""), "distribution"),
        (("X-ray flux.", "X-ray flux"), "description"),
        (("[[plugin]]", "[[plugins]]"), "plugin"),
        (('= ["sdo"]', "= sdo"), "is not valid TOML"),
        (("astrodome-goes", "astrodome-moon"), "'astrodome-moon' in directory.toml is not inst"),
        (('["sdo"]', '["scope"]'), "extends the apps sdo, but directory.toml lists scope"),
        (("plugins/goes", "plugins/moon"), "The folder plugins/moon in directory.toml does not"),
    ],
)
def test_an_invalid_entry_is_an_error(
    change: tuple[str, str], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "directory.toml"
    path.write_text(ENTRY.replace(*change))
    with pytest.raises(AstrodomeError) as failed:
        GENERATE["page"](path)
    assert message in failed.value.message


def test_two_entries_for_a_distribution_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "directory.toml"
    path.write_text(ENTRY + ENTRY.replace("astrodome-goes", "Astrodome_Goes"))
    with pytest.raises(AstrodomeError, match="several entries for 'astrodome-goes'"):
        GENERATE["page"](path)
