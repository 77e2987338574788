"""Read and validate the FITS keywords of solar images.

Missing and impossible values are returned as None. Library defaults are never used.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from astrodome import AstrodomeError
from astropy import units as u
from astropy.time import Time

from ..times import parse_time

Keywords = Mapping[str, Any]
"""FITS keywords in lower case."""
DATES = ("date-obs", "date_obs", "date-beg", "date-avg", "date-end", "t_obs")
"""Keywords for the observation time, in order of preference."""
DISTANCES = 1e10, 1e12
"""Smallest and largest plausible distances from the Sun, in meters."""
RADII = ("rsun_obs", "solar_r", "radius")
LARGEST_RADIUS = 20_000.0
"""Largest plausible apparent solar radius, in arcsec."""


def number(header: Keywords, *keys: str) -> float | None:
    """Return the value of the first keyword that contains a finite number, or None."""
    for key in keys:
        try:
            value = float(header.get(key, math.nan))
        except (TypeError, ValueError):
            continue
        if math.isfinite(value):
            return value
    return None


def text(header: Keywords, *keys: str) -> str:
    """Return the value of the first keyword that is not empty, or an empty string."""
    return next(
        (str(header[key]).strip() for key in keys if str(header.get(key) or "").strip()), ""
    )


def time_of_observation(header: Keywords, date: Any = None) -> datetime:
    """Return the observation time in UTC.

    The first keyword with a valid time is used. If no keyword contains a valid time, ``date`` is
    used. Raises AstrodomeError if ``date`` is also None. The message contains the first invalid
    keyword.
    """
    scale = text(header, "timesys").lower() or "utc"
    invalid = ""
    if scale not in Time.SCALES:
        invalid = f"TIMESYS is not a known time scale: {header['timesys']!r}"
    for key in () if invalid else DATES:
        value = _with_time_of_day(header, key)
        try:
            if value:
                return parse_time(value, scale)
        except AstrodomeError:
            invalid = invalid or f"{key.upper()} is not a valid time: {header[key]!r}"
    if date is not None:
        return parse_time(date)
    raise AstrodomeError(
        f"{invalid or 'DATE-OBS and T_OBS are missing'}. "
        "Specify the time with the parameter 'date'."
    )


def _with_time_of_day(header: Keywords, key: str) -> str:
    """Return a date with the time of day, which older headers contain in a separate keyword."""
    date = text(header, key)
    if date and ":" not in date:
        clock = text(header, key.replace("date", "time"), key.replace("date-", "time_"))
        return f"{date}T{clock}" if ":" in clock else f"{date} without a time of day"
    return date


def wavelength_angstrom(header: Keywords, given: int | None = None) -> int:
    """Return the wavelength in angstrom, or ``given`` if the header contains no valid wavelength.

    If WAVEUNIT is missing, the unit is angstrom by convention (SDO, SOHO and STEREO).
    """
    value = number(header, "wavelnth")
    unit = text(header, "waveunit")
    if not value or value < 0:
        if given:
            return given
        raise AstrodomeError(
            "WAVELNTH is missing or not positive. "
            "Specify the wavelength with the parameter 'wavelength'."
        )
    if not unit:
        return round(value)
    try:
        return round(float((value * u.Unit(unit)).to_value(u.AA, u.spectral())))
    except (ValueError, u.UnitConversionError) as error:
        raise AstrodomeError(
            f"Invalid WAVEUNIT {unit!r}: expected a unit of length, for example angstrom."
        ) from error


def quantity(header: Keywords) -> str:
    """Return the HMI observable, for example ``magnetogram``, or an empty string."""
    if not text(header, "instrume").startswith("HMI"):
        return ""
    words = text(header, "content").lower().split()
    words = words[1:] if words[:1] == ["hmi"] else words
    return "".join(words[:2]) if words[:1] == ["line"] else "".join(words[:1])


def level(header: Keywords) -> str:
    """Return the processing level, for example ``1`` or ``1.5``, or an empty string."""
    value = number(header, "lvl_num")
    return "" if value is None else f"{value:g}"


def quality(header: Keywords) -> int | None:
    """Return the bits of the QUALITY keyword as an integer, or None if they are unknown."""
    try:
        return int(text(header, "quality"), 0)
    except ValueError:
        value = number(header, "quality")
        return None if value is None else int(value)


def exposure(header: Keywords) -> float | None:
    """Return the exposure time in seconds, or None if it is unknown."""
    value = number(header, "xposure", "exptime")
    return value if value and value > 0 else None


def distance(header: Keywords) -> float | None:
    """Return the distance between the observer and the Sun in meters, or None if it is unknown."""
    value = number(header, "dsun_obs")
    return value if value and is_distance(value) else None


def is_distance(meters: float) -> bool:
    """Return whether a number is a plausible distance from the Sun in meters."""
    return DISTANCES[0] < meters < DISTANCES[1]


def radius(header: Keywords) -> float | None:
    """Return the apparent solar radius in arcsec, or None if it is unknown."""
    value = number(header, *RADII)
    return value if value and 0 < value < LARGEST_RADIUS else None


def scale(header: Keywords) -> tuple[float, float] | None:
    """Return the pixel scale of both axes in arcsec per pixel, or None if it is unknown."""
    found = []
    for axis in "12":
        step = number(header, f"cdelt{axis}")
        if step is None and f"cd1_{axis}" in header:
            step = math.hypot(*(number(header, f"cd{row}_{axis}") or 0.0 for row in "12"))
        try:
            unit = u.Unit(text(header, f"cunit{axis}").lower())
            found.append(float((step or 0) * unit.to(u.arcsec)))
        except (ValueError, u.UnitConversionError):
            return None
    return (found[0], found[1]) if min(found) > 0 else None


def missing_geometry(header: Keywords) -> list[str]:
    """Return the missing or invalid keywords that define the position of the Sun in the image."""
    missing = [key for key in ("ctype1", "ctype2") if not text(header, key)]
    missing += [key for key in ("crpix1", "crpix2") if number(header, key) is None]
    if scale(header) is None:
        missing += ["cdelt1", "cdelt2", "cunit1", "cunit2"]
    return [key.upper() for key in missing]


def missing_observer(header: Keywords) -> list[str]:
    """Return the missing or invalid keywords that define the position of the observer."""
    ecliptic = [number(header, f"hae{axis}_obs") or math.nan for axis in "xyz"]
    if text(header, "instrume").startswith("AIA") and is_distance(math.hypot(*ecliptic)):
        return []
    missing = [] if distance(header) else ["DSUN_OBS"]
    pairs = (("hgln_obs", "hglt_obs"), ("crln_obs", "crlt_obs"))
    if not any(all(number(header, key) is not None for key in pair) for pair in pairs):
        missing += ["HGLN_OBS", "HGLT_OBS"]
    return missing


def for_sunpy(header: Keywords, time: datetime, wavelength: int) -> dict[str, Any]:
    """Return the keywords for sunpy, with times in UTC, and without invalid times and numbers."""
    scale_name = text(header, "timesys").lower() or "utc"
    dropped = ("timesys", *(() if radius(header) else RADII))
    clean = {
        key: value
        for key, value in header.items()
        if key not in dropped and not (isinstance(value, float) and not math.isfinite(value))
    }
    for key in DATES:
        if key in clean:
            try:
                clean[key] = parse_time(_with_time_of_day(header, key), scale_name).isoformat()
            except AstrodomeError:
                del clean[key]
    if not number(header, "wavelnth"):
        clean |= {"wavelnth": wavelength, "waveunit": "angstrom"}
    return clean | {"date-obs": time.isoformat()}
