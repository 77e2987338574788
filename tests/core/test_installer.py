"""The installer that an environment belongs to is the one that changes it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from astrodome import AstrodomeError, installer, plugins


@pytest.fixture
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "astrodome"))
    (tmp_path / "astrodome").mkdir()
    return tmp_path / "astrodome"


def test_short_names_of_ours_are_known() -> None:
    assert installer.distribution("goes") == "astrodome-goes"
    assert installer.distribution("their-plugin") == "their-plugin"


def test_pip_where_pip_is() -> None:
    assert installer.command("install", "x") == [sys.executable, "-m", "pip", "install", "x"]
    assert installer.command("uninstall", "x")[-2:] == ["--yes", "x"]


def test_uv_tool_keeps_the_plugins_installed_before(prefix: Path) -> None:
    (prefix / "uv-receipt.toml").touch()
    plugins.remember("installed", "astrodome-goes", True)
    assert installer.command("install", "x")[1:] == [
        "tool", "install", "astrodome", "--with=astrodome-goes", "--with=x",
    ]  # fmt: skip
    assert installer.command("uninstall", "astrodome-goes")[-1] == "astrodome"


def test_pipx_injects(prefix: Path) -> None:
    (prefix / "pipx_metadata.json").touch()
    assert installer.command("install", "x") == ["pipx", "inject", "astrodome", "x"]


def test_a_failing_installer_is_a_sentence_and_nothing_is_remembered(tmp_path: Path) -> None:
    with pytest.raises(AstrodomeError, match="ended with code"):
        installer.change("install", str(tmp_path / "no-such-plugin.whl"))
    assert plugins.remembered()["installed"] == []
