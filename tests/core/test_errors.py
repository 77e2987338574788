"""Errors: their messages, and which of them stop all work."""

from __future__ import annotations

import asyncio
import concurrent.futures
import errno
import pickle

import pytest
from astrodome import AstrodomeError
from astrodome.errors import (
    from_os_error,
    not_found,
    reason,
    stops_everything,
    without_hint,
)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("three\n is broken"), "three is broken"),
        (ValueError(), "ValueError"),
        (KeyError("x"), "KeyError: 'x'"),
        (RuntimeError(" \n"), "RuntimeError"),
        (TimeoutError(), "TimeoutError"),
        (OSError(), "OSError"),
        (concurrent.futures.CancelledError(), "CancelledError"),
        (asyncio.CancelledError(), "CancelledError"),
        (AstrodomeError("The dome is closed.", "Open it."), "The dome is closed. Hint: Open it."),
        (AstrodomeError("The dome is closed", "Open it."), "The dome is closed. Hint: Open it."),
        (AstrodomeError("The dome is closed."), "The dome is closed."),
        (AstrodomeError(""), "AstrodomeError"),
        (OSError(errno.EISDIR, "Is a directory", "/data"), "Is a directory: /data"),
    ],
)
def test_a_reason_is_one_line_and_never_empty(error: BaseException, text: str) -> None:
    assert reason(error) == text


@pytest.mark.parametrize(
    ("number", "stops", "words"),
    [
        (errno.ENOSPC, True, "No space left on the disk while writing /data/x"),
        (errno.EDQUOT, True, "No space left on the disk while writing /data/x"),
        (errno.EROFS, True, "Cannot read or write /data/x"),
        (errno.EACCES, False, "Cannot read or write /data/x"),
        (errno.EPERM, False, "Cannot read or write /data/x"),
        (errno.ENOENT, False, "/data/x"),
        (errno.EIO, False, "/data/x"),
    ],
)
def test_a_full_or_read_only_disk_stops_all_work(number: int, stops: bool, words: str) -> None:
    error = OSError(number, "failed", "/data/x")
    assert stops_everything(error) is stops
    failure = from_os_error(error)
    assert words in failure.message
    message, hint = without_hint(reason(error))
    assert message.rstrip(".") == failure.message.rstrip(".") and hint == failure.hint


def test_the_error_names_the_second_path_of_a_failed_call() -> None:
    error = OSError(errno.ENOSPC, "failed", "/from", None, "/to")
    assert "while writing /to." in from_os_error(error).message


def test_an_error_keeps_its_hint_and_status_between_processes() -> None:
    error = pickle.loads(pickle.dumps(AstrodomeError("wrong", "mend it", exit_code=2)))
    assert (error.message, error.hint, error.exit_code) == ("wrong", "mend it", 2)
    assert AstrodomeError("wrong").exit_code == 1


def test_every_missing_path_has_the_same_wording() -> None:
    error = not_found("/data/x", "Correct it.", kind="Folder", exit_code=2)
    assert (error.message, error.hint) == ("Folder not found: /data/x", "Correct it.")
    assert error.exit_code == 2
    missing = OSError(errno.ENOENT, "No such file or directory", "/data/x")
    assert from_os_error(missing).message == "File or folder not found: /data/x"
