"""A small synthetic survey: stars with light curves in a folder of Parquet files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from astrodome_ztf_scope.marshal.local import LocalMarshal

TOKEN = "0f3c9b1e-token-that-nobody-may-see"
GROUPS = (500, 250, 750)


@dataclass
class Survey:
    """A survey, and the table of its stars."""

    folder: Path
    table: pd.DataFrame

    @property
    def catalogue(self) -> str:
        return f"local:{self.folder}"

    def csv(self, path: Path, **columns: object) -> Path:
        self.table.assign(**columns).to_csv(path, index=False)
        return path


def make(folder: Path, count: int = 6, epochs: int = 12, seed: int = 1) -> Survey:
    """Write stars at intervals of 1 deg, with light curves in g and r at intervals of 0.1 arcsec.

    In every light curve, one epoch is flagged, one is repeated and one belongs to no program.
    """
    random = np.random.default_rng(seed)
    ra = (359.5 + 1.0 * np.arange(count)) % 360
    dec = np.round(random.uniform(-25, 80, count), 6)
    period = random.uniform(0.1, 10, count)
    rows = []
    for star in range(count):
        for band in (1, 2):
            hjd = 2458200.5 + np.sort(random.uniform(0, 900, epochs))
            flags, programmes = np.zeros(epochs, int), np.full(epochs, 2)
            exposures = np.arange(epochs) + 10_000 * star + 1000 * band
            if epochs > 4:
                flags[1], programmes[2], exposures[4] = 32768, 0, exposures[3]
            mag = 17 + 0.3 * np.sin(2 * np.pi * hjd / period[star]) + random.normal(0, 0.02, epochs)
            rows.append(
                {
                    "_id": 10_000_000_000_000 + 10 * star + band,
                    "ra": ra[star] + (band - 1.5) * 1e-5,
                    "dec": dec[star],
                    "filter": band,
                    "hjd": hjd.tolist(),
                    "mag": mag.tolist(),
                    "magerr": np.full(epochs, 0.02).tolist(),
                    "catflags": flags.tolist(),
                    "programid": programmes.tolist(),
                    "expid": exposures.tolist(),
                }
            )
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_parquet(folder / "light_curves.parquet")
    table = pd.DataFrame({"ra": ra, "dec": dec, "period": period})
    table["variable"] = np.round(random.uniform(0.1, 1, count), 2)
    table["flaring"] = np.round(random.uniform(0.1, 1, count), 2)
    return Survey(folder, table)


def local_marshal(path: str, *groups: int, classes: Sequence[str] = ("variable", "flaring")) -> str:
    """Create a marshal file with groups and the taxonomy 7, and return its name."""
    marshal = LocalMarshal(path, create_groups=groups)
    tree = {"class": "All", "subclasses": [{"class": name} for name in classes]}
    marshal.post_taxonomy({"id": 7, "name": "own", "version": "1", "hierarchy": tree})
    return f"local:{path}"


def taxonomy_map(path: Path) -> Path:
    """Write a taxonomy map in the format of the manual."""
    path.write_text(json.dumps({"variable": "variable", "flaring": "flaring", "nice": "None"}))
    return path
