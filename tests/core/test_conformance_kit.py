"""Each fault of a plugin is a sentence of the conformance kit."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from astrodome.testing import problems, run

GOOD = """
from astrodome import CommandSpec, hookimpl

@hookimpl
def register_commands():
    yield CommandSpec("goes", "{package}.cli:app", help="GOES X-ray flux.")
"""
CLI = '''
import typer
from typing import Annotated

app = typer.Typer(help="GOES X-ray flux.")

@app.command()
def get(timestamp: Annotated[str, typer.Option(help="UTC time.")] = "") -> None:
    """Look up the flux."""

@app.command()
def info() -> None:
    """Show the stored data."""
'''


@pytest.fixture
def examine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest):  # type: ignore[no-untyped-def]
    """Return a function that writes a plugin package and returns the problems found by the kit."""
    package = f"kit_{abs(hash(request.node.name))}"
    folder = tmp_path / package
    folder.mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))

    def check(plugin: str = GOOD, cli: str = CLI, **modules: str) -> str:
        modules |= {"__init__": "", "plugin": plugin.replace("{package}", package), "cli": cli}
        for name, code in modules.items():
            (folder / f"{name}.py").write_text(code)
        found = problems(f"{package}.plugin")
        for name in [n for n in sys.modules if n.startswith(package)]:
            del sys.modules[name]
        return "\n".join(found)

    return check


def test_a_good_plugin_passes(examine) -> None:  # type: ignore[no-untyped-def]
    assert examine() == ""


CHANGES = {
    "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)": "signal handler for SIGINT",
    "import os; os.environ['NO_COLOR'] = 'odd'": "environment variables NO_COLOR",
    "import os; os.umask(0o077)": "file mode creation mask",
}


@pytest.mark.parametrize("line", CHANGES)
def test_a_change_at_import_is_reported_in_every_state_of_the_test_process(  # type: ignore[no-untyped-def]
    examine, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "odd")
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    mask = os.umask(0o077)
    try:
        found = examine(f"{line}\n{GOOD}")
    finally:
        os.umask(mask)
        signal.signal(signal.SIGINT, handler)
    assert f"plugin: it changes the {CHANGES[line]}" in found


@pytest.mark.parametrize("line", CHANGES)
def test_running_a_command_does_not_hide_changes_at_import(  # type: ignore[no-untyped-def]
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    name = f"kit_hidden_{abs(hash(line))}"
    (tmp_path / f"{name}.py").write_text(f"{line}\n{GOOD}")
    monkeypatch.syspath_prepend(str(tmp_path))
    before = (signal.getsignal(signal.SIGINT), dict(os.environ))
    run("sdo", "plugins", "list", plugin=name).succeeded()
    assert (signal.getsignal(signal.SIGINT), dict(os.environ)) == before
    assert f"it changes the {CHANGES[line]}" in "\n".join(problems(name))


def test_a_disallowed_import_in_the_plugin_module(examine) -> None:  # type: ignore[no-untyped-def]
    said = examine("import yaml\n" + GOOD)
    assert "imports yaml" in said and "imported at every start" in said


@pytest.mark.requires("pandas")
def test_faults_of_the_import_do_not_hide_those_of_the_hooks(examine) -> None:  # type: ignore[no-untyped-def]
    wrong = "print('hello')\nimport pandas\n" + GOOD.replace(
        "register_commands", "register_comands"
    )
    said = examine(wrong)
    assert "it prints 'hello'" in said and "imports pandas" in said
    assert "register_comands is marked as a hook" in said
    assert said.count("it prints") == 1


@pytest.mark.parametrize("line", ["import os; os._exit(0)", "import os; os._exit(3)"])
def test_a_plugin_that_ends_the_process_does_not_end_the_kit(examine, line: str) -> None:  # type: ignore[no-untyped-def]
    said = examine(line + "\n" + GOOD)
    assert "ends the process" in said or "cannot be imported" in said


@pytest.mark.requires("pandas")
def test_a_heavy_import_in_the_commands(examine) -> None:  # type: ignore[no-untyped-def]
    assert "cli imports pandas" in examine(cli="import pandas\n" + CLI)


def test_a_target_that_does_not_exist(examine) -> None:  # type: ignore[no-untyped-def]
    said = examine(GOOD.replace("cli:app", "cli:nothing"))
    assert "cli:nothing, which does not exist" in said
    assert "plugin registers" not in said and "Report it" not in said
    assert "No module named" in examine(GOOD.replace("cli:app", "gone:app"))


def test_a_hook_with_an_unknown_name(examine) -> None:  # type: ignore[no-untyped-def]
    said = examine(GOOD.replace("register_commands", "register_comands"))
    assert "register_comands is marked as a hook" in said and "rename it" in said


def test_a_hook_without_its_marker(examine) -> None:  # type: ignore[no-untyped-def]
    assert "mark it with @astrodome.hookimpl" in examine(GOOD.replace("@hookimpl", ""))


def test_missing_help(examine) -> None:  # type: ignore[no-untyped-def]
    assert "'goes get' has no help" in examine(cli=CLI.replace('"""Look up the flux."""', "..."))
    said = examine(cli=CLI.replace('help="UTC time."', "show_default=False"))
    assert "--timestamp of 'goes get' has no help" in said
    assert "to its CommandSpec" in examine(GOOD.replace("GOES X-ray flux.", ""))


@pytest.mark.requires("astrodome_goes")
def test_a_source_without_a_method_of_its_kind(examine) -> None:  # type: ignore[no-untyped-def]
    plugin = """
from astrodome import SourceSpec, hookimpl

@hookimpl
def register_sources():
    yield SourceSpec("flux", "goes", "{package}.source:Goes", summary="GOES")
"""
    said = examine(plugin, source="class Goes:\n    pass\n")
    assert "lacks flux_at(), which the kind 'flux' requires" in said
    assert examine(plugin, source="class Goes:\n    def flux_at(self, times): ...\n") == ""


def test_use_of_private_names_of_the_host(examine) -> None:  # type: ignore[no-untyped-def]
    said = examine(library="from astrodome.plugins import load\nfrom astrodome import files\n")
    assert "library.py:1 uses astrodome.plugins, which is private" in said
    assert said.count("\n") == 0


def test_names_that_are_hard_to_type_or_reserved(examine) -> None:  # type: ignore[no-untyped-def]
    assert "hard to type" in examine(GOOD.replace('"goes"', '"GOES"'))
    assert "the invalid name 'GOES data'" in examine(GOOD.replace('"goes"', '"GOES data"'))
    assert "reserved for the host" in examine(GOOD.replace('"goes"', '"config"'))
