"""Convert the epochs of a light curve to arrays that the features are computed from."""

from __future__ import annotations

from typing import Any

import numpy as np
from astrodome import InvalidInputError

from .kernels import Array, compiled


def valid_epochs(time: Any, mag: Any, magerr: Any) -> tuple[Array, Array, Array]:
    """Return the times in days, magnitudes and errors of the valid epochs, sorted by time.

    An epoch is valid if its values are finite and the magnitude error is positive. Epochs with
    equal times keep their order.

    Raises InvalidInputError if the arrays are not one-dimensional or differ in length, or if a unit
    is unsuitable.
    """
    t, m, e = (
        plain_values(time, "d", "time"),
        plain_values(mag, "mag", "mag"),
        plain_values(magerr, "mag", "magerr"),
    )
    check_shapes(time=t, mag=m, magerr=e)
    if _are_valid_and_sorted(t, m, e):
        return t, m, e
    known = np.isfinite(t) & np.isfinite(m) & np.isfinite(e) & (e > 0)
    t, m, e = t[known], m[known], e[known]
    order = np.argsort(t, kind="stable")
    return t[order], m[order], e[order]


def plain_values(data: Any, unit: str, name: str) -> Array:
    """Return values without a unit as a float64 array.

    Numbers without a unit are returned unchanged, and masked values become NaN.

    Parameters
    ----------
    data : array_like, astropy.units.Quantity or astropy.time.Time
        The values. A Time object is converted to Julian dates.
    unit : str
        Unit of the returned values.
    name : str
        Name of the argument, for the error message.

    Raises
    ------
    InvalidInputError
        If the unit of the data cannot be converted to ``unit``, or a value is not a number.
    """
    if type(data) is np.ndarray and data.dtype == np.float64 and data.flags.carray:
        return data
    if hasattr(data, "jd"):
        data = data.jd
    elif (given := getattr(data, "unit", None)) is not None:
        given = getattr(given, "function_unit", given)  # For example, mag instead of mag(AB).
        try:
            data = given.to(unit, _unmasked(data.value))
        except ValueError:  # UnitConversionError
            raise InvalidInputError(
                f"Invalid unit '{given}' for '{name}': cannot be converted to '{unit}'.",
                f"Pass numbers without a unit, or a quantity in '{unit}'.",
            ) from None
    try:
        # A read-only array would be another type for Numba, and compile all functions once more.
        return np.array(_unmasked(data), np.float64, order="C", ndmin=1)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"Invalid values for '{name}': {error}") from None


def check_shapes(**arrays: Array) -> None:
    """Raise InvalidInputError unless all arrays are one-dimensional and have the same length."""
    shapes = {array.shape for array in arrays.values()}
    if len(shapes) > 1 or len(shapes.pop()) != 1:
        found = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise InvalidInputError(
            f"Invalid shapes: {found}.", "Pass one-dimensional arrays with the same length."
        )


def _unmasked(data: Any) -> Any:
    """Replace the masked values in an array by NaN."""
    if isinstance(data, np.ma.MaskedArray):
        return np.ma.filled(data.astype(np.float64), np.nan)
    return data


@compiled
def _are_valid_and_sorted(t: Array, m: Array, e: Array) -> bool:
    """Return whether all epochs are valid and sorted by time."""
    previous = -np.inf
    for i in range(len(t)):
        # A comparison with NaN is false.
        if not (previous <= t[i] < np.inf and abs(m[i]) < np.inf and 0 < e[i] < np.inf):
            return False
        previous = t[i]
    return len(t) == 0 or t[0] > -np.inf
