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
from .lazy import Entry, LazyGroup

ABOUT = {
    "sdo": "Work with data of the Solar Dynamics Observatory.",
    "scope": "Classify variable sources of the Zwicky Transient Facility.",
}
HOST = {
    "plugins": ("astrodome.commands:plugin_app", "List, check, install and switch plugins."),
    "config": ("astrodome.commands:config_app", "Show the settings and where they come from."),
}


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
    registry = registry or plugins.load(app)
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
        except SystemExit:
            raise
        except Exception as error:
            _fail(
                AstrodomeError(
                    f"Unexpected {type(error).__name__}: {error}",
                    f"A fault of {app} or of a plugin; --debug before the command shows where.",
                )
            )


def _interrupted() -> None:
    from . import console

    process.leave_interrupted(console.interruption())


def _flushed(code: Any) -> Any:
    """The exit status of a command, after its output has reached standard output."""
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
            except KeyboardInterrupt:  # Typer would end without a message
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
            partial(_raise, clash) if clash else partial(plugins.load_target, spec.target, plugin),
            spec.panel,
            spec.hidden,
        )
    for name, (target, about) in HOST.items():
        entries[name] = Entry(about, partial(plugins.load_target, target), "Host")
    return entries


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
        bool, typer.Option("-v", "--verbose", help="Show messages of libraries on standard error.")
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
