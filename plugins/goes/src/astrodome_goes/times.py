"""Times as the store keeps them: UTC in microseconds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def as_array(times: Sequence[datetime]) -> NDArray[np.datetime64]:
    """UTC times as datetime64[us], shape (N,)."""
    import numpy as np

    return np.array(times, "datetime64[us]")


def as_scalar(time: datetime | None) -> np.datetime64 | None:
    """A UTC time as datetime64[us]."""
    import numpy as np

    return None if time is None else np.datetime64(time, "us")


def as_month(day: date | None) -> np.datetime64 | None:
    """The month of a day as datetime64[M]."""
    import numpy as np

    return None if day is None else np.datetime64(f"{day:%Y-%m}", "M")
