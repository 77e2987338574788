"""Time and wavelength of an image, and the file name that carries them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import PurePath

from astrodome import times

NAME = re.compile(r"(\d{4}-\d\d-\d\dT\d{6})__(\d+)")
TIME = "%Y-%m-%dT%H%M%S"


def file_name(t_obs: datetime, wavelength: int) -> str:
    """The name of the image at ``t_obs`` (UTC) and ``wavelength`` (angstrom).

    >>> file_name(datetime(2012, 3, 7, 0, 2, 8, tzinfo=UTC), 171)
    '2012-03-07T000208__171.jpeg'
    """
    return f"{times.naive(t_obs).strftime(TIME)}__{wavelength}.jpeg"


def parse(name: str | PurePath) -> tuple[datetime, int] | None:
    """Time (UTC) and wavelength (angstrom) in a file name; None when it carries none.

    Folder, ending and what follows the wavelength (the number of a patch) do not matter.
    """
    found = NAME.match(PurePath(name).name)
    if not found:
        return None
    try:
        return datetime.strptime(found[1], TIME).replace(tzinfo=UTC), int(found[2])
    except ValueError:
        return None
