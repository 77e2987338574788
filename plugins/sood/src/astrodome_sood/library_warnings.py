"""Suppress library warnings that are not useful for users."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_warnings(module: str, logger: str) -> Iterator[None]:
    """Suppress the warnings that a module issues, and the warnings that a logger logs."""
    log = logging.getLogger(logger)
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=module)
            yield
    finally:
        log.setLevel(level)
