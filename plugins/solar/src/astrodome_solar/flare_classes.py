"""Flare classes: a letter for the decade of the 1-8 angstrom flux, and the multiple of it."""

from __future__ import annotations

import math
import re

from astrodome import AstrodomeError

DECADES = {"A": 1e-8, "B": 1e-7, "C": 1e-6, "M": 1e-5, "X": 1e-4}
"""The flux (W/m2) at which each class begins."""


def flare_class(flux: float) -> str:
    """The class of a 1-8 angstrom flux (W/m2), such as ``"M2.5"``; empty for no or negative flux.

    The multiple is cut off after one decimal, as NOAA's Space Weather Prediction
    Center does in its flare lists. X has no upper end (X28.0), A no lower one.
    """
    if not flux > 0 or math.isinf(flux):
        return ""
    flux *= 1 + 1e-6  # 2.5e-5 within the precision of single floats is M2.5, not M2.4
    letter = next((name for name in reversed(DECADES) if flux >= DECADES[name]), "A")
    return f"{letter}{math.floor(10 * flux / DECADES[letter]) / 10:.1f}"


def class_flux(name: str) -> float:
    """The flux (W/m2) at which a class such as ``"M2.5"`` or ``"C"`` begins.

    Raises AstrodomeError when the text is no class.
    """
    match = re.fullmatch(r"([ABCMX])(\d+(?:\.\d*)?)?", name.strip().upper())
    if not match:
        raise AstrodomeError(
            f"'{name}' is no flare class.", "Write A, B, C, M or X and a number: C1.0", exit_code=2
        )
    letter, multiple = match.groups()
    return DECADES[letter] * float(multiple or 1)
