"""Conformance tests for sources of the kinds ``images``, ``events`` and ``flux``.

Subclass a contract class in a test module, and set its attributes::

    from astrodome_solar.testing import ImageSourceContract

    class TestCorona(ImageSourceContract):
        plugin = "astrodome_corona.plugin"
        source = "corona"
        search = {"start": "2011-06-07", "end": "2011-06-07T01:00", "freq": "30min",
                  "wavelength": [171]}

The tests of a source that uses a service need a fake server, for example started by a fixture that
sets the service address in an environment variable.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from astrodome import AstrodomeError, files
from astrodome.testing import SourceContract
from astrodome.testing.network import refused
from numpy.typing import NDArray

from .filenames import file_name
from .formats.reading import read_image
from .image_rows import image_rows
from .protocols import FetchedImage, SourceInfo, source_info
from .times import parse_range, parse_time

STATUSES = ("done", "missing", "skipped", "failed")
SEARCH_OPTIONS = ("size", "quality", "calibrate")
KEYS = ("event_type", "event_starttime", "event_endtime")
"""Keys that each record of an event source must have."""
LONG_AGO = "1970-01-01T00:00:00"


def _arguments(search: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of ``search`` with the start time and end time as datetime objects."""
    start, end = parse_range(search["start"], search["end"])
    return {**search, "start": start, "end": end}


class ImageSourceContract(SourceContract):
    """Conformance tests for an image source.

    ``search`` contains the keyword arguments of the method with the same name. The times may be
    strings. The request must find at least two images that can be downloaded.
    """

    kind: ClassVar[str] = "images"
    search: Mapping[str, Any]

    def test_creating_the_source_opens_no_connection(self) -> None:
        with refused() as hosts:
            self.create()
        assert not hosts, f"creating the source opens connections to {', '.join(hosts)}"

    def test_the_capabilities_are_consistent(self) -> None:
        source = self.create()
        given = getattr(source, "info", None)
        assert given is None or isinstance(given, SourceInfo), "info must be a SourceInfo"
        info = source_info(source)
        assert info.connections >= 1 and info.batch >= 1, "connections and batch must be positive"
        assert all(int(w) == w > 0 for w in info.wavelengths), "wavelengths must be positive"
        assert info.parts, "parts must not be empty"
        assert all(each.startswith(".") for each in info.endings), "endings must start with a dot"
        assert info.cadence >= 0, "the cadence must not be negative"
        unknown = set(info.size_bytes) - set(info.sizes)
        assert not unknown, f"size_bytes contains sizes that are not in sizes: {unknown}"
        unknown = set(info.options) - set(SEARCH_OPTIONS)
        assert not unknown, f"unknown options: {unknown}; expected some of {SEARCH_OPTIONS}"
        assert "size" not in info.options or info.sizes, "the option size requires sizes"
        begin, end = (parse_time(text) if text else None for text in info.span)
        assert not (begin and end) or begin <= end, "the span ends before it starts"
        requested = set(self.search["wavelength"])
        missing = requested - set(info.wavelengths) if info.wavelengths else ()
        assert not missing, f"the test requests wavelengths that the source lacks: {missing}"

    def test_search_returns_the_requested_images_with_their_columns(self) -> None:
        source, request = self.create(), _arguments(self.search)
        rows = _table(source.search(**request))
        assert len(rows) >= 2, f"search finds {len(rows)} images: expected at least 2"
        assert rows.index.is_unique, "the index labels of the rows are not unique"
        inside = rows["t_obs"].between(request["start"], request["end"])
        assert inside.all(), f"{(~inside).sum()} rows are outside the requested time range"
        wavelengths = set(rows["wavelength"].tolist())
        unexpected = wavelengths - set(request["wavelength"])
        assert not unexpected, f"search returns wavelengths that were not requested: {unexpected}"
        names = _names(rows)
        assert names.is_unique, "several rows have the same file name"

    def test_search_is_repeatable(self) -> None:
        request = _arguments(self.search)
        first, second = (self.create().search(**request) for _ in range(2))
        pd.testing.assert_frame_equal(first, second)

    def test_every_option_is_accepted(self) -> None:
        source = self.create()
        info, request = source_info(source), _arguments(self.search)
        values = {"size": info.sizes[-1:] and info.sizes[-1], "quality": 0, "calibrate": False}
        for name in info.options:
            rows = source.search(**{**request, name: values[name]})
            assert isinstance(rows, pd.DataFrame), f"search with {name} returns no table"

    def test_fetch_downloads_on_demand(self, tmp_path: Path) -> None:
        source, rows = self._found()
        with refused() as hosts:
            results = source.fetch(rows, tmp_path)
        assert not hosts, "fetch opens connections before its results are used: use yield"
        assert iter(results) is not None
        assert not list(tmp_path.iterdir()), "fetch writes files before its results are used"

    def test_fetch_returns_one_result_per_row_and_complete_files(self, tmp_path: Path) -> None:
        source, rows = self._found()
        done = _checked(rows, source.fetch(rows, tmp_path), tmp_path)
        assert done, "no image was downloaded"
        names = _names(rows)
        for label, path in done.items():
            row = rows.loc[label]
            assert path.name == names[label], f"expected the file {names[label]}, got {path.name}"
            read_image(path, date=row["t_obs"], wavelength=int(row["wavelength"])).data  # noqa: B018
        assert not list(tmp_path.rglob(f"*{files.PART}")), "temporary files remain"

    def test_fetching_again_has_the_same_result(self, tmp_path: Path) -> None:
        first = self._contents(tmp_path)
        assert self._contents(tmp_path) == first, "fetching again changes the files"

    def test_an_interrupted_download_can_be_repeated(self, tmp_path: Path) -> None:
        expected = self._contents(tmp_path / "complete")
        folder = tmp_path / "interrupted"
        folder.mkdir()
        source, rows = self._found()
        results = iter(source.fetch(rows, folder))
        next(results)
        if close := getattr(results, "close", None):
            close()
        assert self._contents(folder) == expected, "the resumed download has another result"

    def test_failures_are_reported(self, tmp_path: Path) -> None:
        request = _arguments(self.search)
        source, rows = self._found()
        with refused() as hosts:
            try:
                _checked(rows, source.fetch(rows, tmp_path), tmp_path)
            except AstrodomeError as error:
                assert str(error).strip(), "the error has no message"
        if hosts:
            source = self.create()
            with refused() as hosts:
                try:
                    source.search(**request)
                except AstrodomeError as error:
                    assert str(error).strip(), "the error has no message"
                else:
                    assert not hosts, "search ignores that the service cannot be reached"

    def _found(self) -> tuple[Any, pd.DataFrame]:
        source = self.create()
        return source, source.search(**_arguments(self.search))

    def _contents(self, folder: Path) -> dict[str, str]:
        """Download the images, and return the digests of the files keyed by name."""
        folder.mkdir(exist_ok=True)
        source, rows = self._found()
        done = _checked(rows, source.fetch(rows, folder), folder)
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in done.values()}


