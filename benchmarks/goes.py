"""``sdo goes`` beside the older tool: the store of eleven years of minutes, and look-ups in it.

Both sides are given the CSV tree that the older tool's download leaves, a file a month.
"""

from __future__ import annotations

import itertools
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from astrodome_goes.archive import read
from astrodome_goes.samples import starts
from pyarrow import compute as pc
from pyarrow import csv
from sunpy.data.test import get_test_filepath

from . import older
from .measure import Figure, cost, in_turn, process, script, worker

FIRST, LAST = np.datetime64("2010-01-01", "D"), np.datetime64("2020-12-31", "D")
WHEN = "2015-06-01T02:20:00"
MANY, FEW = 100_000, 100
"""Times that the new tool and the older one are asked for at once, in turn."""
STORES = 2
"""Turns of the store, which takes the older tool long."""


def goes(place: Path, repeat: int) -> Iterator[Figure]:
    """Store 11 years of minutes, look up one time as a command, and many times inside a process."""
    tree = place / "downloaded"
    rows = _years(tree / "goes_cache")
    program = script("sdo")
    stores = (place / f"store{number}" for number in itertools.count())
    kept: list[Path] = []

    def store() -> float:
        kept.append(next(stores))
        taken = process([program, "goes", "import", tree, "--store", kept[-1]], place)
        return taken.wall

    with (
        worker(older.environment("sdo") / "python", "older_goes") as a,
        worker(sys.executable, "ours_goes") as b,
    ):
        seconds = in_turn(lambda: a("convert", folder=tree), store, min(repeat, STORES))
        yield cost(f"store {rows:,} minutes of 11 years", *seconds, "s", "≤ 60 s")
        sizes = (tree / "goes_cache" / "goes_ts.parquet", kept[-1])
        yield cost("size of that store", *([_megabytes(path)] for path in sizes), "MB", "≤ 150 MB")

        get = ["goes", "get", f"--timestamp={WHEN}", "--cache-dir"]
        their = [older.environment("sdo") / "sdo-cli", *get, tree]
        one, two = in_turn(
            lambda: process(their, place), lambda: process([program, *get, kept[-1]], place), repeat
        )
        yield cost("sdo goes get", [x.wall for x in one], [x.wall for x in two], "s", "≤ 0.25 s")
        yield cost(
            "sdo goes get, memory",
            [x.memory for x in one],
            [x.memory for x in two],
            "MB peak",
            "≤ 100 MB",
        )
        times = _times(MANY)
        one, two = in_turn(
            lambda: a("flux", folder=tree, times=times[:FEW]) / FEW * 1e6,
            lambda: b("flux", folder=kept[-1], times=times) / MANY * 1e6,
            repeat,
        )
        yield cost("flux at a time, inside a process", one, two, "µs", "≥ 500")
        yield cost(f"flux at {MANY:,} times", [x * 0.1 for x in one], [x * 0.1 for x in two], "s")


def _years(folder: Path) -> int:
    """Real minutes of two days, each day as bright as chance has it, in the older tool's tree."""
    minutes = np.concatenate(
        [_minutes(name) for name in ("go1520110607.fits", "go1520120601.fits.gz")]
    )
    chance = np.random.default_rng(0)
    rows = 0
    for month in np.arange(FIRST.astype("M8[M]"), LAST.astype("M8[M]") + 1):
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
    """Mean fluxes of the 1,440 minutes of a real day, shape (1, 1440, 2)."""
    samples = read(Path(get_test_filepath(name)))
    minute = samples["timestamp"].astype("M8[m]")
    first = starts(minute)
    count = np.diff(np.r_[first, len(samples)])
    both = [np.add.reduceat(samples[channel], first) / count for channel in ("xrsa", "xrsb")]
    of_day = (minute[first] - minute[-1].astype("M8[D]")).astype(int)
    every = np.arange(1440)
    return np.stack([np.interp(every, of_day, flux) for flux in both], axis=1)[None]


def _times(count: int) -> list[str]:
    chance = random.Random(0)
    span = int((LAST - FIRST) / np.timedelta64(1, "s"))
    return [str(FIRST + np.timedelta64(chance.randrange(span), "s")) for _ in range(count)]


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
