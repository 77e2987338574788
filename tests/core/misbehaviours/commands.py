"""Misbehaviour of commands and of health checks when they run."""

from __future__ import annotations

from .case import Misbehaviour, hook

PLUGIN = hook("yield CommandSpec('odd', 'obs_odd.cli:app', help='Look.')")
UNEXPECTED = "The command fails with a message that names the plugin and its bug tracker."
DECLARED = """\
from typing import TypedDict
from astrodome import outputs
from astrodome.option_groups import Json

class Sky(TypedDict):
    stars: int

@outputs.declare(Sky, reads_only=True)
def app(as_json: Json = False) -> None:
    'Look.'
    {code}
"""
CHECK = "yield CheckSpec('dome', 'obs_odd.cli:dome', summary='The dome.')"


def command(
    name: str,
    host: str,
    body: str,
    *,
    code: int | None = 0,
    out: str = "",
    err: str = "",
    kit: str = "",
) -> Misbehaviour:
    """Return a case with a function as a command, which the contract class for commands runs."""
    cli = f"def app() -> None:\n    'Look.'\n    {body}\n"
    return Misbehaviour(
        name, host, PLUGIN, cli=cli, run=("odd",), code=code, out=out, err=err, kit=kit,
        contract="command",
    )  # fmt: skip


def at_import(name: str, host: str, line: str, message: str) -> Misbehaviour:
    cli = f"{line}\ndef app() -> None:\n    'Look.'\n    print('looked')\n"
    return Misbehaviour(
        name, host, PLUGIN, message, cli=cli, run=("odd",), out="looked\n", listed=""
    )


def check(name: str, host: str, text: str, message: str, fix: str = "") -> Misbehaviour:
    body = CHECK.replace(")", f", fix='{fix}')") if fix else CHECK
    return Misbehaviour(
        name, host, hook(body, "register_checks"), cli=text, doctor=message,
        kit=message if fix or "not a function" in message else "",
    )  # fmt: skip


