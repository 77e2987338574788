"""Invalid specs, and targets that cannot be used."""

from __future__ import annotations

from .case import Misbehaviour, hook

FAILED = "The state of the plugin is `failed`. None of its specs are registered."
AT_USE = "The command fails with a message that names the plugin. Other commands can be used."
LATER = "An error is raised when the object is used. Other objects can be used."
NOT_LISTED = ""
FLUX = """
@hookimpl
def register_kinds():
    yield KindSpec('odd-flux', 'obs_odd.cli:Flux', summary='Flux by time.')
"""
PROTOCOL = "class Flux:\n    def flux_at(self, times): ...\n"


def failing(name: str, body: str, message: str, at: str = "register_commands") -> Misbehaviour:
    return Misbehaviour(name, FAILED, hook(body, at), message, status="failed")


def command(
    name: str, target: str, message: str, cli: str = "", kit: str | None = None
) -> Misbehaviour:
    """Return a case in which the target of the command ``odd`` cannot be used."""
    plugin = hook(f"yield CommandSpec('odd', 'obs_odd.{target}', help='Look.')")
    return Misbehaviour(
        name,
        AT_USE,
        plugin,
        message,
        cli=cli,
        listed=NOT_LISTED,
        kit=kit,
        run=("odd",),
        code=1,
        err="obs-odd",
    )


def source(name: str, cli: str, message: str, target: str = "Odd") -> Misbehaviour:
    """Return a case in which the class of a source cannot be used."""
    body = f"yield SourceSpec('odd-flux', 'odd', 'obs_odd.cli:{target}', summary='Odd.')"
    plugin = hook(body, "register_sources", before=FLUX)
    return Misbehaviour(name, LATER, plugin, message, cli=PROTOCOL + cli, listed=NOT_LISTED)


