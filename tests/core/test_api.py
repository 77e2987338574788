"""The examples in the docstrings of the public modules run, and the public names exist."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import astrodome
import pytest

MODULES = [
    name for name in astrodome.__all__ if name.islower() and name not in ("hookimpl", "testing")
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_public_module_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    module = import_module(f"astrodome.{name}")
    flags = doctest.NORMALIZE_WHITESPACE | doctest.DONT_ACCEPT_TRUE_FOR_1
    names = {"getfixture": lambda _: tmp_path}
    failures, _ = doctest.testmod(module, extraglobs=names, optionflags=flags)
    assert not failures


def test_the_public_names_are_listed_and_exist() -> None:
    assert set(astrodome.__all__) <= set(dir(astrodome))
    assert all(hasattr(astrodome, name) for name in astrodome.__all__)


def test_public_modules_are_imported_when_they_are_first_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in MODULES:
        monkeypatch.delattr(astrodome, name, raising=False)
        assert getattr(astrodome, name) is import_module(f"astrodome.{name}")
    with pytest.raises(AttributeError, match="module 'astrodome' has no attribute 'dome'"):
        astrodome.dome  # noqa: B018
