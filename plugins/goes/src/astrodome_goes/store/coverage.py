"""What the store holds: from when to when, of which satellites, and where it has gaps."""

from __future__ import annotations

from typing import Any

import numpy as np

from .flux_store import Store
from .samples import PRODUCTS, Samples, good, starts

GAP = 10.0
"""Minutes without a good sample that count as a gap."""


def coverage(
    store: Store,
    start: np.datetime64 | None = None,
    end: np.datetime64 | None = None,
    min_gap: float = GAP,
) -> dict[str, Any]:
    """Coverage of the store between two times (UTC, datetime64[us]), as plain values.

    Gaps are those between good samples that last longer than ``min_gap`` minutes; the time
    before the first sample and after the last counts where ``start`` and ``end`` are given.
    Raises AstrodomeError when the store is empty.
    """
    paths = store.filled()
    satellites: dict[tuple[int, int], dict[str, Any]] = {}
    total = usable = 0
    gaps: list[dict[str, Any]] = []
    first = last = None
    latest = start
    for samples in store.within(start, end):
        total += len(samples)
        first = samples["timestamp"][0] if first is None else first
        last = samples["timestamp"][-1]
        _count(satellites, samples)
        times = samples["timestamp"][good(samples)]
        usable += len(times)
        if len(times):
            gaps += _gaps(times if latest is None else np.r_[latest, times], min_gap)
            latest = times[-1]
    if end is not None:
        gaps += _gaps(np.array([end if latest is None else latest, end], "M8[us]"), min_gap)
    return {
        "store": str(store.folder),
        "megabytes": sum(path.stat().st_size for path in paths.values()) / 1e6,
        "months": len(paths),
        "first": None if first is None else first.item(),
        "last": None if last is None else last.item(),
        "samples": total,
        "good": usable,
        "satellites": [satellites[key] for key in sorted(satellites)],
        "gaps": gaps,
    }


def _count(satellites: dict[tuple[int, int], dict[str, Any]], samples: Samples) -> None:
    origin = samples["satellite"].astype(np.int64) * len(PRODUCTS) + samples["product"]
    for key in np.unique(origin):
        satellite, product = divmod(int(key), len(PRODUCTS))
        of_it = samples[origin == key]
        times = of_it["timestamp"]
        entry = satellites.setdefault(
            (satellite, product),
            {
                "satellite": satellite or None,
                "product": PRODUCTS[product],
                "first": times[0].item(),
                "last": None,
                "days": 0,
                "samples": 0,
                "good": 0,
            },
        )
        entry["last"] = times[-1].item()
        entry["days"] += len(starts(times.astype("M8[D]")))
        entry["samples"] += len(of_it)
        entry["good"] += int(np.count_nonzero(good(of_it)))


def _gaps(times: np.ndarray, min_gap: float) -> list[dict[str, Any]]:
    length = np.diff(times) / np.timedelta64(60, "s")
    return [
        {
            "start": times[place].item(),
            "end": times[place + 1].item(),
            "minutes": round(float(length[place]), 2),
        }
        for place in np.flatnonzero(length > min_gap)
    ]
