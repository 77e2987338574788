"""The contract classes for sources report each fault of a source."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from astrodome import AstrodomeError, SourceSpec, files, hookimpl
from astrodome_solar import file_name, parse_time, to_datetime64
from astrodome_solar.protocols import SourceInfo
from astrodome_solar.testing import EventSourceContract, FluxSourceContract, ImageSourceContract
from PIL import Image

FAULT = ""
"""Fault of the sources in this module."""


class Disks:
    """An image source that draws gray images."""

    @property
    def info(self) -> SourceInfo:
        sizes = ("64",) if FAULT != "sizes" else ()
        return SourceInfo(sizes=sizes, size_bytes={"64": 1000})

    def search(self, start: Any, end: Any, freq: str, wavelength: Any) -> pd.DataFrame:
        first = start - pd.Timedelta("1h") if FAULT == "range" else start
        rows = pd.DataFrame({"t_obs": pd.date_range(first, end, freq=freq, unit="us")})
        rows["wavelength"] = 94 if FAULT == "wavelength" else wavelength[0]
        return rows.rename(columns={"t_obs": "time"}) if FAULT == "column" else rows

    def fetch(self, rows: pd.DataFrame, target: Path) -> Any:
        results = self._results(rows, target)
        return list(results) if FAULT == "eager" else results

    def _results(self, rows: pd.DataFrame, target: Path) -> Iterator[Path]:
        for number, row in enumerate(rows.itertuples()):
            if FAULT == "connection":
                try:
                    socket.create_connection(("127.0.0.1", 9)).close()
                except OSError:
                    if "refused by the test" in str(sys.exc_info()[1]):
                        continue  # The failure is not reported.
            path = target / file_name(row.t_obs, row.wavelength)
            if not path.exists() or FAULT == "overwrite":
                with files.replacing(path, sync=False) as part:
                    level = 100 + (number if FAULT != "overwrite" else len(list(target.iterdir())))
                    Image.new("L", (64, 64), level).save(part, "JPEG")
            if FAULT == "truncated":
                path.write_bytes(path.read_bytes()[:-30])
            if FAULT != "missing" or number:
                yield path


EVENTS = [
    {"event_type": kind, "event_starttime": f"2011-06-07T0{n}:00:00", "event_endtime": end}
    for n, (kind, end) in enumerate(
        [
            ("AR", "2011-06-07T04:00:00"),
            ("FL", "2011-06-07T02:30:00"),
            ("FL", "2011-06-07T03:00:00"),
        ]
    )
]


class Events:
    """An event source with three events."""

    def search(self, start: Any, end: Any, event_types: Any = ()) -> Any:
        found = []
        for event in EVENTS:
            first, last = (parse_time(event[f"event_{name}time"]) for name in ("start", "end"))
            after = first < end if FAULT == "exclusive" else first <= end
            if after and (last >= start or FAULT == "range"):
                selected = not event_types or event["event_type"] in event_types
                if selected or FAULT == "types":
                    found.append(event if FAULT == "shared" else dict(event))
        if FAULT == "keys":
            return [{"event_type": event["event_type"]} for event in found]
        return iter(found) if FAULT == "iterator" else found


class Flux:
    """A flux source with one sample per day."""

    def flux_at(self, times: Any) -> Any:
        stamps = to_datetime64(times)
        days = stamps.astype("M8[D]").astype(int)
        flux = np.where(days > 10_000, 1e-6 * (1 + days % 7), np.nan)
        if FAULT == "unit":
            return flux * 1e7
        if FAULT == "order" and len(flux):
            return flux * np.arange(1, len(flux) + 1)
        if FAULT == "filled":
            return np.nan_to_num(flux, nan=1e-8)
        return flux.astype("f4") if FAULT == "dtype" else flux[None] if FAULT == "shape" else flux


@hookimpl
def register_sources() -> Iterator[SourceSpec]:
    for kind, target in (("images", "Disks"), ("events", "Events"), ("flux", "Flux")):
        yield SourceSpec(kind, "test", f"faulty_sources:{target}", summary="A source.")


class TestDisks(ImageSourceContract):
    plugin = "faulty_sources"
    source = "test"
    search = {
        "start": "2011-06-07",
        "end": "2011-06-07T02:00",
        "freq": "1h",
        "wavelength": [171],
    }


class TestEvents(EventSourceContract):
    plugin = "faulty_sources"
    source = "test"
    search = {"start": "2011-06-07T02:45", "end": "2011-06-07T05:00"}


class TestFlux(FluxSourceContract):
    plugin = "faulty_sources"
    source = "test"
    times = ("2011-06-07", "2011-06-08T12:00")


@pytest.fixture(autouse=True)
def faulty_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this module importable under a name that a plugin can have."""
    monkeypatch.setitem(sys.modules, "faulty_sources", sys.modules[__name__])


FAULTS = [
    *((TestDisks, name) for name in ("sizes", "range", "wavelength", "column", "eager")),
    *((TestDisks, name) for name in ("connection", "overwrite", "truncated", "missing")),
    *((TestEvents, name) for name in ("range", "exclusive", "types", "shared", "keys", "iterator")),
    *((TestFlux, name) for name in ("unit", "order", "filled", "dtype", "shape")),
]


@pytest.mark.parametrize(("contract", "fault"), FAULTS)
def test_each_fault_is_reported(
    contract: type[Any], fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib import import_module

    from astrodome import plugins
    from astrodome.testing.contract import with_kinds

    monkeypatch.setattr(sys.modules[__name__], "FAULT", fault)
    monkeypatch.setattr(sys.modules[__name__], "EVENTS", deepcopy(EVENTS))
    failed = []
    with plugins.using(with_kinds(import_module("faulty_sources"))):
        for name in [name for name in dir(contract) if name.startswith("test_")]:
            folder = tmp_path / name
            folder.mkdir()
            given = {"tmp_path": folder, "count": 1}
            code = getattr(contract, name).__code__
            names = code.co_varnames[1 : code.co_argcount]
            try:
                getattr(contract(), name)(*(given[each] for each in names))
            except (AssertionError, AstrodomeError, KeyError) as error:
                failed.append((name, error))
    assert failed, f"no test of {contract.__name__} reports the fault '{fault}'"
    assert any(isinstance(error, AssertionError | AstrodomeError) for _, error in failed), failed
