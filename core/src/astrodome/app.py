"""Build and run the command lines ``sdo`` and ``scope`` from the commands of the plugins."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import typer

from . import (
    __version__,
    console,
    distributions,
    plugins,
    process,
    registry,
    reports,
    scripts,
    settings,
    suggestions,
)
from .errors import AstrodomeError, InvalidInputError, from_os_error
from .hookspecs import CommandSpec
from .lazy import Command, Entry, LazyGroup, fault, real
from .option_groups import option
from .registry import Plugin, Registry
from .specs import RESERVED, dashed

HOST = {
    "plugins": ("astrodome.commands:plugin_app", "List, check, install and disable plugins."),
    "config": ("astrodome.commands:config_app", "Show the settings and their origins."),
    "schema": ("astrodome.schema:schema", "Describe the commands for programs (JSON Schema)."),
}
CHANGES = ("install", "uninstall", "enable", "disable")
"""Subcommands of ``plugins`` that run without importing any plugin."""


def main(app: str, args: Sequence[str] | None = None, registered: Registry | None = None) -> None:
    """Run an app with command-line arguments, and exit with the exit status of the command."""
    process.prepare_streams()
    try:
        _main(app, args, registered)
    except KeyboardInterrupt:
        _interrupted()
    except SystemExit as left:
        raise SystemExit(_flushed(left.code)) from None


def _main(app: str, args: Sequence[str] | None, registered: Registry | None) -> None:
    args = sys.argv[1:] if args is None else list(args)
    console.start(args)
    folders, words, debug = _root_options(args)
    settings.options = settings.Options(verbose=debug, debug=debug)
    if folders:
        from . import plugin_folder

        try:
            with plugin_folder.chosen(folders):
                return _run(app, args, registered or _load(app, words))
        except AstrodomeError as failure:
            _fail(failure)
    return _run(app, args, registered or _load(app, words))


def _load(app: str, words: Sequence[str]) -> Registry:
    """Load the plugins. A subcommand of ``plugins`` that is in :data:`CHANGES` imports none."""
    changes = words[:1] == ["plugins"] and words[1:2] and words[1] in CHANGES
    try:
        return plugins.load(app, activate=not changes)
    except AstrodomeError as failure:
        _fail(failure)


def _run(app: str, args: Sequence[str], registered: Registry) -> None:
    completing = any(name.endswith("_COMPLETE") for name in os.environ)
    if not completing:
        _warn(registered)
    with plugins.using(registered):
        try:
            build(app, registered).main(args, prog_name=scripts.program(app))
        except AstrodomeError as failure:
            _fail(failure)
        except OSError as error:
            _fail(from_os_error(error))
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # A plugin may raise any exception.
            _unexpected(app, registered, args, error)


def _root_options(args: Sequence[str]) -> tuple[list[str], list[str], bool]:
    """Return the values of ``--plugin-dir``, the words after the root options, and ``--debug``.

    These options affect how plugins are loaded, which precedes the parsing of the command line.
    """
    folders, words, debug = [], iter(args), False
    for word in words:
        debug = debug or word == "--debug"
        name, equals, value = word.partition("=")
        if name in ("--home", "--config", "--plugin-dir"):
            value = value if equals else next(words, "")
            if name == "--plugin-dir":
                folders.append(value)
        elif not word.startswith("-"):
            return folders, [word, *words], debug
    return folders, [], debug


def _unexpected(app: str, registered: Registry, args: Sequence[str], error: BaseException) -> None:
    """Print an unexpected exception, and the plugin or the damaged library that caused it."""
    from . import rescue

    if rescue.is_damaged():
        raise SystemExit(rescue.main(app, args, error)) from error
    culprit = reports.culprit(registered, error)
    if culprit and reports.uses_missing_name(error):
        owner = culprit.owner
        _fail(
            AstrodomeError(
                f"{reports.incompatible(owner, f'{owner} uses an unavailable name ({error})')}."
            )
        )
    where = f" in {culprit.owner} {culprit.version}".rstrip() if culprit else ""
    debug = settings.options.debug
    shown = "" if debug else f" shown by {scripts.program(app)} --debug {' '.join(args[:2])} …"
    _fail(
        AstrodomeError(
            f"Unexpected {type(error).__name__}{where}: {error}",
            f"{reports.hint(culprit)}, and include the traceback{shown}.",
            code="internal",
        )
    )


def _interrupted() -> None:
    text = console.interruption()
    console.show_error_document(AstrodomeError(text, code="interrupted"))
    process.leave_interrupted(text)


def _flushed(code: Any) -> Any:
    """Flush standard output, and return the exit status of the command."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        process.discard_output()
        return process.BROKEN_PIPE
    except OSError as error:
        process.discard_output()
        if not code:
            error.filename = "standard output"
            console.error(from_os_error(error))
            return 1
    return code


