"""Check the table of images that the method ``search`` of an image source returns."""

from __future__ import annotations

from typing import Any

import pandas as pd

REQUIRED = ("t_obs", "wavelength")


def image_rows(found: Any) -> pd.DataFrame:
    """Return a table of images with times in UTC, without a time zone.

    Parameters
    ----------
    found
        Object that the method ``search`` of an image source returned: a table with the columns
        ``t_obs`` (dtype datetime64, UTC or with a time zone) and ``wavelength`` (in angstroms).

    Returns
    -------
    pandas.DataFrame
        The table, in which ``t_obs`` has no time zone.

    Raises
    ------
    ValueError
        If the object is not a table, or if a column is missing or has another dtype.

    Examples
    --------
    >>> times = pd.to_datetime(["2011-06-07T08:41+02:00"])
    >>> image_rows(pd.DataFrame({"t_obs": times, "wavelength": [171]}))["t_obs"][0]
    Timestamp('2011-06-07 06:41:00')
    """
    if not isinstance(found, pd.DataFrame):
        raise ValueError(
            f"expected a pandas.DataFrame, got an object of type {type(found).__name__}"
        )
    if missing := [name for name in REQUIRED if name not in found]:
        raise ValueError(f"the column {missing[0]} is missing")
    t_obs = found["t_obs"]
    if not pd.api.types.is_datetime64_any_dtype(t_obs):
        raise ValueError(f"the column t_obs has the dtype {t_obs.dtype}, expected datetime64")
    if t_obs.isna().any():
        raise ValueError("the column t_obs contains missing times")
    if t_obs.dt.tz is not None:
        t_obs = t_obs.dt.tz_convert("UTC").dt.tz_localize(None)
    return found.assign(t_obs=t_obs)
