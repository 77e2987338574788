"""The API reference for authors is complete and up to date, and its examples run."""

from __future__ import annotations

import doctest
import runpy
from pathlib import Path
from typing import Any

import pytest

GENERATE = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "generate_api.py"))
NAMES = [name for group in GENERATE["names"]().values() for name in group]


def test_the_reference_is_up_to_date() -> None:
    assert GENERATE["TARGET"].read_text("utf-8") == GENERATE["page"](), "Run make docs."


def test_every_public_name_has_a_docstring_and_an_example() -> None:
    assert [name.label for name in NAMES if not name.text.strip()] == []
    assert [name.label for name in NAMES if not name.example] == []


def test_every_example_in_the_file_belongs_to_a_public_name_without_one() -> None:
    assert set(GENERATE["examples"]()) <= {name.label for name in NAMES}
    texts = {name.label: name.text for name in NAMES if name.label in GENERATE["examples"]()}
    parse = doctest.DocTestParser().get_examples
    assert [label for label, text in texts.items() if parse(text)] == []


def test_a_public_name_without_a_description_in_the_guide_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import astrodome

    monkeypatch.setattr(astrodome, "__all__", [*astrodome.__all__, "isolation"])
    with pytest.raises(astrodome.AstrodomeError, match="public interface: isolation"):
        GENERATE["names"]()


@pytest.mark.parametrize("label", sorted(GENERATE["examples"]()))
def test_the_example_runs(
    label: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASTRODOME_HOME", str(tmp_path))
    text = GENERATE["examples"]()[label]
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.DONT_ACCEPT_TRUE_FOR_1
    test = doctest.DocTestParser().get_doctest(text, {"Path": Path}, label, None, 0)
    found: list[str] = []
    doctest.DocTestRunner(optionflags=flags).run(test, out=found.append)
    assert test.examples and not found, "".join(found)
