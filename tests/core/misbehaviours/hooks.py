"""Misbehaviour of hooks, and invalid interface versions."""

from __future__ import annotations

from .case import HEAD, Misbehaviour, hook

FAILED = "The state of the plugin is `failed`. None of its specs are registered."
INCOMPATIBLE = "The state of the plugin is `incompatible`. Its hooks are not called."
GOOD = "yield CommandSpec('odd', 'obs_odd.cli:app', help='Look.')\n"


def failing(name: str, plugin: str, message: str, kit: str | None = None) -> Misbehaviour:
    return Misbehaviour(name, FAILED, plugin, message, status="failed", kit=kit)


def version(name: str, value: str, message: str) -> Misbehaviour:
    plugin = hook(GOOD, before=f"REQUIRES_API = {value}\n")
    return Misbehaviour(name, INCOMPATIBLE, plugin, message, status="incompatible")


HOOKS = (
    failing(
        "marks a function with an unknown name as a hook",
        hook(GOOD, "register_comands"),
        "register_comands",
        kit="obs_odd.plugin.register_comands is marked as a hook, but the host calls only",
    ),
    Misbehaviour(
        "does not mark its hook with `hookimpl`",
        "The function is not called.",
        hook(GOOD).replace("@hookimpl", ""),
        "its function register_commands is not marked with @hookimpl and is never called",
        kit="obs_odd.plugin.register_commands is never called: mark it with @astrodome.hookimpl",
    ),
    Misbehaviour(
        "misspells a hook without `hookimpl`",
        "The function is not called.",
        hook(GOOD).replace("@hookimpl", "").replace("register_commands", "register_comands"),
        "its function register_comands is never called. Did you mean 'register_commands'?",
        kit="Did you mean 'register_commands'?",
    ),
    Misbehaviour(
        "returns `None` from a hook",
        "Nothing is registered for this hook.",
        hook("pass"),
        "its hook register_commands returns None instead of a list of specs",
    ),
    failing("returns a number from a hook", hook("return 3"), "'int' object is not iterable"),
    failing(
        "returns a string from a hook",
        hook("return 'odd'"),
        "its hook register_commands returned 'o': expected a CommandSpec",
    ),
    failing(
        "returns specs of another type",
        hook("yield SourceSpec('flux', 'odd', 'obs_odd.cli:App', summary='Odd.')"),
        "expected a CommandSpec",
    ),
    failing(
        "returns the class of a spec",
        hook("return [CommandSpec]"),
        "expected a CommandSpec",
    ),
    failing("raises an exception in a hook", hook("raise OSError('no dome')"), "OSError: no dome"),
    failing("raises `SystemExit` in a hook", hook("raise SystemExit(3)"), "SystemExit: 3"),
    failing(
        "raises an exception after its first spec",
        hook(GOOD + "raise RuntimeError('half')"),
        "RuntimeError: half",
    ),
    failing(
        "defines a hook with a parameter",
        hook(GOOD).replace("register_commands()", "register_commands(app)"),
        "register_commands",
    ),
    failing(
        "defines a hook as a coroutine function",
        hook("return []").replace("def register", "async def register"),
        "'coroutine' object is not iterable",
    ),
    failing(
        "creates a spec with an unknown field",
        hook("yield CommandSpec('odd', 'obs_odd.cli:app', about='Look.')"),
        "unexpected keyword argument 'about'",
    ),
    Misbehaviour(
        "changes the working directory in a hook",
        "The previous state is restored.",
        hook(GOOD, before="import os\n").replace("    yield", "    os.chdir('/')\n    yield"),
        "it changes the working directory",
    ),
    version("requires an interface version as text", "'2.0'", "expected a tuple"),
    version("requires an empty interface version", "()", "expected a tuple"),
    version("requires a later interface version", "(99, 0)", "requires version 99.0"),
    version("requires a later minor version", "(2, 99)", "requires version 2.99"),
    version("requires an earlier interface version", "(1, 0)", "written for version 1.0"),
    version("requires a version with too many numbers", "(2, 1, 0)", "requires version 2.1.0"),
    Misbehaviour(
        "is an empty module",
        "Nothing is registered.",
        HEAD,
    ),
)