CONTAINED = "The failure is a finding of this check. All other checks run."
COMMANDS = (
    at_import(
        "prints when the module of a command is imported",
        "The text is not printed to standard output.",
        "print('hello')",
        "it prints 'hello' when it is imported",
    ),
    at_import(
        "changes the working directory when the module of a command is imported",
        "The previous state is restored.",
        "import os; os.chdir('/')",
        "it changes the working directory",
    ),
    Misbehaviour(
        "imports a heavy library at the top of the module of a command",
        "Not contained. Help pages of the command are slow. Other commands are not affected.",
        PLUGIN,
        cli="import yaml\ndef app() -> None:\n    'Look.'\n",
        kit="imports yaml, but it is imported at every start of the command line",
        run=("odd",),
    ),
    Misbehaviour(
        "imports a heavy library in the plugin module",
        "Not contained. Every start is slower. `plugins doctor` reports more than 100 ms.",
        "import yaml\n" + PLUGIN,
        cli="def app() -> None:\n    'Look.'\n",
        kit="imports yaml, but it is imported at every start of the command line",
    ),
    command(
        "raises an exception in a command", UNEXPECTED, "raise RuntimeError('stuck')",
        code=1, err="Unexpected RuntimeError in obs-odd 1.0: stuck", kit="stuck",
    ),
    command(
        "raises `BaseException` in a command", UNEXPECTED, "raise BaseException('stuck')",
        code=1, err="Unexpected BaseException in obs-odd 1.0: stuck", kit="stuck",
    ),
    command(
        "recurses without end in a command", UNEXPECTED, "app()",
        code=1, err="Unexpected RecursionError in obs-odd 1.0", kit="RecursionError",
    ),
    command(
        "exits with a text", "The text is printed, and the exit status is 1.",
        "raise SystemExit('stuck')", code=1, kit="exit status 1",
    ),
    command(
        "calls `os._exit` in a command",
        "Not contained. The process ends with this exit status.",
        "import os; os._exit(7)", code=7, kit="ended with the exit status 7",
    ),
    command(
        "returns a value from a command", "The value is ignored.", "return 3",
    ),
    command(
        "changes the working directory in a command",
        "Not contained. The process ends after the command.",
        "import os; os.chdir('/')", kit="it changes the working directory",
    ),
    command(
        "changes a signal handler in a command",
        "Not contained. The process ends after the command.",
        "import signal; signal.signal(signal.SIGUSR1, lambda *_: None)",
        kit="it changes the signal handler for SIGUSR1",
    ),
    command(
        "does not end a thread of a command",
        "Not contained. The process ends when the thread ends.",
        "import threading, time; "
        "threading.Thread(target=time.sleep, args=(1,), name='slow').start()",
        kit="it does not end the thread slow",
    ),
    Misbehaviour(
        "prints other text before the JSON document",
        "Not contained. The host does not change the output of a command.",
        PLUGIN,
        cli="from typing import Annotated\nimport typer\n"
        "def app(as_json: Annotated[bool, typer.Option('--json', help='JSON.')] = False) -> None:\n"
        "    'Look.'\n    print('hello')\n    print('{}')\n",
        kit="the output of --json is not one JSON document",
        run=("odd", "--json"),
        out="hello\n{}\n",
        contract="command",
    ),
    Misbehaviour(
        "prints a JSON document that contradicts its declaration",
        "Not contained. The host does not change the output of a command.",
        PLUGIN,
        cli=DECLARED.format(code="""print('{"stars": "three"}')"""),
        kit="'three' is not of type 'integer'",
        run=("odd", "--json"),
        out='{"stars": "three"}\n',
        contract="command",
    ),
    Misbehaviour(
        "declares that a command only reads data, but writes a file",
        "Not contained. The host does not observe the files that a command writes.",
        PLUGIN,
        cli=DECLARED.format(code="""open('a.txt', 'a').write('x'); print('{"stars": 3}')"""),
        kit="declared with reads_only=True, but it changes",
        run=("odd", "--json"),
        out='{"stars": 3}\n',
        contract="command",
    ),
    Misbehaviour(
        "defines an option without a help text",
        "The option is listed without a help text.",
        PLUGIN,
        cli="def app(size: int = 1) -> None:\n    'Look.'\n",
        kit="--size of 'odd' has no help",
        run=("odd", "--size", "2"),
    ),
    check(
        "raises an exception in a health check", CONTAINED,
        "def dome():\n    raise OSError('no rain sensor')\n", "dome: OSError: no rain sensor",
    ),
    check(
        "raises `SystemExit` in a health check", CONTAINED,
        "def dome():\n    raise SystemExit(3)\n", "dome: SystemExit: 3",
    ),
    check(
        "returns `None` from a health check", CONTAINED,
        "def dome():\n    pass\n", "dome: TypeError: 'NoneType' object is not iterable",
    ),
    check(
        "registers a number as a health check", CONTAINED, "dome = 3\n", "is not a function",
    ),
    check(
        "registers a repair that does not exist", CONTAINED,
        "def dome():\n    return []\n", "obs_odd.cli:nowhere, which does not exist",
        fix="obs_odd.cli:nowhere",
    ),
    Misbehaviour(
        "raises an exception in a repair",
        "`plugins doctor --fix` fails with a message that names the plugin and the check.",
        hook(CHECK.replace(")", ", fix='obs_odd.cli:fix')"), "register_checks"),
        cli="from astrodome import Finding\ndef dome():\n    yield Finding('open')\n"
        "def fix(finding, dry_run):\n    raise OSError('no motor')\n",
        doctor="dome: open",
        run=("plugins", "doctor", "--fix", "--yes"),
        code=1,
        out=None,
        err="dome: the repair failed: OSError: no motor",
    ),
)  # fmt: skip
