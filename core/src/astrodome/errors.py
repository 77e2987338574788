"""The one exception for expected failures, and plain words for the system's own."""

from __future__ import annotations

import errno

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EROFS, errno.EACCES, errno.EPERM}


class AstrodomeError(Exception):
    """An expected failure: one sentence for the user and, if there is one, what to do.

    ``exit_code`` is 1 (work failed) unless the command line itself was wrong (2).
    """

    def __init__(self, message: str, hint: str = "", *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (self.message, self.hint, self.exit_code)


def _rebuild(message: str, hint: str, exit_code: int) -> AstrodomeError:
    return AstrodomeError(message, hint, exit_code=exit_code)


def from_os_error(error: OSError) -> AstrodomeError:
    """The sentence for a failed system call: what, where and what to do."""
    where = error.filename2 or error.filename or "the target"
    if error.errno in _FULL:
        return AstrodomeError(
            f"No space left on the disk while writing {where}.",
            "Free some space and give the same command again; what was finished is kept.",
        )
    if error.errno in _FORBIDDEN:
        return AstrodomeError(
            f"Not allowed to write or read {where}: {error.strerror}.",
            "Choose another folder or change its permissions.",
        )
    return AstrodomeError(f"{error.strerror or error}: {where}")


def stops_everything(error: BaseException) -> bool:
    """Whether going on with the next item is pointless: a full or read-only disk."""
    return isinstance(error, OSError) and error.errno in _FULL | {errno.EROFS}


def reason(error: BaseException) -> str:
    """One line that says why an item failed."""
    if isinstance(error, AstrodomeError):
        return error.message or type(error).__name__
    if isinstance(error, OSError) and error.errno:
        return from_os_error(error).message
    text = " ".join(str(error).split())
    name = type(error).__name__
    if isinstance(error, ValueError) and text:
        return text
    return f"{name}: {text}" if text else name
