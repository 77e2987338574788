"""Compare ``sdo goes`` with sdo-cli: store eleven years of one-minute data, and look up times.

Both sides read CSV files in the format of sdo-cli, with one file per month.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from astrodome_goes.archives.formats import read_file
from pyarrow import compute as pc
from pyarrow import csv
from sunpy.data.test import get_test_filepath

from . import older
from .measure import Effort, Figure, alone, cost, in_turn, process, repeated, script, workers

YEARS = np.datetime64("2010-01-01", "D"), np.datetime64("2020-12-31", "D")
MONTH = np.datetime64("2015-06-01", "D"), np.datetime64("2015-06-30", "D")
"""First and last day of the data. ``MONTH`` is used for runs with small inputs."""
WHEN = "2015-06-01T02:20:00"
MANY, ONE_BY_ONE = 100_000, 100
"""Number of times to look up in a single call, and number to look up with one call for each."""
STORES = 2
"""Maximum number of imports, because an import with sdo-cli takes half a minute."""


def goes(place: Path, effort: Effort) -> Iterator[Figure]:
    """Store 11 years of data, and look up times with a command and with library calls."""
    tree = place / "downloaded"
    days = MONTH if effort.small else YEARS
    rows = _minutes_as_csv(tree / "goes_cache", *days)
    program = script("sdo")
    stores = (place / f"store{number}" for number in itertools.count())
    kept: list[Path] = []

    def store() -> float:
        kept.append(next(stores))
        taken = process([program, "goes", "import", tree, "--store", kept[-1]], place)
        return taken.wall

    with workers("sdo", "goes") as (a, b):
        seconds = in_turn(
            lambda: a("convert", folder=tree, first=days[0], last=days[1]),
            store,
            effort.at_most(STORES),
        )
        subject = f"`sdo goes import` of {rows:,} minutes (sdo-cli: a library call)"
        yield cost(subject, *seconds, "s", "≤ 60 s")
        sizes = ([_megabytes(x)] for x in (tree / "goes_cache" / "goes_ts.parquet", kept[-1]))
        yield cost("size of the GOES store", *sizes, "MB", "≤ 150 MB")

        get = ["goes", "get", f"--timestamp={WHEN}", "--cache-dir"]
        their = [older.environment("sdo") / "sdo-cli", *get, tree]
        costs = in_turn(
            lambda: process(their, place), lambda: process([program, *get, kept[-1]], place), effort
        )
        walls, peaks = (
            [[getattr(x, name) for x in side] for side in costs] for name in ("wall", "memory")
        )
        yield cost("`sdo goes get`, 11 years stored", *walls, "s", "≤ 0.25 s")
        yield cost("`sdo goes get`, memory", *peaks, "MB peak", "≤ 100 MB")
        times = _times(effort.size(MANY, ONE_BY_ONE), *days)
        few = times[:ONE_BY_ONE]
        seconds = in_turn(
            lambda: a("flux", folder=tree, times=few) / len(few) * 1e6,
            lambda: b("flux", folder=kept[-1], times=few) / len(few) * 1e6,
            effort,
        )
        yield cost("GOES flux at one time, library call", *seconds, "µs")
        together = repeated(
            lambda: b("flux_in_one_call", folder=kept[-1], times=times) * 1e3, effort
        )
        subject = f"GOES flux at {len(times):,} times, one library call"
        yield alone(subject, together, "ms")


def _minutes_as_csv(folder: Path, first: np.datetime64, last: np.datetime64) -> int:
    """Write months of data to CSV files in the format of sdo-cli, and return the number of rows.

    The data consist of two real days, which are repeated with random scaling factors.
    """
    minutes = np.concatenate(
        [_minutes(name) for name in ("go1520110607.fits", "go1520120601.fits.gz")]
    )
    chance = np.random.default_rng(0)
    rows = 0
    for month in np.arange(first.astype("M8[M]"), last.astype("M8[M]") + 1):
        times = np.arange(month.astype("M8[m]"), (month + 1).astype("M8[m]"))
        days = len(times) // 1440
        flux = minutes[chance.integers(0, len(minutes), days)].reshape(len(times), 2)
        flux = flux * np.repeat(chance.uniform(0.2, 5, days), 1440)[:, None]
        flux = (flux * chance.normal(1, 0.01, flux.shape)).astype("f4")
        good = np.zeros(len(times), "f4")
        text = pc.strftime(pa.array(times.astype("M8[s]")), "%Y-%m-%dT%H:%M:%S")
        names = ["timestamp", "xrsa", "xrsb", "quality_xrsa", "quality_xrsb"]
        table = pa.Table.from_arrays([text, flux[:, 0], flux[:, 1], good, good], names)
        year, number = str(month).split("-")
        path = folder / year / str(int(number)) / "goes_ts.csv"
        path.parent.mkdir(parents=True)
        csv.write_csv(table, path, csv.WriteOptions(quoting_style="none"))
        rows += len(times)
    return rows


def _minutes(name: str) -> np.ndarray:
    """Return the mean fluxes for each minute of a real day as an array with shape (1, 1440, 2)."""
    samples = read_file(Path(get_test_filepath(name)))
    minute = samples["timestamp"].dt.floor("min")
    means = samples.groupby(minute)[["xrsa", "xrsb"]].mean()
    day = pd.date_range(means.index[-1].floor("D"), periods=1440, freq="min")
    return means.reindex(day).interpolate(limit_direction="both").to_numpy()[None]


def _times(count: int, first: np.datetime64, last: np.datetime64) -> list[str]:
    span = (last - first).astype("m8[s]").astype(int)
    seconds = np.random.default_rng(0).integers(0, span, count)
    return (first + seconds.astype("m8[s]")).astype(str).tolist()


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
