"""Validate the values that models return."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import plugins
from .errors import AstrodomeError
from .hookspecs import ModelSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ROUNDING = 1e-6
"""Tolerance for values outside the bounds. Values within this tolerance are clipped."""


def array(
    value: Any,
    what: str,
    shape: Sequence[int | str],
    backend: Any,
    bounds: tuple[float, float] | None = None,
) -> NDArray[np.float32]:
    """Check an array that a model returned, and convert it to float32.

    Parameters
    ----------
    value : array_like
        Value returned by the model.
    what : str
        Plural noun that names the value in error messages, for example ``scores``.
    shape : sequence of int or str
        Expected shape. A string stands for a dimension of any size, for example ``(3, "Z")``.
    backend : object
        Model that returned the value. Error messages contain its name and distribution.
    bounds : tuple of float, optional
        Smallest and largest valid values.

    Returns
    -------
    numpy.ndarray
        The array with the dtype float32. Values that exceed ``bounds`` by at most ``ROUNDING`` are
        clipped.

    Raises
    ------
    AstrodomeError
        If the value is not an array of real numbers, has another shape, or contains NaN, infinity
        or values outside the bounds.
    """
    import numpy as np

    try:
        given = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise _wrong(backend, what, f"that are not an array: {error}") from error
    if given.dtype.kind not in "fiub":
        kind = type(value).__name__ if given.dtype.kind == "O" else given.dtype
        raise _wrong(backend, what, f"of type {kind}: expected real numbers")
    wanted = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
    if given.ndim != len(shape) or any(
        isinstance(size, int) and size != found
        for size, found in zip(shape, given.shape, strict=True)
    ):
        raise _wrong(backend, what, f"with shape {given.shape}: expected ({wanted})")
    with np.errstate(over="ignore"):
        found = given.astype(np.float32, copy=False)
    bad = ~np.isfinite(found)
    if bad.any():
        raise _wrong(backend, what, f"in which {_example(given, bad)}: expected finite numbers")
    if bounds:
        low, high = bounds
        bad = (found < low - ROUNDING) | (found > high + ROUNDING)
        if bad.any():
            raise _wrong(
                backend,
                what,
                f"in which {_example(given, bad)}: expected values from {low:g} to {high:g}",
            )
        found = np.clip(found, low, high)
    return found


def owner(backend: Any) -> str:
    """Return the name of a model, followed by the distribution that provides it."""
    kind = type(backend)
    package = kind.__module__.partition(".")[0]
    for plugin in plugins.current().plugins:
        for spec in plugin.registered(ModelSpec):
            module, _, name = spec.target.partition(":")
            if module.partition(".")[0] == package and name == kind.__qualname__:
                return f"{spec.name} ({plugin.owner} {plugin.version})".replace(" )", ")")
    return f"{kind.__module__}.{kind.__qualname__}"


def _wrong(backend: Any, what: str, how: str) -> AstrodomeError:
    return AstrodomeError(
        f"The model {owner(backend)} returned {what} {how}.",
        "This is a bug in the model. Report it to its authors.",
    )


def _example(given: NDArray[Any], bad: NDArray[np.bool_]) -> str:
    """Describe the number of invalid values, and the value and index of the first one."""
    import numpy as np

    first = tuple(int(i) for i in np.argwhere(bad)[0])
    place = first[0] if len(first) == 1 else first
    return (
        f"{int(bad.sum())} of {bad.size} values are invalid, for example {given[first]:g} at index "
        f"{place}"
    )
