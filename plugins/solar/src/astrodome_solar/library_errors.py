"""Errors and warnings of sunpy and astropy."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

from astrodome import AstrodomeError

_LOCK = RLock()
"""Warning filters belong to the process: only one thread at a time may change them."""


@contextmanager
def converted_errors(failure: str, hint: str = "") -> Iterator[None]:
    """Convert every error of a library to an AstrodomeError, and suppress warnings.

    Use it only for calls whose substituted defaults are not used as data. ``failure`` describes
    what failed; the text of the original error is appended.
    """
    logger = logging.getLogger("sunpy")
    with _LOCK:
        level = logger.level
        logger.setLevel(logging.WARNING)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        except AstrodomeError:
            raise
        except Exception as error:  # sunpy and astropy raise many types of errors
            text = " ".join(str(error).split()) or type(error).__name__
            raise AstrodomeError(f"{failure}: {text}", hint) from error
        finally:
            logger.setLevel(level)
