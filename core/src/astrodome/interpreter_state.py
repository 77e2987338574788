"""Detect and undo changes to the state of the interpreter that all plugins share."""

from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Iterator
from typing import Any

STREAMS = ("stdin", "stderr")
HOOKS = ("excepthook", "displayhook")


class InterpreterState:
    """The state of the interpreter before the import of a plugin.

    It contains the environment variables, the arguments, the module search path, the built-in
    names, the streams, the root logger, the warning filters, the recursion limit and the file mode
    creation mask.
    """

    def __init__(self) -> None:
        self._environ = dict(os.environ)
        self._argv = list(sys.argv)
        self._path = list(sys.path)
        self._builtins = dict(vars(builtins))
        self._attributes = {name: getattr(sys, name) for name in (*STREAMS, *HOOKS)}
        self._limit = sys.getrecursionlimit()
        self._mask = _umask()
        self._logging = _root_logger()
        self._filters = _filters()

    def restore(self) -> Iterator[str]:
        """Undo all changes, and yield a description of each change."""
        if found := _changed(self._environ, dict(os.environ)):
            os.environ.clear()
            os.environ.update(self._environ)
            yield f"it changes the environment variables {', '.join(found)}"
        if sys.argv != self._argv:
            sys.argv[:] = self._argv
            yield "it changes sys.argv"
        if sys.path != self._path:
            # The plugin may need its own folders, which must not hide installed modules.
            added = [folder for folder in sys.path if folder not in self._path]
            sys.path[:] = [*self._path, *added]
            yield "it changes sys.path"
        if found := _replaced(self._builtins, vars(builtins)):
            vars(builtins).update({name: self._builtins[name] for name in found})
            yield f"it replaces the built-in names {', '.join(found)}"
        for name, value in self._attributes.items():
            if getattr(sys, name) is not value:
                setattr(sys, name, value)
                yield f"it replaces sys.{name}"
        if sys.getrecursionlimit() != self._limit:
            sys.setrecursionlimit(self._limit)
            yield "it changes the recursion limit"
        if _umask() != self._mask:
            os.umask(self._mask)
            yield "it changes the file mode creation mask"
        yield from self._restore_messages()

    def _restore_messages(self) -> Iterator[str]:
        if _root_logger() != self._logging:
            root = sys.modules["logging"].getLogger()
            level, handlers = self._logging
            root.setLevel(level)
            root.handlers[:] = handlers
            yield "it configures the root logger"
        added = [each for each in _filters() if each not in self._filters]
        if added:
            warnings: Any = sys.modules["warnings"]
            warnings.filters[:] = [each for each in warnings.filters if each not in added]
            with warnings.catch_warnings():  # Its end discards cached decisions about warnings.
                pass
            yield "it changes the warning filters of all modules"


def _changed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return the keys that were added, removed or changed."""
    names = before.keys() | after.keys()
    return sorted(name for name in names if before.get(name) != after.get(name))


def _replaced(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return the names that were removed or have another value, except ``_`` of the prompt."""
    return sorted(n for n in before if n != "_" and after.get(n, before) is not before[n])


def _umask() -> int:
    """Return the file mode creation mask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _root_logger() -> tuple[int, list[Any]]:
    """Return the level and the handlers of the root logger without importing ``logging``."""
    logging = sys.modules.get("logging")
    if logging is None:
        return 30, []  # the initial level, WARNING
    root = logging.getLogger()
    return root.level, list(root.handlers)


def _filters() -> list[Any]:
    """Return the warning filters for built-in categories that apply to all modules.

    Libraries such as NumPy add filters for single messages, which do not affect other libraries.
    """
    warnings: Any = sys.modules.get("warnings")
    return [
        each
        for each in (warnings.filters if warnings else ())
        if each[1] is None and each[3] is None and each[2].__module__ == "builtins"
    ]
