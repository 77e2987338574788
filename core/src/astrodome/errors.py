"""The exception for expected failures, and messages for operating system errors."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable
from os import PathLike

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EROFS, errno.EACCES, errno.EPERM}
_HINT = "Hint: "


CODES = {
    "invalid_input": "An argument, an option, a setting or an input file is invalid.",
    "not_found": "A file or folder does not exist.",
    "permission_denied": "A file or folder cannot be read or written.",
    "no_space": "No space is left on the disk.",
    "network": "A service did not respond, or returned an error.",
    "failed": "The operation failed for another reason, which the message describes.",
    "interrupted": "The command was interrupted.",
    "internal": "An unexpected exception occurred, which is probably a defect.",
}
"""Codes of errors, with their meaning."""


class AstrodomeError(Exception):
    """An expected failure, which a command reports without a traceback.

    Parameters
    ----------
    message
        Description of the problem, with the invalid value and its location.
    hint
        Suggestion for solving the problem.
    exit_code
        Exit status of the command: 1 if the operation failed, 2 if the command line is invalid.
    code
        A word in :data:`CODES`, which programs can compare. By default, it is derived from the
        class of the error and ``exit_code``.
    """

    default_code = ""
    """Code of the errors of a subclass."""

    def __init__(self, message: str, hint: str = "", *, exit_code: int = 1, code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code
        self.code = code or self.default_code or ("invalid_input" if exit_code == 2 else "failed")
        if hint:
            self.add_note(f"{_HINT}{hint}")  # shown in a traceback

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (self.message, self.hint, self.exit_code, self.code)


class InputWarning(UserWarning):
    """A problem in the input that affects the result.

    Commands always print these warnings, in contrast to other warnings from libraries.
    """


class InvalidInputError(AstrodomeError):
    """An invalid argument, option or input file, for which a command exits with status 2."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint, exit_code=2)


def _rebuild(message: str, hint: str, exit_code: int, code: str = "") -> AstrodomeError:
    return AstrodomeError(message, hint, exit_code=exit_code, code=code)


def similar(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return a question that suggests the most similar known name, or an empty string.

    Examples
    --------
    >>> similar("wstdd", ["median", "wstd"])
    "Did you mean 'wstd'? "
    """
    spelled = {one.lower(): one for one in known}
    close = difflib.get_close_matches(name.lower(), spelled, 1, cutoff)
    return f"Did you mean '{spelled[close[0]]}'? " if close else ""


def without_hint(reason: str) -> tuple[str, str]:
    """Split the text that :func:`reason` returns into the message and the hint.

    Examples
    --------
    >>> without_hint("The image is truncated. Hint: Download it again.")
    ('The image is truncated.', 'Download it again.')
    """
    message, _, hint = reason.partition(f" {_HINT}")
    return message, hint


def not_found(
    path: str | PathLike[str], hint: str = "", *, kind: str = "File", exit_code: int = 1
) -> AstrodomeError:
    """Return the error for a missing file or folder. The message starts with ``kind``.

    Examples
    --------
    >>> not_found("/data/2012", kind="Folder").message
    'Folder not found: /data/2012'
    """
    return AstrodomeError(f"{kind} not found: {path}", hint, exit_code=exit_code, code="not_found")


def from_os_error(error: OSError) -> AstrodomeError:
    """Return an AstrodomeError for a failed system call, with the path and a hint.

    Examples
    --------
    >>> from_os_error(PermissionError(13, "Permission denied", "/data")).message
    'Cannot read or write /data: Permission denied.'
    """
    where = error.filename2 or error.filename or "the target"
    if error.errno == errno.ENOENT:
        return not_found(error.filename or where, kind="File or folder")
    if error.errno in _FULL:
        return AstrodomeError(
            f"No space left on the disk while writing {where}.",
            "Free some space, and run the same command again. Finished results are kept.",
            code="no_space",
        )
    if error.errno in _FORBIDDEN:
        return AstrodomeError(
            f"Cannot read or write {where}: {error.strerror}.",
            "Change the permissions, or choose another folder.",
            code="permission_denied",
        )
    return AstrodomeError(f"{error.strerror or error}: {where}")


def stops_everything(error: BaseException) -> bool:
    """Return whether an error, such as a full or read-only disk, affects all remaining items."""
    return isinstance(error, OSError) and error.errno in _FULL | {errno.EROFS}


def reason(error: BaseException) -> str:
    """Return the message and the hint of an exception on one line.

    Examples
    --------
    >>> reason(KeyError("exposure"))
    "KeyError: 'exposure'"
    >>> reason(AstrodomeError("The image is truncated", "Download it again."))
    'The image is truncated. Hint: Download it again.'
    """
    if isinstance(error, AstrodomeError):
        message = error.message or type(error).__name__
        if error.hint and message[-1] not in ".!?":
            message += "."
        return f"{message} {_HINT}{error.hint}" if error.hint else message
    if isinstance(error, OSError) and error.errno:
        return reason(from_os_error(error))
    text = " ".join(str(error).split())
    name = type(error).__name__
    if isinstance(error, ValueError) and text:
        return text
    return f"{name}: {text}" if text else name
