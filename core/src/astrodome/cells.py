"""Format table cells, with all digits in piped output and fewer digits on a terminal.

In piped output, all digits of a number are printed. On a terminal, the format
depends on the column name: coordinates in degrees have five decimals (0.04 arcsec), and
probabilities have four. Times are rounded to milliseconds, and Julian dates to 1e-8 days. Other
numbers have six significant digits, or more if different values in the column would otherwise
look the same. Integers are never shortened.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

Format = str | Callable[[Any], str]
"""A format specification such as ``".2f"``, or a function that formats one cell."""

DIGITS = 6
"""Minimum number of significant digits on a terminal."""
LONGEST = 17
"""Number of significant digits that distinguishes any two double-precision numbers."""
BY_WORD = {
    **dict.fromkeys(("ra", "dec", "lon", "lat", "longitude", "latitude", "glon", "glat"), ".5f"),
    **dict.fromkeys(("deg", "degrees"), ".5f"),
    **dict.fromkeys(("jd", "bjd", "hjd", "mjd"), ".8f"),
    **dict.fromkeys(("prob", "probability", "probabilities"), ".4f"),
}
"""Format specifications, keyed by a word in the name of a column."""


def exact(value: Any) -> str:
    """Format a value at full precision, and replace tabs and line breaks."""
    return _text(value, str)


def column(name: str, values: Sequence[Any], form: Format | None = None) -> list[str]:
    """Format the values of one column for a terminal.

    ``form`` replaces the format that depends on the column name.
    """
    values = [None if is_missing(value) else value for value in values]
    if callable(form):
        return [_text(value, form) for value in values]
    words = re.split(r"[^a-z]+", name.lower())
    spec = form or next((BY_WORD[word] for word in words if word in BY_WORD), "")
    numbers = [v for v in values if _is_float(v)]
    write = _formatter(spec) if spec else _significant(numbers)
    fine = any(isinstance(v, datetime) and v.microsecond for v in values)
    return [_visible(_text(_rounded(v, fine), write, fine)) for v in values]


def _formatter(spec: str) -> Callable[[Any], str]:
    return lambda value: format(float(value), spec)


def _significant(numbers: Sequence[Any]) -> Callable[[Any], str]:
    """Return a function that formats numbers with a fixed number of significant digits.

    This is the smallest number, but at least ``DIGITS``, for which different numbers have different
    texts.
    """
    finite = [abs(v) for v in map(float, numbers) if v and math.isfinite(v)]
    whole = math.floor(math.log10(max(finite, default=1))) + 1
    least = max(DIGITS, whole) if whole <= LONGEST else DIGITS
    different = len({float(v) for v in numbers if not math.isnan(v)})
    for digits in range(least, LONGEST):
        write = _formatter(f".{digits}g")
        if len({write(v) for v in numbers if not math.isnan(v)}) >= different:
            return write
    return str


def _is_float(value: Any) -> bool:
    """Return whether a value is a Python float or a NumPy floating-point scalar."""
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    return isinstance(value, float) or (kind == "f" and not value.ndim)


def is_missing(value: Any) -> bool:
    """Return whether a value is None, or a pandas missing value other than NaN."""
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def is_number(value: Any) -> bool:
    """Return whether a value is a Python number or a NumPy number."""
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    return isinstance(value, int | float) or kind in tuple("iuf")


def _rounded(value: Any, fine: bool) -> Any:
    """Round a time to milliseconds if ``fine`` is True. Return any other value unchanged."""
    if not (fine and isinstance(value, datetime)):
        return value
    try:
        later = value + timedelta(microseconds=500)
    except OverflowError:
        return value
    return later.replace(microsecond=later.microsecond // 1000 * 1000)


def _text(value: Any, number: Callable[[Any], str], fine: bool | None = None) -> str:
    if is_missing(value):
        return ""
    if _is_float(value):
        return number(value)
    if isinstance(value, datetime) and fine is not None:
        return value.isoformat(timespec="milliseconds" if fine else "seconds")
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    if getattr(value, "ndim", 0):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return ", ".join(_text(item, number, fine) for item in value)
    text = str(value)
    if isinstance(value, Mapping):
        text = ", ".join(f"{key}: {_text(item, number, fine)}" for key, item in value.items())
    return " ".join(text.split())


def _visible(text: str) -> str:
    """Replace control characters, which a terminal would interpret, with escape sequences."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
