"""Set up the process of a command: standard streams, Ctrl-C, library folders and messages."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

INTERRUPTED = 130
"""Exit status of an interrupted command (128 + SIGINT)."""
BROKEN_PIPE = 141
"""Exit status of a command whose output pipe was closed (128 + SIGPIPE)."""


def use_utf8() -> None:
    """Restart the process in UTF-8 mode if the file system encoding is ASCII.

    This is the case in the locale C with PYTHONUTF8=0, where files with non-ASCII names cannot be
    created.
    """
    if sys.getfilesystemencoding() == "ascii" and not sys.flags.utf8_mode:
        environment = os.environ | {"PYTHONUTF8": "1"}
        os.execve(sys.executable, sys.orig_argv, environment)


def prepare_streams() -> None:
    """Prepare standard streams that are closed or that cannot encode all characters.

    Output to a closed stream is discarded. Characters that the encoding of a stream does not
    support are written as escape sequences.
    """
    if None in (sys.stdin, sys.stdout, sys.stderr):
        # Occupy the descriptors 0 to 2, so that they are not assigned to data files.
        while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass
        os.close(handle)
    for name in ("stdout", "stderr"):
        stream: Any = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
        elif getattr(stream, "errors", "") in ("strict", "surrogateescape"):
            with suppress(AttributeError, OSError):
                stream.reconfigure(errors="backslashreplace")


def discard_output() -> None:
    """Redirect standard output to the null device after a failed write."""
    with suppress(OSError, ValueError):
        handle = os.open(os.devnull, os.O_WRONLY)
        os.dup2(handle, sys.stdout.fileno())
        os.close(handle)


def leave_interrupted(text: str) -> None:
    """Print a message about an interruption, and exit with status 130."""
    print(f"\n{text}", file=sys.stderr)
    busy = [t for t in threading.enumerate() if t is not threading.main_thread() and not t.daemon]
    if busy:  # The interpreter would wait for these threads.
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(INTERRUPTED)
    raise SystemExit(INTERRUPTED)


@contextmanager
def quiet_libraries(*, verbose: bool = False, debug: bool = False) -> Iterator[None]:
    """Hide library warnings and log records in the block, or show them if ``verbose`` is True."""
    import logging
    import warnings

    show, disabled = warnings.showwarning, logging.root.manager.disable
    route_messages(verbose, debug)
    try:
        yield
    finally:
        warnings.showwarning = show
        logging.disable(disabled)


def route_messages(verbose: bool = False, debug: bool = False) -> None:
    """Hide or show library messages like :func:`quiet_libraries`, until the process ends."""
    import logging
    import warnings

    logging.disable(logging.NOTSET if verbose else logging.ERROR)
    if verbose:
        logging.basicConfig(
            level=logging.DEBUG if debug else logging.INFO,
            format="%(name)s: %(message)s",
            stream=sys.stderr,
        )
    if not sys.warnoptions:  # python -W and PYTHONWARNINGS take precedence.
        warnings.showwarning = _show if verbose else partial(_hide, set())


def _hide(printed: set[str], message: Any, category: type[Warning], *_: Any, **__: Any) -> None:
    """Discard a warning, or print it if it is about the input and was not ``printed`` before."""
    from . import console
    from .errors import InputWarning

    text = " ".join(str(message).split())
    if issubclass(category, InputWarning) and text not in printed:
        printed.add(text)
        console.warn(text)


def _show(
    message: Any, category: type[Warning], filename: str, lineno: int, *_: Any, **__: Any
) -> None:
    """Print a warning on one line, with the name of the library that issued it."""
    text = " ".join(str(message).split())
    print(f"{_library(filename)}: {category.__name__}: {text}", file=sys.stderr)


def _library(filename: str) -> str:
    """Return the name of the top-level package or module that contains a file."""
    parts = Path(filename).parts
    for folder in ("site-packages", "dist-packages"):
        if folder in parts[:-1]:
            return parts[parts.index(folder) + 1].removesuffix(".py")
    return Path(filename).stem


def keep_home_unchanged(*, always: bool = False) -> None:
    """Redirect library folders from the home directory to a temporary folder if necessary.

    Some libraries create folders when they are imported. A folder is redirected if it is not
    writable or, if ``always`` is True, also if it does not exist. Environment variables that the
    user has set are not changed.
    """
    try:
        Path.home()
    except RuntimeError:  # HOME is not set, and the user is not in the user database.
        os.environ["HOME"] = str(_scratch())
    for name, library in _libraries().items():
        folders = _folders(library)
        usable = all(_usable(folder) and (folder.is_dir() or not always) for folder in folders)
        if os.environ.get(name) or usable:
            continue
        folder = _scratch() / name.lower()
        folder.mkdir(exist_ok=True)
        os.environ[name] = str(folder)
        if "file" in library:
            (folder / library["file"]).write_text(library["text"].format(folder=folder), "utf-8")


@cache
def _libraries() -> dict[str, dict[str, Any]]:
    """Return the library folders, keyed by the environment variable that sets them.

    ``folders`` are the default folders. If the first of them contains ``file``, the others are not
    used. If a temporary folder replaces them, ``file`` is written to it with the content ``text``.
    """
    import json

    path = Path(__file__).with_name("library_folders.json")
    found: dict[str, dict[str, Any]] = json.loads(path.read_text("utf-8"))
    return found


def _folders(library: Mapping[str, Any]) -> list[Path]:
    from platformdirs import user_cache_path, user_config_path

    roots = {"config": user_config_path(), "cache": user_cache_path(), "home": Path.home()}
    found = [Path(text.format(**roots)) for text in library["folders"]]
    return found[:1] if "file" in library and (found[0] / library["file"]).is_file() else found


def _usable(folder: Path) -> bool:
    """Return whether a folder is writable, or can be created if it does not exist."""
    with suppress(OSError):
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
    return False


@cache
def _scratch() -> Path:
    """Return a temporary folder that is deleted when the process ends."""
    import atexit
    import shutil
    import tempfile

    made = Path(tempfile.mkdtemp(prefix="astrodome-"))
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:  # A forked worker keeps the folder.
            shutil.rmtree(made, ignore_errors=True)

    atexit.register(remove)
    return made
