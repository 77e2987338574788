"""Offer the commands of an app as tools over standard input and output."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any

import anyio
from astrodome import AstrodomeError
from jsonschema import Draft202012Validator
from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server
from mcp.types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)

from . import __version__

RUN = "import sys; from astrodome.app import main; main(sys.argv[1], sys.argv[2:])"
LONGEST = 4000
"""Maximum number of characters of standard error in a result."""


class OfferedCommand:
    """A command of an app, described by the document that ``schema`` prints."""

    def __init__(self, described: Mapping[str, Any], *, allow_write: bool) -> None:
        self.app, *self.words = described["command"].split()
        self.name = described["command"].replace(" ", "_").replace("-", "_")
        self.help: str = described["help"]
        self.reads_only = described["effect"] == "read-only"
        self.output = described["output"]
        arguments = described["arguments"]
        self.prints_json = "json" in arguments["properties"]
        self.parameters: dict[str, dict[str, Any]] = {
            name: schema
            for name, schema in arguments["properties"].items()
            if name != "json" and (allow_write or not schema.get("writes"))
        }
        self.input = {**arguments, "properties": self.parameters}

    def tool(self) -> Tool:
        """Return the description of the command for a client."""
        output = None
        if self.prints_json:
            output = {
                "type": "object",
                "properties": {"result": self.output},
                "required": ["result"],
            }
        return Tool(
            name=self.name,
            description=self.help,
            input_schema=self.input,
            output_schema=output,
            annotations=ToolAnnotations(read_only_hint=self.reads_only),
        )

    def problems(self, arguments: Mapping[str, Any]) -> list[str]:
        """Return a description of each invalid argument."""
        errors = Draft202012Validator(self.input).iter_errors(dict(arguments))
        return [f"{error.json_path}: {error.message}" for error in errors]

    def line(self, arguments: Mapping[str, Any]) -> list[str]:
        """Return the words of the command line for valid arguments."""
        options = ["--json"] if self.prints_json else []
        positional: list[str] = []
        for name, schema in self.parameters.items():
            if name not in arguments:
                continue
            value = arguments[name]
            if schema["kind"] == "argument":
                positional += map(str, value if isinstance(value, list) else [value])
            else:
                options += _option(schema, value)
        return [self.app, *self.words, *options, *(["--", *positional] if positional else [])]


def _option(schema: Mapping[str, Any], value: Any) -> Iterator[str]:
    """Yield the words for an option. A value that starts with a dash is not read as an option."""
    option = schema["option"]
    if schema["type"] == "boolean":
        if value:
            yield option
        elif "negative" in schema:
            yield schema["negative"]
    elif "prefixItems" in schema:
        yield from (option, *map(str, value))
    else:
        for one in value if isinstance(value, list) else [value]:
            yield f"{option}={one}"


def load(app: str, *, allow_write: bool = False) -> dict[str, OfferedCommand]:
    """Return the commands of an app, keyed by the name of the tool.

    Without ``allow_write``, only commands that declare to be read-only are returned.
    """
    ran = subprocess.run(
        [sys.executable, "-c", RUN, app, "schema", "--full"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise AstrodomeError(f"Cannot read the schemas of {app}: {ran.stderr.strip()}")
    found = (OfferedCommand(one, allow_write=allow_write) for one in json.loads(ran.stdout))
    return {one.name: one for one in found if allow_write or one.reads_only}


async def call(
    command: OfferedCommand, arguments: Mapping[str, Any], timeout: float
) -> CallToolResult:
    """Run a command in a new process, and return its document."""
    if problems := command.problems(arguments):
        return _failure("Invalid arguments: " + "; ".join(problems))
    words = [sys.executable, "-c", RUN, *command.line(arguments)]
    try:
        with anyio.fail_after(timeout):
            ran = await anyio.run_process(words, check=False, stdin=subprocess.DEVNULL)
    except TimeoutError:
        return _failure(
            f"The command was stopped after {timeout:g} s. Start the server with a larger "
            "--timeout, or run the command in a terminal."
        )
    texts = [ran.stdout.decode().strip(), ran.stderr.decode()[-LONGEST:].strip()]
    content: list[Any] = [TextContent(type="text", text=text) for text in texts if text]
    if ran.returncode or not command.prints_json:
        return CallToolResult(content=content, is_error=bool(ran.returncode))
    return CallToolResult(content=content, structured_content={"result": json.loads(texts[0])})


def _failure(text: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=True)


def server(app: str, commands: Mapping[str, OfferedCommand], timeout: float) -> Server:
    """Return a server that offers commands as tools."""

    async def list_tools(
        context: ServerRequestContext, params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        return ListToolsResult(tools=[command.tool() for command in commands.values()])

    async def call_tool(
        context: ServerRequestContext, params: CallToolRequestParams
    ) -> CallToolResult:
        command = commands.get(params.name)
        if command is None:
            return _failure(f"Tool not found: '{params.name}'.")
        return await call(command, params.arguments or {}, timeout)

    return Server(
        f"astrodome-{app}", version=__version__, on_list_tools=list_tools, on_call_tool=call_tool
    )


async def _serve(offered: Server) -> None:
    async with stdio_server() as (reading, writing):
        await offered.run(reading, writing, offered.create_initialization_options())


def main(args: Sequence[str] | None = None) -> None:
    """Run the server until the client closes standard input."""
    parser = argparse.ArgumentParser("astrodome-mcp", description=__doc__)
    parser.add_argument("app", help="Name of the app, for example sdo or scope.")
    parser.add_argument(
        "--allow-write", action="store_true", help="Also offer commands that change data or files."
    )
    parser.add_argument(
        "--timeout", type=float, default=600, help="Maximum duration of a command, in seconds."
    )
    chosen = parser.parse_args(args)
    if not entry_points(group=f"astrodome.{chosen.app}"):
        parser.error(f"no plugin for the app '{chosen.app}' is installed")
    try:
        commands = load(chosen.app, allow_write=chosen.allow_write)
    except AstrodomeError as error:
        parser.error(error.message)
    anyio.run(_serve, server(chosen.app, commands, chosen.timeout))
