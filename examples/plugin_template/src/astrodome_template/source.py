"""A source of synthetic images, which does not need a network connection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from astrodome import InvalidInputError, files, settings
from PIL import Image

from . import disk
from .settings import SyntheticSettings

RADIUS = 0.4
"""Radius of a disk, relative to the width of the image."""


class SyntheticDisks:
    """A source of synthetic disks, which depend only on time, wavelength and settings."""

    def search(
        self, start: datetime, end: datetime, freq: str, wavelength: Sequence[int]
    ) -> pd.DataFrame:
        """Return one row per image from ``start`` to ``end`` (UTC), both included.

        The columns are ``t_obs`` (UTC), ``wavelength`` (angstrom), ``size`` and ``radius``
        (pixels), ``limb_darkening``, ``spots`` and ``seed``.
        """
        chosen = settings.section("synthetic", SyntheticSettings)
        try:
            times = pd.date_range(start, end, freq=freq)
        except ValueError as error:
            raise InvalidInputError(
                f"Invalid interval '{freq}': expected a pandas frequency, for example 60min or 1D."
            ) from error
        rows = pd.MultiIndex.from_product([times, wavelength], names=["t_obs", "wavelength"])
        return rows.to_frame(index=False).assign(radius=RADIUS * chosen.size, **chosen.model_dump())

    def fetch(self, rows: pd.DataFrame, target: Path) -> Iterator[Path]:
        """Write the images in a table to the folder ``target``, and keep existing files."""
        for row in rows.itertuples(index=False):
            path = target / f"{row.t_obs:%Y-%m-%dT%H%M%S}__{row.wavelength}.jpeg"
            if not path.exists():
                image = disk.draw(row.size, row.radius, row.limb_darkening, spots(row))
                with files.replacing(path, sync=False) as part:
                    Image.fromarray(image).save(part, format="JPEG", quality=95)
            yield path


def spots(row: Any) -> Iterator[disk.Spot]:
    """Yield random spots, which depend on the seed, the time and the wavelength of a row."""
    random = np.random.default_rng([row.seed, int(row.t_obs.timestamp()), row.wavelength])
    for _ in range(row.spots):
        r, angle = 0.7 * np.sqrt(random.random()), 2 * np.pi * random.random()
        x, y = r * np.cos(angle), r * np.sin(angle)
        yield disk.Spot(x, y, sigma=random.uniform(0.015, 0.04), depth=random.uniform(0.4, 0.8))
