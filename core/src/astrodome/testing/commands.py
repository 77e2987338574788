"""Conformance tests for a command of a plugin."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from .. import lazy, outputs, parameters, plugins, settings
from ..hookspecs import CommandSpec
from ..registry import Plugin
from ..specs import dashed
from . import documents, effects
from .contract import START_UP, unwanted_imports
from .runner import Result, run

JSON = "--json"


@pytest.mark.usefixtures("astrodome_home")
class CommandContract:
    """Conformance tests for a command. Subclass it in a test module, and set the attributes.

    Each element of ``arguments`` and ``invalid`` is a sequence of arguments that follow the name of
    the command. The attributes may also be properties, or set by a fixture that creates the input.
    The tests run with empty settings in an empty working directory. The JSON output is compared
    with the schema that the command declares, if jsonschema is installed. A command that is
    declared with ``reads_only=True`` must not write files in the working directory or the data
    folder.
    """

    plugin: str | tuple[str, ...]
    """Import name of the plugin module, or names if the command also needs other plugins."""
    app: str
    """Name of the app."""
    command: str
    """Name of the command that the plugin registers."""
    arguments: Sequence[Sequence[object]] = ()
    """Arguments with which the command must succeed."""
    invalid: Sequence[Sequence[object]] = ()
    """Arguments that the command must reject with the exit status 2."""

    def run(self, *args: object) -> Result:
        """Run the command with arguments. The command must not change the process."""
        with effects.observed() as changes:
            result = run(self.app, self.command, *args, plugin=self.plugin)
        assert not changes, f"{self._shown(args, result)}: {'; '.join(changes)}"
        return result

    def test_the_help_pages_are_complete(self) -> None:
        for path in _paths(self._command()):
            result = self.run(*path, "--help")
            shown = " ".join((self.command, *path))
            assert result.code == 0, f"'{shown} --help' fails:\n{result.out}\n{result.err}"
            assert "Usage:" in result.out, f"'{shown} --help' shows no usage:\n{result.out}"

    def test_valid_arguments_succeed(self) -> None:
        for args in self.arguments:
            self._run_valid(args, args)

    def test_json_output_is_one_document(self) -> None:
        for args in self.arguments:
            command = _leaf(self._command(), args)
            if not any(JSON in parameters.names(param) for param in command.params):
                continue
            result = self._run_valid(args, [*args, *([] if JSON in args else [JSON])])
            try:
                document = json.loads(result.out, parse_constant=documents.refuse)
            except ValueError as error:
                text = f"the output of {JSON} is not one JSON document: {error}"
                raise AssertionError(f"{self._shown(args, result)}\n{text}") from error
            found = documents.problems(document, outputs.declaration(command.callback))
            text = f"the output of {JSON} does not match the declaration of the command: "
            assert not found, f"{self._shown(args, result)}\n{text}{'; '.join(found)}"
        if find_spec("jsonschema") is None:
            pytest.skip("jsonschema is not installed, so the declared schemas were not checked")

    def test_invalid_arguments_are_usage_errors(self) -> None:
        self._registered()  # The status of an unknown command is also 2.
        for args in self.invalid:
            result = self.run(*args)
            shown = self._shown(args, result)
            assert result.code == 2, f"{shown}\nexpected the exit status 2"
            assert result.err.strip(), f"{shown}\nexpected an error message on standard error"
            assert "Traceback" not in result.err, f"{shown}\nexpected an error message"

    def test_importing_the_command_has_no_effects(self) -> None:
        module = self._registered()[1].target.partition(":")[0]
        found = unwanted_imports([module], START_UP)
        assert not found, "\n".join(found)

    def _run_valid(self, args: Sequence[object], line: Sequence[object]) -> Result:
        """Run the command, which must succeed. It must write no files if it only reads data."""
        watched = (Path.cwd(), settings.home())
        before = effects.files(*watched)
        result = self.run(*line)
        assert result.code == 0, self._shown(args, result)
        if _only_reads(_leaf(self._command(), args), args):
            now = effects.files(*watched)
            changed = [str(path) for path in {**before, **now} if before.get(path) != now.get(path)]
            text = "the command is declared with reads_only=True, but it changes"
            assert not changed, f"{self._shown(args, result)}\n{text} {', '.join(changed)}"
        return result

    def _registered(self) -> tuple[Plugin, CommandSpec]:
        """Return the plugin that registers the command, and the spec of the command."""
        names = (self.plugin,) if isinstance(self.plugin, str) else self.plugin
        modules = {name.split(".")[0]: effects.load(name) for name in names}
        registry = plugins.of(self.app, **modules)
        faults = "; ".join(f"it {each.state}" for each in registry.plugins if each.error)
        found = registry.commands().get(dashed(self.command))
        assert found, f"{', '.join(names)} registers no command '{self.command}'. {faults}"
        return found[0]

    def _command(self) -> Any:
        plugin, spec = self._registered()
        stub = lazy.Command(spec.name, help=spec.help)
        return lazy.real(plugins.load_target(spec.target, plugin), stub)

    def _shown(self, args: Sequence[object], result: Result) -> str:
        line = " ".join(map(str, (self.app, self.command, *args)))
        return f"{line}: exit status {result.code}\n{result.out}\n{result.err}".rstrip()


def _paths(command: Any, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the names that follow the command for itself and for each of its subcommands."""
    yield before
    for name in getattr(command, "commands", {}):
        yield from _paths(_subcommand(command, name), (*before, name))


def _subcommand(command: Any, name: str) -> Any:
    """Return a subcommand, which a LazyGroup imports, or None if it does not exist."""
    if not hasattr(command, "commands"):
        return None
    context = command.context_class(command, info_name=command.name)
    if command.get_command(context, name) is None:
        return None
    return command.resolve_command(context, [name])[1]


def _leaf(command: Any, args: Sequence[object]) -> Any:
    """Return the subcommand that the arguments start with, or the command itself."""
    for arg in map(str, args):
        if (child := _subcommand(command, arg)) is None:
            break
        command = child
    return command


def _only_reads(command: Any, args: Sequence[object]) -> bool:
    """Return whether a command with the given arguments is declared to change no file."""
    declared = outputs.declaration(command.callback)
    if declared is None or not declared.reads_only:
        return False
    options = [
        option
        for param in command.params
        if param.name in declared.writes_with
        for option in parameters.names(param)
    ]
    return not any(str(arg).startswith(option) for arg in args for option in options)