def _table(found: Any) -> pd.DataFrame:
    """Return the result of ``search`` as a table with times in UTC."""
    try:
        return image_rows(found)
    except ValueError as error:
        raise AssertionError(f"invalid result of search: {error}") from None


def _names(rows: pd.DataFrame) -> pd.Series:
    """Return the file name of each row."""
    if "file_name" in rows:
        return rows["file_name"]
    pairs = zip(_table(rows)["t_obs"], rows["wavelength"], strict=True)
    return pd.Series([file_name(time, wavelength) for time, wavelength in pairs], rows.index)


def _checked(rows: pd.DataFrame, results: Any, folder: Path) -> dict[Any, Path]:
    """Check the results of ``fetch``, and return the paths of the downloaded files by row label."""
    labels = {name: label for label, name in _names(rows).items()}
    done: dict[Any, Path] = {}
    seen = []
    for result in results:
        if isinstance(result, Path):
            assert result.name in labels, f"fetch returns {result.name}, which was not requested"
            result = FetchedImage(labels[result.name], result)
        assert isinstance(result, FetchedImage), f"fetch yields {type(result).__name__}"
        assert result.row in rows.index, f"fetch yields a result for the unknown row {result.row}"
        assert result.status in STATUSES, f"unknown status '{result.status}'"
        seen.append(result.row)
        if result.status == "done":
            path = result.path
            assert path is not None and path.is_file(), f"the file of row {result.row} is missing"
            assert folder in path.parents, f"{path} is not in the folder {folder}"
            done[result.row] = path
        else:
            assert result.reason.strip(), f"the status '{result.status}' has no reason"
    assert sorted(map(str, seen)) == sorted(map(str, rows.index)), (
        f"expected one result for each of {len(rows)} rows, got {len(seen)}"
    )
    return done


