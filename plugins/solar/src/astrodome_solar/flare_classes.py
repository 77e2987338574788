"""Conversion between the GOES 1-8 angstrom flux and flare classes such as M2.5.

The letter of a class specifies the decade of the flux, and the number is a multiple of it.
"""

from __future__ import annotations

import math
import re

from astrodome import AstrodomeError

DECADES = {"A": 1e-8, "B": 1e-7, "C": 1e-6, "M": 1e-5, "X": 1e-4}
"""Lower limit of the flux in W/m2, keyed by class."""


def flare_class(flux: float) -> str:
    """Return the flare class for a flux.

    The multiple is truncated to one decimal, like in the flare lists of NOAA's Space Weather
    Prediction Center. Class X has no upper limit (for example X28.0), and class A has no lower
    limit.

    Parameters
    ----------
    flux : float
        Flux in the 1-8 angstrom channel, in W/m2.

    Returns
    -------
    str
        The class, or an empty string if the flux is NaN, infinite, zero or negative.

    Examples
    --------
    >>> flare_class(2.57e-5)
    'M2.5'
    """
    if not flux > 0 or math.isinf(flux):
        return ""
    flux *= 1 + 1e-6  # In single precision, 2.5e-5 is slightly less than M2.5.
    letter = next((name for name in reversed(DECADES) if flux >= DECADES[name]), "A")
    return f"{letter}{math.floor(10 * flux / DECADES[letter]) / 10:.1f}"


def flux_of_class(name: str) -> float:
    """Return the lower limit of the flux in a flare class.

    Parameters
    ----------
    name : str
        Flare class, a letter with an optional multiple, for example ``M2.5`` or ``C``.

    Returns
    -------
    float
        Flux in the 1-8 angstrom channel, in W/m2.

    Raises
    ------
    AstrodomeError
        If the text is not a flare class.

    Examples
    --------
    >>> flux_of_class("X2")
    0.0002
    """
    match = re.fullmatch(r"([ABCMX])(\d+(?:\.\d*)?)?", name.strip().upper())
    if not match or not float(match[2] or 1):
        raise AstrodomeError(
            f"Invalid flare class '{name}': expected A, B, C, M or X and a number, "
            "for example M2.5.",
            exit_code=2,
        )
    return DECADES[match[1]] * float(match[2] or 1)