def _fail(failure: AstrodomeError) -> NoReturn:
    if settings.options.debug:
        import traceback

        traceback.print_exc()
    console.fail(failure)
    raise SystemExit(failure.exit_code)


def _warn(registered: Registry) -> None:
    for plugin in registered.plugins:
        if plugin.status in ("failed", "incompatible"):
            text = f"the plugin {plugin.name} {plugin.state}"
        elif plugin.faults:
            text = f"the plugin {plugin.owner}: {'; '.join(plugin.faults)}"
        else:
            continue
        console.warn(f"{text} (see: {scripts.program(registered.app)} plugins doctor)")


def build(app: str, registered: Registry) -> Any:
    """Return the root command of an app, which contains all commands in a registry."""

    class Root(LazyGroup):
        def entries(self) -> Mapping[str, Entry]:
            return _entries(registered)

        def format_help(self, ctx: Any, formatter: Any) -> None:
            self.help = self.help or _summary(app)  # Other commands do not need the summary.
            super().format_help(ctx, formatter)

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            if not ctx.resilient_parsing and self.get_command(ctx, args[0]) is None:
                _suggest_distribution(app, args[0], registered)
            return super().resolve_command(ctx, args)

        def make_context(self, *args: Any, **more: Any) -> Any:
            with _usage_errors():
                return super().make_context(*args, **more)

        def invoke(self, ctx: Any) -> Any:
            process.keep_home_unchanged()
            try:
                with process.quiet_libraries(), _usage_errors():
                    return super().invoke(ctx)
            except KeyboardInterrupt:  # Typer would exit without a message.
                _interrupted()
            except BrokenPipeError:
                process.discard_output()
                raise SystemExit(process.BROKEN_PIPE) from None

    root = typer.Typer(
        cls=Root, rich_markup_mode=None, no_args_is_help=True, help=_help(app, registered)
    )
    root.callback(
        context_settings={
            "help_option_names": ["-h", "--help"],
            "token_normalize_func": dashed,
            "auto_envvar_prefix": app.upper(),
        }
    )(_options)
    return typer.main.get_command(root)


@contextmanager
def _usage_errors() -> Iterator[None]:
    """Print a usage error as a JSON document if requested. Typer prints the text afterwards."""
    try:
        yield
    except Exception as error:
        if hasattr(error, "format_message"):  # The exceptions of Typer have no public base class.
            console.show_error_document(InvalidInputError(error.format_message()))
        raise


def _help(app: str, registered: Registry) -> str:
    text = suggestions.summary(app)
    known = suggestions.by_command(app).values()
    if known and not _active(registered):
        text += (
            f"\n\nNo plugin for {app} is active. Install one or more:\n\n\b\n"
            f"pip install {' '.join(dict.fromkeys(known))}"
        )
    return text


def _summary(app: str) -> str:
    """Return the summary of the distribution that provides an app of a third party."""
    provider = scripts.provider(app)
    text = distributions.summary_of(provider) if provider else ""
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."


def _active(registered: Registry) -> list[Plugin]:
    return [plugin for plugin in registered.plugins if plugin.status == "active"]


def _entries(registered: Registry) -> dict[str, Entry]:
    entries = {}
    for name, owned in registered.commands().items():
        plugin, spec = owned[0]
        if name in RESERVED:
            continue
        clash = registry.clash("command", name, owned) if len(owned) > 1 else None
        entries[spec.name] = Entry(
            f"Unavailable: {clash.message}" if clash else spec.help,
            partial(_raise, clash) if clash else partial(_load_command, spec, plugin),
            spec.panel,
            spec.hidden,
        )
    for name, (target, about) in HOST.items():
        entries[name] = Entry(about, partial(plugins.load_target, target), "Host")
    return entries


