"""The command lines ``sdo`` and ``scope``: a root that owns nothing but what plugins bring."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from . import __version__, plugins, process, settings
from .errors import AstrodomeError, from_os_error
from .hookspecs import CommandSpec
from .lazy import Entry, LazyGroup, fault

ABOUT = {
    "sdo": "Work with data of the Solar Dynamics Observatory.",
    "scope": "Classify variable sources of the Zwicky Transient Facility.",
}
HOST = {
    "plugins": ("astrodome.commands:plugin_app", "List, check, install and switch plugins."),
    "config": ("astrodome.commands:config_app", "Show the settings and where they come from."),
}


CHANGES = ("install", "uninstall", "enable", "disable")
"""Commands of ``plugins`` that run without importing any plugin."""


def run() -> None:
    """The script of any app, which is named like it: ``sdo``, ``scope``, or a third party's own."""
    process.use_utf8()
    main(Path(sys.argv[0]).stem)


def main(
    app: str, args: Sequence[str] | None = None, registry: plugins.Registry | None = None
) -> None:
    """Run one command line of an app and leave with its exit code."""
    process.prepare_streams()
    try:
        _main(app, args, registry)
    except KeyboardInterrupt:
        _interrupted()
    except SystemExit as left:
        raise SystemExit(_flushed(left.code)) from None


def _main(app: str, args: Sequence[str] | None, registry: plugins.Registry | None) -> None:
    args = sys.argv[1:] if args is None else list(args)
    registry = registry or plugins.load(app, activate=not _changes_plugins(args))
    settings.options = settings.Options()
    completing = any(name.endswith("_COMPLETE") for name in os.environ)
    if not completing:
        _warn(registry)
    with plugins.using(registry):
        try:
            build(app, registry).main(args, prog_name=app)
        except AstrodomeError as failure:
            _fail(failure)
        except OSError as error:
            _fail(from_os_error(error))
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # a plugin may raise anything
            _unexpected(app, registry, args, error)


def _changes_plugins(args: Sequence[str]) -> bool:
    """Return whether the command only changes plugins, and so must not import any of them."""
    words = iter(args)
    for word in words:
        if word in ("--home", "--config"):
            next(words, None)
        elif not word.startswith("-"):
            return word == "plugins" and next(words, "") in CHANGES
    return False


def _unexpected(
    app: str, registry: plugins.Registry, args: Sequence[str], error: BaseException
) -> None:
    """Report an unexpected exception, and the plugin or the damaged library that caused it."""
    from . import rescue

    if rescue.is_damaged():
        raise SystemExit(rescue.main(app, args, error)) from error
    culprit = plugins.culprit(registry, error)
    where = f" in {culprit.owner} {culprit.version}".rstrip() if culprit else ""
    address = plugins.tracker(culprit) if culprit else ""
    owner = culprit.owner if culprit else "astrodome"
    to = f" at {address}" if address else f" to the authors of {owner}"
    _fail(
        AstrodomeError(
            f"Unexpected {type(error).__name__}{where}: {error}",
            f"Report it{to}, with the traceback that {app} --debug {' '.join(args[:2])} … shows.",
        )
    )


def _interrupted() -> None:
    from . import console

    process.leave_interrupted(console.interruption())


