"""The commands that remain in a damaged environment: they list, disable and explain."""

from __future__ import annotations

import json
import sys
from importlib import invalidate_caches
from pathlib import Path

import pytest
from astrodome import distributions, rescue, state

from .conftest import Observatory

FAILURE = ImportError("cannot import name 'core' from 'typer'")


@pytest.fixture
def damaged(observatory: Observatory, monkeypatch: pytest.MonkeyPatch) -> Observatory:
    """Return an environment with two plugins in which a requirement of the host is too old."""
    observatory.add("north", version="1.5")
    observatory.add("south")
    info = observatory.folder / "typer-0.4.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: typer\nVersion: 0.4\n")
    monkeypatch.syspath_prepend(str(observatory.folder))
    invalidate_caches()
    return observatory


def run(*args: str) -> int:
    return rescue.main("observatory", args, FAILURE)


def test_an_old_version_and_a_missing_library_are_each_named(damaged: Observatory) -> None:
    assert rescue.is_damaged()
    ((text, sentence),) = [row for row in rescue.missing() if row[0].startswith("typer")]
    assert sentence == f"typer 0.4 is installed, {text} is required"


def test_an_undamaged_environment_misses_nothing() -> None:
    assert not rescue.is_damaged() and rescue.missing() == []


def test_other_commands_explain_how_to_repair_the_environment(
    damaged: Observatory, capsys: pytest.CaptureFixture[str]
) -> None:
    for args in ((), ("look", "--bright"), ("--debug",)):
        assert run(*args) == 1
        out, err = capsys.readouterr()
        assert not out and err.count("\n") == 2
        assert err.startswith("Error: observatory cannot start: typer 0.4 is installed, typer")
        assert "Hint: " in err and "typer>=" in err and "observatory plugins uninstall NAME" in err


def test_a_failure_without_a_missing_requirement_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run() == 1
    err = capsys.readouterr().err
    assert f"Error: observatory cannot start: ImportError: {FAILURE}." in err
    assert f"'--force-reinstall' '{distributions.HOST}'" in err


def test_plugins_are_listed_with_their_state(
    damaged: Observatory, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--verbose", "plugins", "disable", "obs-north") == 0
    assert capsys.readouterr().err.endswith("north is disabled.\n")
    assert run("plugins", "list", "--json") == 0
    out, err = capsys.readouterr()
    rows = {row["name"]: row for row in json.loads(out)}
    assert rows["north"]["status"] == "disabled" and rows["north"]["error"] == ""
    assert rows["south"]["status"] == "not loaded"
    assert rows["south"]["error"] == "observatory cannot start"
    assert (rows["north"]["distribution"], rows["north"]["version"]) == ("obs-north", "1.5")
    assert err.startswith("Warning: observatory cannot start: typer 0.4 is installed")

    assert run("plugins", "list") == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split("\t") == list(rows["north"]) and len(lines) == len(rows)

    assert run("plugins", "enable", "NORTH") == 0
    assert capsys.readouterr().err.endswith("north is enabled.\n")
    assert not state.disabled()


def test_doctor_lists_each_missing_requirement_and_fails(
    damaged: Observatory, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("plugins", "doctor", "--json") == 1
    out, err = capsys.readouterr()
    findings = json.loads(out)
    assert [row["finding"] for row in findings] == [text for _, text in rescue.missing()]
    assert {(row["plugin"], row["status"]) for row in findings} == {("", "wrong")}
    assert "Hint: " in err


def test_an_unknown_plugin_is_an_error_with_the_known_ones(
    damaged: Observatory, capsys: pytest.CaptureFixture[str]
) -> None:
    for verb in ("enable", "disable", "uninstall"):
        assert run("plugins", verb, "west") == 1
        err = capsys.readouterr().err
        assert "Error: Plugin not found: 'west'." in err
        assert "Hint: Installed plugins: north, south." in err


def test_wrong_usage_has_exit_code_2(damaged: Observatory) -> None:
    for args in (("plugins",), ("plugins", "paint"), ("plugins", "disable")):
        with pytest.raises(SystemExit) as ended:
            run(*args)
        assert ended.value.code == 2


def test_a_state_file_that_cannot_be_written_is_an_error(
    damaged: Observatory,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(blocked))
    assert run("plugins", "disable", "north") == 1
    err = capsys.readouterr().err
    assert "Error: " in err and "Traceback" not in err and str(blocked) in err


def test_rescue_needs_the_standard_library_only() -> None:
    import ast

    tree = ast.parse(Path(rescue.__file__).read_text("utf-8"))
    imported = {
        name.partition(".")[0]
        for node in tree.body
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom) and not node.level
            else []
        )
    }
    assert imported - {""} <= sys.stdlib_module_names