def _load_command(spec: CommandSpec, plugin: Plugin) -> Any:
    """Import a registered command; raise AstrodomeError if the imported object is not a command."""
    target = plugins.load_target(spec.target, plugin)
    if wrong := fault(target):
        raise reports.invalid(
            plugin, f"registers {spec.target} as the command '{spec.name}', but {wrong}"
        )
    try:
        return real(target, Command(spec.name, help=spec.help))
    except AstrodomeError:
        raise
    except Exception as error:  # For example, Typer does not support the type of a parameter.
        text = f"registers {spec.target}, which cannot be the command '{spec.name}': {error}"
        raise reports.invalid(plugin, text) from error


def _raise(error: AstrodomeError) -> None:
    raise error


def _suggest_distribution(app: str, name: str, registered: Registry) -> None:
    """Raise AstrodomeError if a distribution or a plugin is known that provides a missing command.

    The hint of the error is the command that installs the distribution or enables its plugin. A
    plugin that is not active is assumed to provide a command with its name.
    """
    known, program = suggestions.by_command(app), scripts.program(app)
    distribution = known.get(dashed(name))
    if not distribution and not _active(registered):
        distribution = known.get(suggestions.EVERY)
    for plugin in registered.plugins:
        own = dashed(plugin.name)
        provides = own in distribution if distribution else own == dashed(name)
        if plugin.status != "active" and provides:
            enable = plugin.status == "disabled"
            raise InvalidInputError(
                f"'{program} {name}' is not available: the plugin {plugin.name} {plugin.state}.",
                f"{program} plugins {f'enable {plugin.name}' if enable else 'doctor'}",
            )
    if distribution:
        raise InvalidInputError(
            f"'{program} {name}' requires the distribution {distribution}.",
            f"pip install {distribution}",
        )


def _version(wanted: bool) -> None:
    if wanted:
        app, host = plugins.current().app, f"astrodome {__version__}"
        if console.json_requested:
            from . import system_info

            console.show_json(system_info.collect(plugins.current()))
        elif provider := scripts.provider(app):
            print(f"{scripts.program(app)} {distributions.version_of(provider)} ({host})")
        else:
            print(host)
        raise typer.Exit()


def _options(
    ctx: typer.Context,
    home: Path | None = option(
        None, "Folder for stored data (default: the per-user data folder).", file_okay=False
    ),
    config: Path | None = option(
        None,
        "Configuration file. It takes precedence over the other configuration files.",
        dir_okay=False,
    ),
    plugin_dir: list[Path] | None = option(
        None,
        "Folder with plugins that are not installed: Python files and packages. This option can be "
        "repeated.",
        file_okay=False,
        envvar="ASTRODOME_PLUGIN_DIR",
    ),
    verbose: bool = option(
        False, "Show warnings and log records from libraries on standard error.", "-v", "--verbose"
    ),
    debug: bool = option(False, "Show tracebacks.", "--debug"),
    version: bool = option(
        False, "Show the version.", "--version", callback=_version, is_eager=True
    ),
    as_json: bool = option(
        False,
        "With --version: show the versions of astrodome, Python, the plugins and important "
        "libraries as JSON.",
        "--json",
    ),
) -> None:
    if as_json:
        raise InvalidInputError(
            "The option --json without --version must follow the name of a command."
        )
    settings.options = settings.Options(
        home.expanduser().resolve() if home else None, config, verbose or debug, debug
    )
    if settings.options.verbose:
        process.route_messages(verbose=True, debug=debug)
    if ctx.invoked_subcommand not in HOST:  # These commands report misspelt sections.
        _warn_about_settings()


def _warn_about_settings() -> None:
    """Print a warning for each misspelt section in the configuration files."""
    if any(path.is_file() for path in settings.config_files()):
        from . import settings_checks

        for text in settings_checks.unknown_sections(only_misspelt=True):
            console.warn(text)
