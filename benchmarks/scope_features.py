"""Compare the periods and features of light curves with scope-ml and astropy."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from astrodome import compute
from astrodome_ztf_scope.features import simulation

from .measure import Effort, Figure, alone, cost, process, rate, repeated, script, workers

POINTS, DAYS, FREQUENCIES = 300, 1_800.0, 957_000
SLOW = 20_000
"""Number of frequencies for the conditional entropy, because scope-ml requires 150 s for all."""
GOALS = {"CE": "≥ 9e8", "AOV": "≥ 4e8", "FPW": "≥ 4e8", "BLS": "≥ 4e8", "MHF": "≥ 1e8"}


def scope_features(place: Path, effort: Effort) -> Iterator[Figure]:
    """Measure periodograms and features in running processes, and whole commands."""
    yield from _functions(place, effort)
    yield from _searches(place, effort)
    yield from _commands(place, effort)


def _functions(place: Path, effort: Effort) -> Iterator[Figure]:
    short, long = write_curve(place, POINTS), write_curve(place, effort.size(4_000, 400))
    frequencies, slow = effort.size(FREQUENCIES, 2_000), effort.size(SLOW, 500)
    times = effort.size(20, 2)
    with workers("scope", "scope_features") as sides:
        seconds = sides.compare(effort, "lomb_scargle", path=short, frequencies=frequencies)
        title = f"Lomb-Scargle, {POINTS} points, {frequencies:,} frequencies (exact astropy)"
        yield cost(title, *seconds, "s", "≥ 25")
        seconds = sides.compare(
            effort.at_most(2), "conditional_entropy", path=short, frequencies=slow
        )
        title = f"conditional entropy, {POINTS} points, {slow:,} frequencies"
        yield rate(title, *seconds, POINTS * slow, "point·periods")
        for task, goal in (("statistics", "≥ 20"), ("fourier", "≥ 50"), ("dmdt", "≥ 10")):
            older, ours = sides.compare(effort, task, path=short, times=times)
            scaled = [[1e3 * second / times for second in side] for side in (older, ours)]
            yield cost(f"{task} of {POINTS} points", *scaled, "ms", goal)
        older, ours = sides.compare(effort, "dmdt", path=long, times=1)
        scaled = [[1e3 * second for second in side] for side in (older, ours)]
        yield cost("dmdt of 4,000 points", *scaled, "ms", "≥ 30")
        megabytes = sides.compare(effort, "dmdt_memory", path=long)
        yield cost("dmdt of 4,000 points, allocated memory", *megabytes, "MB peak", "≤ 20 MB")


def _searches(place: Path, effort: Effort) -> Iterator[Figure]:
    """Search the default grid of one light curve per CPU."""
    points = effort.size(POINTS, 60)
    path = write_curve(place, points)
    work = compute.cores() * points * 48 * 10 * np.ptp(np.load(path)[0])
    with workers("scope", "scope_features") as sides:
        for algorithm, goal in GOALS.items():
            search = partial(sides.ours, "full_grid", path=path, algorithm=algorithm)
            seconds = repeated(search, effort.at_most(2))
            rates = [work / second for second in seconds]
            title = f"{algorithm}, full grid, {compute.cores()} CPUs"
            yield alone(title, rates, "point·periods/s", goal)


def _commands(place: Path, effort: Effort) -> Iterator[Figure]:
    """Compute all features of simulated sources with a command."""
    for sources in (effort.size(100, 4), effort.size(400, 8)):
        folder = place / str(sources)
        folder.mkdir()
        made = simulation.simulate(sources, points=POINTS)
        made.epochs.to_parquet(folder / "light_curves.parquet")
        curves = made.epochs["_id"].nunique()
        command = [script("scope"), "features", "--file", "light_curves.parquet", "--out"]
        costs = [
            process([*command, f"features{turn}.parquet"], folder)
            for turn in range(effort.at_most(2).repeat)
        ]
        rates = [curves / spent.wall for spent in costs]
        title = f"`scope features`, {curves:,} light curves of {POINTS} points"
        yield alone(title, rates, "light curves/s", "≥ 5")
        yield alone(f"{title}, memory", [spent.memory for spent in costs], "MB peak")


def write_curve(place: Path, points: int) -> Path:
    """Write a light curve with irregular times and a period of 0.7 d, with shape (3, N)."""
    random = np.random.default_rng(points)
    time = 2_458_200 + np.sort(random.uniform(0, DAYS, points))
    error = random.uniform(0.01, 0.05, points)
    mag = 16 + 0.3 * np.sin(2 * np.pi * time / 0.7) + random.normal(0, error)
    path = place / f"curve{points}.npy"
    np.save(path, np.stack([time, mag, error]))
    return path
