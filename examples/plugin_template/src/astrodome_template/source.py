"""An image source that needs no network: disks drawn with parameters that the rows state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from astrodome import AstrodomeError, files, settings
from PIL import Image

from . import disk
from .settings import SyntheticSettings

RADIUS = 0.4
"""Radius of a disk, in widths of its image."""


class SyntheticDisks:
    """Kind ``images``: the disk of a time and wavelength is the same on every machine."""

    def search(
        self, start: datetime, end: datetime, freq: str, wavelength: Sequence[int]
    ) -> pd.DataFrame:
        """A row an image from ``start`` to ``end`` (UTC), both included.

        Columns: ``t_obs`` (UTC), ``wavelength`` (angstrom), ``size`` and ``radius``
        (pixels), ``limb_darkening``, ``spots`` and ``seed``.
        """
        look = settings.section("synthetic", SyntheticSettings)
        try:
            times = pd.date_range(start, end, freq=freq)
        except ValueError as error:
            raise AstrodomeError(
                f"'{freq}' is no interval of time.", "Give one such as 60min or 1D.", exit_code=2
            ) from error
        rows = pd.MultiIndex.from_product([times, wavelength], names=["t_obs", "wavelength"])
        return rows.to_frame(index=False).assign(radius=RADIUS * look.size, **look.model_dump())

    def fetch(self, rows: pd.DataFrame, target: Path) -> Iterator[Path]:
        """Draw the rows' images into ``target`` and yield each file; one that is there is kept."""
        for row in rows.itertuples(index=False):
            path = target / f"{row.t_obs:%Y-%m-%dT%H%M%S}__{row.wavelength}.jpeg"
            if not path.exists():
                image = disk.draw(row.size, row.radius, row.limb_darkening, spots(row))
                with files.replacing(path, sync=False) as part:
                    Image.fromarray(image).save(part, format="JPEG", quality=95)
            yield path


def spots(row: Any) -> Iterator[disk.Spot]:
    """The spots of a row's image, which follow from its seed, time and wavelength."""
    random = np.random.default_rng([row.seed, int(row.t_obs.timestamp()), row.wavelength])
    for _ in range(row.spots):
        r, angle = 0.7 * np.sqrt(random.random()), 2 * np.pi * random.random()
        x, y = r * np.cos(angle), r * np.sin(angle)
        yield disk.Spot(x, y, sigma=random.uniform(0.015, 0.04), depth=random.uniform(0.4, 0.8))