def _flushed(code: Any) -> Any:
    """Flush standard output and return the exit status of the command."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        process.discard_output()
        return process.BROKEN_PIPE
    except OSError as error:
        process.discard_output()
        if not code:
            from . import console

            error.filename = "standard output"
            console.error(from_os_error(error))
            return 1
    return code


def _fail(failure: AstrodomeError) -> None:
    from . import console

    if settings.options.debug:
        import traceback

        traceback.print_exc()
    console.error(failure)
    raise SystemExit(failure.exit_code)


def _warn(registry: plugins.Registry) -> None:
    for plugin in registry.plugins:
        if plugin.status in ("failed", "incompatible"):
            print(
                f"Warning: the plugin {plugin.name} is {plugin.status}: {plugin.error} "
                f"(see: {registry.app} plugins doctor)",
                file=sys.stderr,
            )
        elif plugin.faults:
            print(
                f"Warning: the plugin {plugin.owner}: {'; '.join(plugin.faults)} "
                f"(see: {registry.app} plugins doctor)",
                file=sys.stderr,
            )


def build(app: str, registry: plugins.Registry) -> Any:
    """The root command of an app over the plugins of a registry."""

    class Root(LazyGroup):
        def entries(self) -> Mapping[str, Entry]:
            return _entries(app, registry)

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            _suggest_distribution(app, args[0], self, ctx)
            return super().resolve_command(ctx, args)

        def invoke(self, ctx: Any) -> Any:
            process.keep_home_unchanged()
            try:
                with process.quiet_libraries():
                    return super().invoke(ctx)
            except KeyboardInterrupt:  # Typer would exit without a message.
                _interrupted()
            except BrokenPipeError:
                process.discard_output()
                raise SystemExit(process.BROKEN_PIPE) from None

    root = typer.Typer(
        cls=Root, rich_markup_mode=None, no_args_is_help=True, help=_about(app, registry)
    )
    root.callback(
        context_settings={
            "help_option_names": ["-h", "--help"],
            "token_normalize_func": plugins.normal,
            "auto_envvar_prefix": app.upper(),
        }
    )(_options)
    return typer.main.get_command(root)


def _about(app: str, registry: plugins.Registry) -> str:
    text = ABOUT.get(app, "")
    if app in plugins.OURS and not any(p.status == "active" for p in registry.plugins):
        names = " ".join(plugins.OURS[app].values())
        text += (
            f"\n\nNo plugin for {app} is active. Install one or more:\n\n\b\npip install {names}"
        )
    return text


def _entries(app: str, registry: plugins.Registry) -> dict[str, Entry]:
    entries = {}
    for name, owned in registry.commands().items():
        plugin, spec = owned[0]
        if name in plugins.RESERVED:
            continue
        clash = plugins.clash("command", name, owned) if len(owned) > 1 else None
        entries[spec.name] = Entry(
            f"Not usable: {clash.message}" if clash else spec.help,
            partial(_raise, clash) if clash else partial(_load_command, spec, plugin),
            spec.panel,
            spec.hidden,
        )
    for name, (target, about) in HOST.items():
        entries[name] = Entry(about, partial(plugins.load_target, target), "Host")
    return entries


def _load_command(spec: CommandSpec, plugin: plugins.Plugin) -> Any:
    """Import the target of a command; raise AstrodomeError if it is not a command."""
    target = plugins.load_target(spec.target, plugin)
    if wrong := fault(target):
        address = plugins.tracker(plugin)
        raise AstrodomeError(
            f"{plugin.owner} {plugin.version}".rstrip()
            + f" registers {spec.target} as the command '{spec.name}', but {wrong}.",
            f"Report it at {address}" if address else f"Update or report {plugin.owner}.",
        )
    return target


def _raise(error: AstrodomeError) -> None:
    raise error


def _suggest_distribution(app: str, name: str, group: Any, ctx: Any) -> None:
    """A command of ours that is not there: say how to get it."""
    wanted = plugins.OURS.get(app, {}).get(plugins.normal(name))
    if app == "scope" and not any(p.status == "active" for p in plugins.current().plugins):
        wanted = plugins.OURS["scope"]["scope"] if plugins.normal(name) not in HOST else None
    if not wanted or ctx.resilient_parsing or group.get_command(ctx, name) is not None:
        return
    state = next(
        (
            p
            for p in plugins.current().plugins
            if plugins.normal(p.name) in wanted and p.status != "active"
        ),
        None,
    )
    if state:
        mend = "enable " + state.name if state.status == "disabled" else "doctor"
        raise AstrodomeError(
            f"The plugin {state.name}, which brings '{app} {name}', is {state.status}."
            f" {state.error}".rstrip(),
            f"{app} plugins {mend}",
            exit_code=2,
        )
    raise AstrodomeError(
        f"'{app} {name}' needs the distribution {wanted}.", f"pip install {wanted}", exit_code=2
    )


def _version(wanted: bool) -> None:
    if wanted:
        print(f"astrodome {__version__}")
        raise typer.Exit()


def _options(
    home: Annotated[
        Path | None, typer.Option(file_okay=False, help="Folder for all state [per-user folder].")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Settings file that goes before the others.")
    ] = None,
    verbose: Annotated[
        bool,
        typer.Option(
            "-v", "--verbose", help="Show warnings and log records of libraries on standard error."
        ),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    settings.options = settings.Options(
        home.expanduser().resolve() if home else None, config, verbose or debug, debug
    )
    if settings.options.verbose:
        process.route_messages(verbose=True, debug=debug)
