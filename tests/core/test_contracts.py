"""The contract class for commands and the fixtures for tests of plugins."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from astrodome import AstrodomeError, models, settings, sources
from astrodome.testing import CommandContract, NetworkAccessError, PluginContract
from astrodome.testing.network import is_local, refused

GOOD = '''
import json, os, signal, threading, time
from typing import Annotated
import typer

app = typer.Typer(help="Look at the sky.")

@app.command()
def look(
    count: Annotated[int, typer.Argument(help="Number of stars.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look."""
    print(json.dumps({"stars": count}) if as_json else count)

@app.command()
def wait() -> None:
    """Wait."""
'''
FAULTS = {
    "print(json.dumps": ("print('hello'); print(json.dumps", "is not one JSON document"),
    "    print(json": ("    os.chdir('/')\n    print(json", "changes the working directory"),
    "   print(json": (
        "   signal.signal(signal.SIGUSR1, lambda *_: None)\n    print(json",
        "changes the signal handler for SIGUSR1",
    ),
    "  print(json": (
        "  threading.Thread(target=time.sleep, args=(2,), name='slow').start()\n    print(json",
        "does not end the thread slow",
    ),
    "count: Annotated[int": ("count: Annotated[str", "expected the exit status 2"),
    "import typer": ("import typer\nprint('loaded')", "it prints 'loaded' when it is imported"),
    '    """Wait."""': ("    '''Wait.'''\n    raise OSError", ""),
}


DECLARED = """
import json, os
from pathlib import Path
from typing import TypedDict
import typer
from astrodome import console, option_groups, outputs

app = typer.Typer(help="Look at the sky.")

class Sky(TypedDict):
    stars: int
    magnitude: float

@app.command()
@outputs.declare(Sky, reads_only=True, writes_with=("out",))
def look(
    count: int = typer.Argument(1, help="Number of stars."),
    out: str = option_groups.option("", "File to write."),
    as_json: option_groups.Json = False,
) -> None:
    '''Look.'''
    if out:
        Path(out).write_text("x")
    found = {"stars": count, "magnitude": 1.0}
    console.show_one(found, as_json=as_json)

@app.command()
def wait() -> None:
    '''Wait.'''
"""
WRONG_OUTPUTS = {
    '"stars": count': ('"stars": "three"', "$.stars: 'three' is not of type 'integer'"),
    '"magnitude": 1.0': ('"magnitude": float("nan")', "$.magnitude: None is not of type 'number'"),
    ', "magnitude": 1.0': (', "size": 1.0', "'magnitude' is a required property"),
    '"stars": count,': ('"stars": count, "planets": 1,', "'planets' was unexpected"),
    "console.show_one(found, as_json=as_json)": (
        "found['magnitude'] = float('inf'); print(json.dumps(found))",
        "Infinity is not valid JSON",
    ),
    "if out:": (
        "Path('stars.txt').write_text('x')\n    if out:",
        "reads_only=True, but it changes",
    ),
    "if out": (
        "from astrodome import settings\n"
        "    settings.home().mkdir(parents=True, exist_ok=True)\n"
        "    (settings.home() / 'a').write_text(str(os.urandom(9)))\n"
        "    if out",
        "reads_only=True, but it changes",
    ),
    "Sky, reads": ("None, reads", "declares None, but prints a document"),
}
"""Changes of the declared command, and texts in the failures of the contract."""


@pytest.fixture(autouse=True)
def reload_plugins() -> None:
    """Import the package ``obs_sky`` again in each test."""
    for name in [name for name in sys.modules if name.startswith("obs_sky")]:
        del sys.modules[name]


@pytest.fixture
def contract(
    observatory: Any, monkeypatch: pytest.MonkeyPatch, astrodome_home: Path
) -> Callable[..., str]:
    """Return a function that runs all tests of a contract, and returns the failures as text."""
    monkeypatch.syspath_prepend(str(observatory.folder))

    def failures(cli: str, *more: tuple[str, ...]) -> str:
        observatory.add("sky", cli=cli)

        class Sky(CommandContract):
            plugin = "obs_sky.plugin"
            app = "observatory"
            command = "sky"
            arguments = [("look",), ("look", "3"), ("look", "2", "--json"), *more]
            invalid = [("look", "many"), ("listen",)]

        texts = []
        for name in [name for name in dir(Sky) if name.startswith("test_")]:
            try:
                getattr(Sky(), name)()
            except AssertionError as error:
                texts.append(str(error))
        return "\n".join(texts)

    return failures


def test_a_command_without_faults_passes(contract: Callable[..., str]) -> None:
    assert contract(GOOD) == ""


@pytest.mark.parametrize("place", FAULTS)
def test_each_fault_of_a_command_is_reported(contract: Callable[..., str], place: str) -> None:
    change, expected = FAULTS[place]
    folder = Path.cwd()
    found = contract(GOOD.replace(place, change, 1))
    os.chdir(folder)
    assert expected in found and bool(found) == bool(expected)


def test_a_command_with_a_declared_output_passes(contract: Callable[..., str]) -> None:
    assert contract(DECLARED, ("look", "--out", "stars.txt"), ("look", "--out=x")) == ""


@pytest.mark.parametrize("place", WRONG_OUTPUTS)
def test_output_and_effects_are_compared_with_the_declaration(
    contract: Callable[..., str], place: str
) -> None:
    change, expected = WRONG_OUTPUTS[place]
    assert expected in contract(DECLARED.replace(place, change, 1))


def test_without_jsonschema_the_comparison_is_skipped(
    contract: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from astrodome.testing import commands, documents

    for module in (commands, documents):
        monkeypatch.setattr(module, "find_spec", lambda name: None)
    wrong = DECLARED.replace('"stars": count', '"stars": "three"')
    with pytest.raises(pytest.skip.Exception, match="jsonschema is not installed"):
        contract(wrong)


def test_an_unexpected_exception_is_attributed_to_the_plugin(contract: Callable[..., str]) -> None:
    found = contract(GOOD.replace("    print(json", "    1 / 0\n    print(json"))
    assert "Unexpected ZeroDivisionError in obs_sky: division by zero" in found
    assert "Correct the code of the plugin" in found and "authors of astrodome" not in found


def test_changes_of_a_command_are_undone(contract: Callable[..., str]) -> None:
    import signal

    folder, handler = Path.cwd(), signal.getsignal(signal.SIGUSR1)
    change = "    os.chdir('/'); signal.signal(signal.SIGUSR1, signal.SIG_IGN)\n    print(json"
    found = contract(GOOD.replace("    print(json", change))
    for line in ("sky look: exit", "sky look --json: exit"):
        assert f"observatory {line} status 0" in found
    assert Path.cwd() == folder and signal.getsignal(signal.SIGUSR1) == handler


def test_a_command_with_the_name_of_another_plugin_is_reported(
    observatory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Sky(PluginContract):
        plugin = "obs_sky.plugin"

    observatory.add("sky")
    package = (observatory.folder / "obs_sky" / "plugin.py").read_text()
    observatory.add("moon", plugin=package.replace("obs_sky", "obs_moon"))
    monkeypatch.syspath_prepend(str(observatory.folder))
    with pytest.raises(AssertionError, match="'sky' is registered by obs-moon and by obs-sky"):
        Sky().test_the_installed_entry_points_load_the_plugin()


def test_entry_points_that_do_not_load_the_plugin_are_reported(
    observatory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Sky(PluginContract):
        plugin = "obs_sky.plugin"

    test = Sky().test_the_installed_entry_points_load_the_plugin
    with pytest.raises(pytest.skip.Exception):
        test()
    observatory.add("sky")
    monkeypatch.syspath_prepend(str(observatory.folder))
    test()
    entries = next(observatory.folder.glob("*.dist-info")) / "entry_points.txt"
    entries.write_text("[astrodome.observatory]\nsky = obs_sky.other\n")
    with pytest.raises(AssertionError, match=r"No entry point of obs-sky loads obs_sky\.plugin"):
        test()


def test_pytest_loads_the_fixtures_through_the_entry_point() -> None:
    found = {entry.value for entry in entry_points(group="pytest11")}
    assert "astrodome.testing.fixtures" in found


def test_the_fixture_module_does_not_import_the_host() -> None:
    import subprocess

    code = (
        "import pytest, sys; import astrodome.testing.fixtures;"
        "print(sorted(n for n in sys.modules if n.startswith('astrodome')))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == str(
        ["astrodome", "astrodome.errors", "astrodome.testing", "astrodome.testing.fixtures"]
    )


def test_the_home_of_the_user_is_hidden(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    monkeypatch.setenv("ASTRODOME_HOME", str(tmp_path))
    monkeypatch.setenv("SDO_DATA_DOWNLOAD_SOURCE", "elsewhere")
    assert settings.home() == tmp_path
    home = request.getfixturevalue("astrodome_home")
    assert settings.home() == home != tmp_path
    assert "SDO_DATA_DOWNLOAD_SOURCE" not in os.environ
    assert not list(Path.cwd().iterdir())
    assert not any(path.exists() for path in settings.config_files())


def test_the_registry_contains_only_the_given_plugins(
    observatory: Any, monkeypatch: pytest.MonkeyPatch, astrodome_registry: Callable[..., Any]
) -> None:
    assert sources.names("images") == {} and models.specs("sood") == {}
    observatory.add("sky")
    monkeypatch.syspath_prepend(str(observatory.folder))
    found = astrodome_registry("obs_sky.plugin")
    assert [plugin.name for plugin in found.plugins] == ["obs_sky"]
    with pytest.raises(AstrodomeError, match="No installed plugin provides"):
        sources.get("images")


def test_the_runner_uses_the_isolated_home(
    observatory: Any,
    monkeypatch: pytest.MonkeyPatch,
    astrodome_run: Callable[..., Any],
    astrodome_home: Path,
) -> None:
    observatory.add("sky", cli=GOOD)
    monkeypatch.syspath_prepend(str(observatory.folder))
    result = astrodome_run("observatory", "sky", "look", "2", "--json", plugin="obs_sky.plugin")
    assert result.succeeded().json == {"stars": 2}
    shown = astrodome_run("observatory", "config", "path", "--json").json
    assert {"name": "home", "path": str(astrodome_home), "exists": False} in shown


@pytest.mark.usefixtures("astrodome_no_network")
def test_only_connections_to_this_computer_are_possible() -> None:
    for open_connection in (
        lambda: socket.create_connection(("192.0.2.1", 80), timeout=1),
        lambda: socket.create_connection(("example.org", 80), timeout=1),
        lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"", ("192.0.2.1", 53)),
    ):
        with pytest.raises(NetworkAccessError, match="allows only loopback addresses"):
            open_connection()
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()


def test_every_connection_can_be_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with refused() as hosts, pytest.raises(ConnectionRefusedError):
            socket.create_connection(server.getsockname())
        assert hosts == ["127.0.0.1"]
        socket.create_connection(server.getsockname()).close()


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("localhost", True),
        (b"localhost", True),
        ("", True),
        (None, True),
        ("10.0.0.1", False),
        ("localhost.example.org", False),
        ("fe80::1%eth0", False),
    ],
)
def test_addresses_of_this_computer_are_recognized(host: Any, local: bool) -> None:
    assert is_local(host) == local
