"""Misbehaviour when the plugin module is imported."""

from __future__ import annotations

from .case import Misbehaviour

FAILED = "The state of the plugin is `failed`. No other plugin is affected."
RESTORED = "The previous state is restored."
DOCUMENTED = "Not contained. "
DISABLE = "`plugins disable NAME` imports no plugin, so the plugin can be disabled."


def failing(name: str, plugin: str, message: str, kit: str | None = None) -> Misbehaviour:
    return Misbehaviour(name, FAILED, plugin, message, status="failed", kit=kit)


def changing(name: str, plugin: str, message: str, host: str = RESTORED) -> Misbehaviour:
    return Misbehaviour(name, host, plugin, message)


def ending(name: str, plugin: str, code: int | None, host: str) -> Misbehaviour:
    host = f"{DOCUMENTED}{host} {DISABLE}"
    return Misbehaviour(name, host, plugin, code=code, process=True)


IMPORTS = (
    failing(
        "imports a library that is not installed",
        "import no_such_library",
        "No module named 'no_such_library'",
    ),
    failing("contains a syntax error", "def f(:", "SyntaxError: invalid syntax"),
    failing("raises an exception", "raise RuntimeError('no dome')", "RuntimeError: no dome"),
    failing("raises `SystemExit`", "raise SystemExit(3)", "SystemExit: 3"),
    failing("raises `BaseException`", "raise BaseException('odd')", "BaseException: odd"),
    failing("raises `GeneratorExit`", "raise GeneratorExit", "GeneratorExit"),
    failing(
        "calls `os._exit`",
        "import os; os._exit(3)",
        "it calls os._exit(3) when it is imported",
    ),
    failing("recurses without end", "def f(): f()\nf()", "RecursionError: maximum recursion depth"),
    failing("raises `MemoryError`", "raise MemoryError", "MemoryError"),
    failing(
        "uses a name that is not defined",
        "undefined_name",
        "NameError: name 'undefined_name' is not defined",
    ),
    Misbehaviour(
        "uses a name that the host does not have",
        "The state of the plugin is `incompatible`. No other plugin is affected.",
        "from astrodome import NoSuchSpec",
        "NoSuchSpec",
        status="incompatible",
    ),
    changing(
        "prints to standard output",
        "print('hello')",
        "it prints 'hello' when it is imported",
        "The text is captured, so that JSON output stays valid.",
    ),
    Misbehaviour(
        "starts a program that prints to standard output",
        "The text is printed to standard error, so that JSON output stays valid.",
        "import os; os.system('echo hello')",
    ),
    Misbehaviour(
        "prints to standard error",
        "The text is shown. Standard output is not affected.",
        "import sys; print('hello', file=sys.stderr)",
    ),
    Misbehaviour(
        "closes the descriptor of standard output",
        "The descriptor is opened again.",
        "import os; os.close(1)",
    ),
    changing("replaces `sys.stderr`", "import sys; sys.stderr = None", "it replaces sys.stderr"),
    changing(
        "changes the working directory",
        "import os; os.chdir('/')",
        "it changes the working directory",
    ),
    changing(
        "changes the locale",
        "import locale; locale.setlocale(locale.LC_ALL, 'C.UTF-8')",
        "it changes the locale",
    ),
    changing(
        "changes a signal handler",
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)",
        "it changes the signal handler for SIGINT",
    ),
    changing(
        "changes environment variables",
        "import os; os.environ['NO_COLOR'] = 'odd'; os.environ['HOME'] = '/nowhere'",
        "it changes the environment variables HOME, NO_COLOR",
    ),
    changing(
        "changes `sys.path`",
        "import sys; sys.path.insert(0, '/nowhere')",
        "it changes sys.path",
        "The order is restored. New folders are moved to the end, so that they hide no module.",
    ),
    changing("changes `sys.argv`", "import sys; sys.argv[:] = ['odd']", "it changes sys.argv"),
    changing(
        "replaces built-in names",
        "import builtins; builtins.open = None; builtins.print = None",
        "it replaces the built-in names open, print",
    ),
    changing(
        "replaces `sys.excepthook`",
        "import sys; sys.excepthook = print",
        "it replaces sys.excepthook",
    ),
    changing(
        "changes the recursion limit",
        "import sys; sys.setrecursionlimit(150)",
        "it changes the recursion limit",
    ),
    changing(
        "changes the file mode creation mask",
        "import os; os.umask(0o777)",
        "it changes the file mode creation mask",
    ),
    changing(
        "changes the warning filters of all modules",
        "import warnings; warnings.simplefilter('error')",
        "it changes the warning filters of all modules",
    ),
    changing(
        "configures the root logger",
        "import logging; logging.basicConfig(level=1)",
        "it configures the root logger",
    ),
    changing(
        "starts a thread that is not a daemon",
        "import threading, time; threading.Thread(target=time.sleep, args=(60,)).start()",
        "it starts a thread that is not a daemon",
        "The thread becomes a daemon thread, so that the process can end.",
    ),
    Misbehaviour(
        "starts a daemon thread",
        "Not contained. The thread runs until the process ends.",
        "import threading, time\n"
        "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
    ),
    Misbehaviour(
        "calls `os.fork`",
        "The new process ends after the import, so that no command runs twice.",
        "import os; os.fork()",
    ),
    Misbehaviour(
        "replaces a function of another library",
        "Not contained. Python has no protection for the attributes of modules.",
        "import textwrap; textwrap.dedent = None",
    ),
    Misbehaviour(
        "registers an exit function that fails",
        "Not contained. Python prints the exception when the process ends. The exit status is not "
        "changed.",
        "import atexit; atexit.register(lambda: 1 / 0)",
    ),
    ending(
        "raises `KeyboardInterrupt`",
        "raise KeyboardInterrupt",
        130,
        "The app ends with the exit status 130, as after Ctrl-C.",
    ),
    ending(
        "crashes in native code",
        "import os; os.abort()",
        -6,
        "The process ends at every start.",
    ),
    ending(
        "sends a signal to its process",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        -9,
        "The process ends at every start.",
    ),
    ending(
        "does not end: an endless loop, or waiting for a service",
        "import time; time.sleep(1000)",
        None,
        "The app waits at every start. Ctrl-C ends it.",
    ),
)
