"""Convert errors from sunpy and astropy, and suppress their warnings."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

from astrodome import AstrodomeError

_LOCK = RLock()
"""Lock for the warning filters, which are shared by all threads of the process."""


@contextmanager
def converted_errors(failure: str, hint: str = "") -> Iterator[None]:
    """Convert all library errors to AstrodomeError, and suppress library warnings.

    Suppressed warnings may report default values. Therefore, use this function only for calls whose
    default values do not affect the data. ``failure`` describes the failed operation, and the
    message of the original error is appended to it.
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
        except Exception as error:  # sunpy and astropy raise various exceptions.
            text = " ".join(str(error).split()).strip("\"'").removeprefix("Something went wrong: ")
            raise AstrodomeError(f"{failure}: {text or type(error).__name__}", hint) from error
        finally:
            logger.setLevel(level)
