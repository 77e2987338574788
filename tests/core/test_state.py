"""The state of a disabled plugin belongs to one environment and one distribution."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from astrodome import state


def enter(monkeypatch: pytest.MonkeyPatch, prefix: Path) -> None:
    prefix.mkdir(exist_ok=True)
    monkeypatch.setattr(sys, "prefix", str(prefix))


def off(name: str, distribution: str) -> bool:
    return state.is_disabled(state.disabled(), name, lambda: distribution)


def test_each_environment_has_its_own_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = {"astrodome-goes": ["goes"]}
    enter(monkeypatch, tmp_path / "a")
    state.switch("goes", "Astrodome_Goes", off=True, installed=installed)
    assert off("goes", "astrodome-goes")
    assert not off("goes", "sdo-rival")  # another distribution with a plugin of this name
    enter(monkeypatch, tmp_path / "b")
    assert not off("goes", "astrodome-goes")
    enter(monkeypatch, tmp_path / "a")
    state.switch("goes", "astrodome-goes", off=False, installed=installed)
    assert not off("goes", "astrodome-goes")


def test_entries_of_removed_environments_and_distributions_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("a", "b"):
        enter(monkeypatch, tmp_path / folder)
        state.switch("quote", "sdo-quote", off=True, installed={"sdo-quote": ["quote"]})
    (tmp_path / "a").rmdir()
    state.prune({"sdo-other": ["other"]})
    assert json.loads(state.path().read_text()) == {"environments": {}}


@pytest.mark.parametrize(
    "text", ["[]", "{broken", '{"environments": 3}', '{"environments": {"%s": {"disabled": [1]}}}']
)
def test_a_damaged_state_file_disables_nothing_and_can_be_replaced(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(monkeypatch, tmp_path / "a")
    state.path().parent.mkdir(parents=True)
    state.path().write_text(text.replace("%s", sys.prefix))
    assert not off("goes", "astrodome-goes")
    state.switch("goes", "astrodome-goes", off=True, installed={"astrodome-goes": ["goes"]})
    assert off("goes", "astrodome-goes")