class EventSourceContract(SourceContract):
    """Conformance tests for an event source.

    ``search`` contains the keyword arguments ``start`` and ``end`` of the method with the same
    name. The times may be strings. The time range must contain at least one event.
    """

    kind: ClassVar[str] = "events"
    search: Mapping[str, Any]

    def test_creating_the_source_opens_no_connection(self) -> None:
        with refused() as hosts:
            self.create()
        assert not hosts, f"creating the source opens connections to {', '.join(hosts)}"

    def test_records_overlap_the_time_range_and_have_the_required_keys(self) -> None:
        request, records = self._found()
        for record in records:
            lacking = [key for key in KEYS if not record.get(key)]
            assert not lacking, f"a record has no value for {', '.join(lacking)}"
            first, last = (parse_time(record[key]) for key in KEYS[1:])
            assert first <= last, f"an event ends at {last}, before its start at {first}"
            assert first <= request["end"] and last >= request["start"], (
                f"the event from {first} to {last} is outside the time range"
            )
        json.dumps(records)

    def test_search_is_repeatable_and_returns_copies(self) -> None:
        request, records = self._found()
        expected, source = deepcopy(records), self.create()
        source.search(**request)[0]["event_type"] = "changed"
        assert source.search(**request) == expected, "the second search has another result"

    def test_events_can_be_selected_by_type(self) -> None:
        request, records = self._found()
        source = self.create()
        for name in sorted({record["event_type"] for record in records}):
            expected = [record for record in records if record["event_type"] == name]
            found = source.search(**{**request, "event_types": [name]})
            assert found == expected, f"the selection of the type {name} differs"

    def test_the_start_and_end_of_the_time_range_are_inclusive(self) -> None:
        _, records = self._found()
        source = self.create()
        for key in KEYS[1:]:
            time = parse_time(records[0][key])
            assert records[0] in source.search(time, time), f"the event is not found at its {key}"

    def test_failures_are_reported(self) -> None:
        request, records = self._found()
        with refused():
            try:
                found = self.create().search(**request)
            except AstrodomeError as error:
                assert str(error).strip(), "the error has no message"
            else:
                assert found == records, "the result differs if the service cannot be reached"

    def _found(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        request = _arguments(self.search)
        records = self.create().search(**request)
        assert isinstance(records, list), f"search returns {type(records).__name__}"
        assert records, "search finds no events"
        assert all(isinstance(record, dict) for record in records), "a record is not a dict"
        return request, records


class FluxSourceContract(SourceContract):
    """Conformance tests for a flux source.

    ``times`` are UTC times as strings. The flux must be known at one or more of them.
    """

    kind: ClassVar[str] = "flux"
    times: Sequence[str]

    def test_creating_the_source_opens_no_connection(self) -> None:
        with refused() as hosts:
            self.create()
        assert not hosts, f"creating the source opens connections to {', '.join(hosts)}"

    def test_the_flux_is_positive_or_nan(self) -> None:
        flux = self._flux(list(self.times))
        known = flux[np.isfinite(flux)]
        assert known.size, "the flux is unknown at all times"
        assert not np.isinf(flux).any(), "the flux is infinite"
        assert (known > 0).all() and (known < 1).all(), f"expected values in W/m2, got {known}"

    def test_each_value_depends_only_on_its_time(self) -> None:
        expected = self._flux(list(self.times))
        np.testing.assert_array_equal(self._flux(list(self.times)[::-1])[::-1], expected)
        single = [self._flux([time])[0] for time in self.times]
        np.testing.assert_array_equal(single, expected)

    def test_times_of_all_types_are_accepted(self) -> None:
        expected = self._flux(list(self.times))
        parsed: list[datetime] = [parse_time(time) for time in self.times]
        for given in (parsed, np.array(parsed, "datetime64[us]"), pd.DatetimeIndex(parsed)):
            np.testing.assert_array_equal(self._flux(given), expected)

    @pytest.mark.parametrize("count", [0, 1])
    def test_unknown_times_have_no_flux(self, count: int) -> None:
        flux = self._flux([LONG_AGO] * count)
        assert np.isnan(flux).all(), f"expected NaN at {LONG_AGO}, got {flux}"

    def _flux(self, times: Any) -> NDArray[np.float64]:
        flux: NDArray[np.float64] = self.create().flux_at(times)
        assert isinstance(flux, np.ndarray), f"flux_at returns {type(flux).__name__}"
        assert flux.shape == (len(times),), f"expected the shape ({len(times)},), got {flux.shape}"
        assert flux.dtype == np.float64, f"expected the dtype float64, got {flux.dtype}"
        return flux
