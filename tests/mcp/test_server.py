"""An assistant's client lists and calls the commands of ``sdo``."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from astrodome.testing import run
from astrodome_mcp import server
from jsonschema import Draft202012Validator
from mcp import Client, StdioServerParameters

FLARE = "2011-06-07T06:41"


def serve(home: Path, *options: str, use: Callable[[Client], Awaitable[None]]) -> None:
    """Start the server as an assistant does, and use a client of it."""
    code = "from astrodome_mcp.server import main; main()"
    environment = {
        **{key: value for key, value in os.environ.items() if key != "ASTRODOME_PLUGINS"},
        "ASTRODOME_HOME": str(home),
        "ASTRODOME_PLUGINS": "goes,hek_events",
    }
    started = StdioServerParameters(
        command=sys.executable, args=["-c", code, "sdo", *options], env=environment, cwd=home
    )

    async def main() -> None:
        async with Client(started) as client:
            await use(client)

    anyio.run(main)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home folder with the flux of one day."""
    from sunpy.data.test import get_test_filepath

    monkeypatch.setenv("ASTRODOME_HOME", str(tmp_path))
    day = get_test_filepath("go1520110607.fits")
    run("sdo", "goes", "import", day, plugin="astrodome_goes.plugin").succeeded()
    return tmp_path


def test_an_app_without_plugins_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["astrodome-mcp", "observatory"])
    with pytest.raises(SystemExit) as left:
        server.main()
    assert left.value.code == 2
    assert "no plugin for the app 'observatory' is installed" in capsys.readouterr().err


def test_a_client_lists_and_calls_three_tools(home: Path) -> None:
    async def use(client: Client) -> None:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert {"sdo_goes_get", "sdo_goes_flares", "sdo_config_path"} <= set(tools)
        assert not {"sdo_goes_import", "sdo_plugins_install"} & set(tools)
        assert "out" not in tools["sdo_events_list"].input_schema["properties"]
        assert "json" not in tools["sdo_goes_get"].input_schema["properties"]
        described = str(tools["sdo_goes_get"].description)
        assert described.startswith("Show the flux (W/m2)")
        calls: dict[str, dict[str, Any]] = {
            "sdo_goes_get": {"timestamp": [FLARE, "2011-06-07T12:00"], "max_diff": 30.0},
            "sdo_goes_flares": {"limit": 1, "min_class": "M1.0"},
            "sdo_config_path": {},
        }
        found = {}
        for name, arguments in calls.items():
            result = await client.call_tool(name, arguments)
            assert not result.is_error, result.content
            schema = tools[name].output_schema
            assert schema is not None
            Draft202012Validator(schema).validate(result.structured_content)
            found[name] = result.structured_content["result"]
        assert found["sdo_goes_get"][0]["class"].startswith("M2.")
        assert [row["class"] for row in found["sdo_goes_flares"]] == ["M2.5"]
        assert str(home) in str(found["sdo_config_path"])

        failed = await client.call_tool("sdo_goes_get", {"timestamp": ["yesterday"]})
        assert failed.is_error and '"invalid_input"' in failed.content[0].text
        for arguments in ({"timestamp": FLARE}, {"unknown": 1}, {"as_json": True}):
            failed = await client.call_tool("sdo_goes_get", arguments)
            assert failed.is_error and "Invalid arguments" in failed.content[0].text
        failed = await client.call_tool("sdo_events_list", {"out": "events.csv"})
        assert failed.is_error and not (home / "events.csv").exists()
        failed = await client.call_tool("sdo_plugins_disable", {"name": "goes"})
        assert failed.is_error and "Tool not found" in failed.content[0].text

    serve(home, use=use)


def test_commands_that_write_are_offered_only_on_request(home: Path) -> None:
    async def use(client: Client) -> None:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert {"sdo_goes_import", "sdo_goes_plot", "sdo_plugins_disable"} <= set(tools)
        hints = {name: tool.annotations.read_only_hint for name, tool in tools.items()}
        assert hints["sdo_goes_get"] is True and hints["sdo_goes_plot"] is False
        file = str(home / "day.svg")
        result = await client.call_tool("sdo_goes_plot", {"out": file, "min_class": "C1.0"})
        assert not result.is_error, result.content
        assert result.structured_content["result"]["file"] == file and Path(file).is_file()

    serve(home, "--allow-write", use=use)


def test_a_slow_command_is_stopped(home: Path) -> None:
    async def use(client: Client) -> None:
        result = await client.call_tool("sdo_config_path", {})
        assert result.is_error and "stopped after 0.01 s" in result.content[0].text

    serve(home, "--timeout=0.01", use=use)


def test_a_call_becomes_the_same_command_line_as_in_a_terminal() -> None:
    described = {
        "command": "sdo moon show-all",
        "help": "Show.",
        "effect": "read-only",
        "output": True,
        "arguments": {
            "type": "object",
            "properties": {
                "files": {"type": "array", "items": {"type": "string"}, "kind": "argument"},
                "label": {"type": "array", "kind": "option", "option": "--label"},
                "box": {
                    "type": "array",
                    "prefixItems": [{"type": "number"}, {"type": "number"}],
                    "kind": "option",
                    "option": "--box",
                },
                "grid": {
                    "type": "boolean",
                    "kind": "option",
                    "option": "--grid",
                    "negative": "--no-grid",
                },
                "all": {"type": "boolean", "kind": "option", "option": "--all"},
                "json": {"type": "boolean", "kind": "option", "option": "--json"},
            },
            "additionalProperties": False,
        },
    }
    command = server.OfferedCommand(described, allow_write=False)
    assert command.name == "sdo_moon_show_all"
    given = {"files": ["-x", "b"], "label": ["--help", "z"], "box": [1, -2]}
    line = command.line({**given, "grid": False, "all": False})
    options = ["--label=--help", "--label=z", "--box", "1", "-2", "--no-grid"]
    assert line == ["sdo", "moon", "show-all", "--json", *options, "--", "-x", "b"]
    assert command.line({"all": True}) == ["sdo", "moon", "show-all", "--json", "--all"]


def test_every_command_of_both_apps_can_be_offered() -> None:
    reading = {"sdo_goes_get", "sdo_events_list", "scope_journal", "scope_classes"}
    writing = {"sdo_goes_download", "sdo_sood_detect_train", "scope_train", "scope_vet"}
    everything = {**server.load("sdo", allow_write=True), **server.load("scope", allow_write=True)}
    for name, command in everything.items():
        Draft202012Validator.check_schema(command.tool().input_schema)
        assert command.reads_only or name not in reading
        assert not (command.reads_only and name in writing)
    assert reading | writing <= set(everything)


def test_an_app_without_plugins_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        server.main(["moon"])
    assert left.value.code == 2
    assert "no plugin for the app 'moon' is installed" in capsys.readouterr().err
