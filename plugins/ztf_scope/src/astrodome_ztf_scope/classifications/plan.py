"""What an upload is asked to do with each row of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from astrodome import AstrodomeError

from . import photometry
from .labels import Label


@dataclass(frozen=True)
class Plan:
    """What is wanted of each row; ``radius`` in arcsec, ``latest`` in d (HJD), magnitudes AB."""

    group_ids: tuple[int, ...]
    labels: tuple[Label, ...] = ()
    comment: str = ""
    threshold: float = 0.0
    origin: str = "SCoPe"
    ml: bool = True
    upvote: bool = False
    check_labelled_box: bool = False
    replace_classifications: bool = False
    radius: float = 2.0
    skip_phot: bool = False
    use_existing_obj_id: bool = False
    match_ids: bool = False
    post_survey_id: bool = False
    survey_id_origin: str = "SCoPe_xmatch"
    plots: tuple[str, ...] = ()
    plot_folder: str = ""
    programmes: tuple[int, ...] = photometry.PROGRAMMES
    latest: float | None = None
    limiting_mag: float | None = None
    instrument: str = "ZTF"


@dataclass(frozen=True)
class Row:
    """A row of the table, by its number from 0."""

    number: int
    values: Mapping[str, Any] = field(hash=False)

    @property
    def name(self) -> str:
        return f"row {self.number}"

    @property
    def position(self) -> tuple[float, float]:
        """RA and Dec (deg); raises AstrodomeError when the row has none."""
        ra, dec = (number(self.values.get(key)) for key in ("ra", "dec"))
        if ra is None or dec is None or not (0 <= ra <= 360 and -90 <= dec <= 90):
            raise AstrodomeError("no position: ra and dec in degrees are needed")
        return ra % 360, dec

    @property
    def period(self) -> float | None:
        """The period (d), if it is one."""
        value = number(self.values.get("period"))
        return value if value and value > 0 else None


def rows(table: pd.DataFrame, start: int = 0, stop: int | None = None) -> list[Row]:
    """The rows of a table from ``start`` to ``stop``, both included."""
    part = table.iloc[start : None if stop is None else stop + 1]
    return [Row(start + n, values) for n, values in enumerate(part.to_dict(orient="records"))]


def number(value: Any) -> float | None:
    """A finite number, or None."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if np.isfinite(found) else None
