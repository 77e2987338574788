"""Create and parse image file names that contain the observation time and the channel."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import Any

from .times import parse_time

PATTERN = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d{6})__(?P<wavelength>\d+)(?:_(?P<quantity>[A-Za-z]+?))??"
    r"(?:_lev(?P<level>\d[\d.]*))?(?:__(?P<part>.+))?"
)
TIME_FORMAT = "%Y-%m-%dT%H%M%S"
EXTENSIONS = frozenset({".jpeg", ".jpg", ".png", ".jp2", ".parquet", ".fits", ".npz"})


@dataclass(frozen=True)
class ImageName:
    """The metadata in the name of an image file.

    Attributes
    ----------
    time : datetime.datetime
        Observation time in UTC, in whole seconds.
    wavelength : int
        Wavelength in angstrom.
    quantity : str
        HMI observable, for example ``magnetogram``, or an empty string for AIA intensities.
    level : str
        Processing level, for example ``1.5``, or an empty string for level 1.
    part : str
        Number of the patch, or an empty string for a whole image.
    """

    time: datetime
    wavelength: int
    quantity: str = ""
    level: str = ""
    part: str = ""

    @property
    def channel(self) -> str:
        """Wavelength, observable (if any) and processing level (if any), joined by underscores.

        Examples are ``171_lev1.5`` and ``6173_magnetogram``.
        """
        return _channel(self.wavelength, self.quantity, self.level)


def file_name(time: Any, wavelength: int, quantity: str = "", level: str = "") -> str:
    """Return the file name of an image.

    Parameters
    ----------
    time : str, datetime, numpy.datetime64, pandas.Timestamp or astropy.time.Time
        Observation time in UTC. Fractions of a second are truncated.
    wavelength : int
        Wavelength in angstrom.
    quantity : str
        HMI observable, for example ``magnetogram``, or an empty string for AIA intensities.
    level : str
        Processing level, for example ``1.5``, or an empty string for level 1.

    Returns
    -------
    str
        The name, with the extension ``.jpeg``.

    Examples
    --------
    >>> file_name("2012-03-07T00:02:08.5", 171)
    '2012-03-07T000208__171.jpeg'
    >>> file_name("2012-03-07T00:02:08.5", 6173, "magnetogram")
    '2012-03-07T000208__6173_magnetogram.jpeg'
    """
    channel = _channel(wavelength, quantity, level)
    return f"{parse_time(time).strftime(TIME_FORMAT)}__{channel}.jpeg"


def channel_label(channel: str) -> str:
    """Convert the channel in a file name to a label for plots and tables.

    Examples
    --------
    >>> channel_label("171_lev1.5"), channel_label("6173_magnetogram")
    ('171 Å level 1.5', '6173 Å magnetogram')
    """
    wavelength, *rest = channel.split("_")
    return " ".join([wavelength, "Å", *rest]).replace(" lev", " level ")


def _channel(wavelength: int, quantity: str, level: str) -> str:
    return "_".join(filter(None, (str(wavelength), quantity, level and f"lev{level}")))


def parse_file_name(path: str | os.PathLike[str]) -> ImageName | None:
    """Parse the name of an image file.

    Parameters
    ----------
    path : str or path
        File name, with or without folders and extension.

    Returns
    -------
    ImageName or None
        The metadata, or None if the name does not contain a time and a wavelength.

    Examples
    --------
    >>> parse_file_name("a/2012-03-07T000208__6173_magnetogram__17.jpeg")
    ImageName(time=datetime.datetime(2012, 3, 7, 0, 2, 8), wavelength=6173, \
quantity='magnetogram', level='', part='17')
    """
    path = PurePath(path)
    stem = path.stem if path.suffix.lower() in EXTENSIONS else path.name
    found = PATTERN.fullmatch(stem)
    try:
        time = datetime.strptime(found["time"], TIME_FORMAT) if found else None
    except ValueError:
        return None
    if not found or not time:
        return None
    rest = {key: found[key] or "" for key in ("quantity", "level", "part")}
    return ImageName(time, int(found["wavelength"]), **rest)
