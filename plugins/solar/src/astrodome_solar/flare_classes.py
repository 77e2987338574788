"""Convert between the GOES 1-8 angstrom flux and flare classes such as M2.5.

The letter of a class specifies a power of ten, and the number is the multiple of this power.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from astrodome import InvalidInputError

DECADES = {"A": 1e-8, "B": 1e-7, "C": 1e-6, "M": 1e-5, "X": 1e-4}
"""Lower limit of the flux in W/m2, keyed by class."""


def flare_class(flux: Any) -> Any:
    """Return the flare class for one or more fluxes.

    The multiple is truncated to one decimal, as in the flare lists of NOAA's Space Weather
    Prediction Center. Class X has no upper limit (for example X28.0), and class A has no lower
    limit.

    Parameters
    ----------
    flux : float or array_like
        Flux in the 1-8 angstrom channel, in W/m2.

    Returns
    -------
    str or numpy.ndarray of str
        The class, or an array of the same shape as ``flux``. The class is an empty string if the
        flux is NaN, infinite, zero or negative.

    Examples
    --------
    >>> flare_class(2.57e-5)
    'M2.5'
    >>> flare_class([2.57e-5, 1.5e-4])
    array(['M2.5', 'X1.5'], dtype='<U4')
    """
    if np.ndim(flux):
        values = np.asarray(flux, float)
        return np.array([_flare_class(value) for value in values.flat], str).reshape(values.shape)
    return _flare_class(float(flux))


def _flare_class(flux: float) -> str:
    if not flux > 0 or math.isinf(flux):
        return ""
    flux *= 1 + 1e-6  # In single precision, 2.5e-5 is slightly less than M2.5.
    letter = next((name for name in reversed(DECADES) if flux >= DECADES[name]), "A")
    return f"{letter}{math.floor(10 * flux / DECADES[letter]) / 10:.1f}"


def flux_of_class(name: Any) -> Any:
    """Return the lower limit of the flux in one or more flare classes.

    Parameters
    ----------
    name : str or array_like of str
        Flare class, a letter with an optional multiple, for example ``M2.5`` or ``C``.

    Returns
    -------
    float or numpy.ndarray of float
        Flux in the 1-8 angstrom channel, in W/m2, with the same shape as ``name``.

    Raises
    ------
    AstrodomeError
        If a value is not a flare class.

    Examples
    --------
    >>> flux_of_class("X2")
    0.0002
    """
    if np.ndim(name):
        names = np.asarray(name, object)
        return np.array([flux_of_class(value) for value in names.flat]).reshape(names.shape)
    match = re.fullmatch(r"([ABCMX])(\d+(?:\.\d*)?)?", str(name).strip().upper())
    if not match or not float(match[2] or 1):
        raise InvalidInputError(
            f"Invalid flare class '{name}': expected A, B, C, M or X and a number, "
            "for example M2.5."
        )
    return DECADES[match[1]] * float(match[2] or 1)