SPECS = (
    failing("registers a name that starts with `-`", "yield CommandSpec('--bad', 'a:b', help='A.')",
            "invalid name '--bad'"),
    failing("registers a name with a space", "yield CommandSpec('my odd', 'a:b', help='A.')",
            "invalid name 'my odd'"),
    failing("registers an empty name", "yield CommandSpec('', 'a:b', help='A.')",
            "the invalid name ''"),
    failing("registers `None` as a name", "yield CommandSpec(None, 'a:b', help='A.')",
            "the field name of its CommandSpec must be a string"),
    failing("registers a command of the host", "yield CommandSpec('plugins', 'a:b', help='A.')",
            "'plugins', which is reserved for the host"),
    failing("uses a number as a help text", "yield CommandSpec('odd', 'a:b', help=3)",
            "the field help of its CommandSpec must be a string"),
    failing("uses a text instead of True or False",
            "yield CommandSpec('odd', 'a:b', help='A.', hidden='no')", "True or False"),
    failing("uses a number as a settings model",
            "yield CommandSpec('odd', 'a:b', help='A.', settings=3)",
            "the settings of its CommandSpec"),
    failing("registers an import string without a name",
            "yield CommandSpec('odd', 'nowhere', help='A.')", "must be 'package.module:name'"),
    failing("passes verbs as a string",
            "yield ModelSpec('sood', 'odd', 'a:b', 'A.', verbs='train')",
            "must be a tuple of strings", "register_models"),
    failing("declares a kind with an unknown role",
            "yield KindSpec('odd', 'a:b', 'A.', role='telescope')", "the role of its KindSpec",
            "register_kinds"),
    failing("registers a view with an unknown role",
            "yield ViewSpec('odd', 'odd', 'a:b', 'A.', 'poster')", "the role of its ViewSpec",
            "register_views"),
    failing("registers an exporter without a file extension",
            "yield ViewSpec('odd', 'odd', 'a:b', 'A.', 'exporter')",
            "must be a file extension without a leading dot", "register_views"),
    command("registers a module that does not exist", "nowhere:app", "obs_odd.nowhere"),
    command("registers an object that does not exist", "cli:nowhere",
            "obs_odd.cli:nowhere, which does not exist", "app = 3\n"),
    command("registers a module that imports a missing library", "cli:app",
            "No module named 'no_such_library'", "import no_such_library\n"),
    command("registers a module that raises an exception", "cli:app", "RuntimeError: no dome",
            "raise RuntimeError('no dome')\n"),
    command("registers a number as a command", "cli:app", "expected a Typer app or a function",
            "app = 3\n"),
    command("registers a class as a command", "cli:App", "expected a Typer app or a function",
            "class App: pass\n"),
    command("registers a function whose parameters have an unsupported type", "cli:app",
            "cannot be the command 'odd'", "def app(sky: object) -> None:\n    'Look.'\n"),
    Misbehaviour(
        "registers a command without a help text",
        "The command is listed without a help text.",
        hook("yield CommandSpec('odd', 'obs_odd.cli:app', help='')"),
        cli="def app() -> None:\n    'Look.'\n",
        kit="The command 'odd' has no help",
        run=("odd",),
    ),
    Misbehaviour(
        "registers a source without a summary",
        "The source is listed without a summary.",
        hook("yield SourceSpec('odd-flux', 'odd', 'obs_odd.cli:Flux', summary='')",
             "register_sources", before=FLUX),
        cli=PROTOCOL,
        kit="'odd' has no summary",
    ),
    Misbehaviour(
        "registers names that are hard to type",
        "The command can be used.",
        hook("yield CommandSpec('OdD', 'obs_odd.cli:app', help='Look.')"),
        cli="def app() -> None:\n    'Look.'\n",
        kit="'OdD' is hard to type",
        run=("OdD",),
    ),
    Misbehaviour(
        "registers a command of another plugin",
        "This command cannot be used until one of the plugins is disabled. The message names both "
        "plugins. Other commands can be used.",
        hook("yield CommandSpec('mirror', 'obs_odd.cli:app', help='Look.')"),
        cli="def app() -> None:\n    'Look.'\n",
        doctor="The command 'mirror' is registered by obs-mirror and by obs-odd",
        other=1,
    ),
    Misbehaviour(
        "registers a name twice",
        "The name cannot be used. The message names the plugin.",
        hook("yield CommandSpec('odd', 'obs_odd.cli:app', help='Look.')\n"
             "yield CommandSpec('odd', 'obs_odd.cli:app', help='Look again.')"),
        cli="def app() -> None:\n    'Look.'\n",
        doctor="The command 'odd' is registered by obs-odd and by obs-odd",
        run=("odd",),
        code=1,
        err="registered by obs-odd and by obs-odd",
    ),
    source("registers a number as a source", "Odd = 3\n", "expected a class"),
    source("registers a source without a required method", "class Odd: pass\n",
           "lacks flux_at(), which the kind 'odd-flux' requires"),
    source("registers a source with a wrong signature",
           "class Odd:\n    def flux_at(self): ...\n", "cannot be called as Flux.flux_at(times)"),
    source("registers a source with a coroutine method",
           "class Odd:\n    async def flux_at(self, times): ...\n",
           "must not be a coroutine function"),
    source("registers a source whose constructor requires an argument",
           "class Odd:\n    def __init__(self, url): ...\n    def flux_at(self, times): ...\n",
           "must be callable without arguments"),
    Misbehaviour(
        "declares a kind whose protocol is not a class",
        LATER,
        hook("yield KindSpec('odd-flux', 'obs_odd.cli:Flux', summary='Flux.')", "register_kinds"),
        "is not a class",
        cli="Flux = 3\n",
        listed=NOT_LISTED,
    ),
    Misbehaviour(
        "registers a source of a kind that no plugin declares",
        "The source can be used, but its methods are not checked.",
        hook("yield SourceSpec('odd-kind', 'odd', 'obs_odd.cli:Flux', summary='Odd.')",
             "register_sources"),
        "no installed plugin declares the kind 'odd-kind' of 'odd'",
        cli=PROTOCOL,
        listed=NOT_LISTED,
        finding="note",
    ),
    Misbehaviour(
        "requires a missing library that its extra contains",
        "An error is raised when the source is used. It contains the command that installs the "
        "extra.",
        hook("yield SourceSpec('odd-flux', 'odd', 'obs_odd.cli:Flux', 'Odd.', extra='fast')",
             "register_sources"),
        "No module named 'no_such_library'",
        cli="import no_such_library\n",
        listed=NOT_LISTED,
        finding="optional",
    ),
    Misbehaviour(
        "registers a settings model that is not a pydantic model",
        "`config show` fails with a message that names the plugin. Other commands can be used.",
        hook("yield CommandSpec('odd', 'obs_odd.cli:app', help='A.', settings='obs_odd.cli:Odd')"),
        "is not a pydantic model",
        cli="class Odd: pass\ndef app() -> None:\n    'Look.'\n",
        listed=NOT_LISTED,
        run=("config", "show"),
        code=1,
        err="obs-odd",
    ),
    Misbehaviour(
        "registers a model with options that have no default value",
        LATER,
        hook("yield ModelSpec('odd-task', 'odd', 'obs_odd.cli:Odd', 'A.', "
             "settings='obs_odd.cli:Options')", "register_models"),
        "the option 'trees' in obs_odd.cli:Options has no default value",
        cli="from pydantic import BaseModel\nclass Odd: pass\n"
        "class Options(BaseModel):\n    trees: int\n",
        listed=NOT_LISTED,
    ),
    Misbehaviour(
        "declares a template folder that does not exist",
        "`plugins new` reports the folder. Other commands can be used.",
        hook("yield KindSpec('odd-flux', 'obs_odd.cli:Flux', summary='Flux.', "
             "template='obs_odd:nowhere')", "register_kinds"),
        "the template folder 'obs_odd:nowhere' of the kind 'odd-flux' does not exist",
        cli=PROTOCOL,
        listed=NOT_LISTED,
    ),
)  # fmt: skip
